"""How layers and overrides are put on top of one another."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.support.config_kit import Load, Problems
from tpzoo import ConfigError, Recipe
from tpzoo.config import load
from tpzoo.config.scalars import parse_scalar
from tpzoo.plugin.catalogue import Catalogue, PluginInfo
from tpzoo.plugin.trust import trust_folder
from tpzoo.recipes import recipe_folder


def test_each_layer_is_stronger_than_the_one_it_extends(load_text: Load) -> None:
    experiment = load_text(
        "extends: middle.yaml\nbatch_size: 3",
        "epochs=4",
        middle="extends: base.yaml\nseed: 2\nbatch_size: 2\nepochs: 2",
        base="device: cpu\nseed: 1\nbatch_size: 1\nepochs: 1",
    ).experiment
    assert (experiment.device, experiment.seed, experiment.batch_size, experiment.epochs) == ("cpu", 2, 3, 4)


def test_a_base_is_relative_to_the_file_that_names_it(
    tmp_path: Path, catalogue: Catalogue, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "a" / "b").mkdir(parents=True)
    (tmp_path / "a" / "root.yaml").write_text("seed: 7")
    (tmp_path / "a" / "b" / "base.yaml").write_text("extends: ../root.yaml")
    (tmp_path / "top.yaml").write_text("extends: a/b/base.yaml")
    loaded = load(tmp_path / "top.yaml", (), catalogue)
    assert loaded.experiment.seed == 7
    assert loaded.origins["seed"] == f"{tmp_path / 'a' / 'root.yaml'}:1"


@pytest.mark.parametrize(
    ("overrides", "name", "high"),
    [
        (("rule=tp", "rule=dtp"), "dtp", 1.0),
        (("rule=tp", "rule.name=dtp"), "dtp", 1.0),
        (("rule.name=tp", "rule=dtp"), "dtp", 1.0),
        (("rule=tp", "rule={name: dtp, high: 2}"), "dtp", 2.0),
        (("rule={name: tp}", "rule=dtp", "rule.high=3"), "dtp", 3.0),
        (("rule.high=3", "rule={high: 4}"), "dtp", 4.0),
        (("rule={high: 4, low: 0}", "rule.high=3"), "dtp", 3.0),
        (("rule='dtp'",), "dtp", 1.0),
    ],
)
def test_the_later_word_holds(load_text: Load, overrides: tuple[str, ...], name: str, high: float) -> None:
    rule = load_text("", *overrides).experiment.rule
    assert (rule.name, rule.settings.high) == (name, high)


def test_a_mistake_that_a_stronger_layer_hides_is_reported_all_the_same(problems: Problems) -> None:
    base = (
        "epochs: x\nrule: {name: dtp, hihg: 1}\nprobes: {norms: {evry: 3}, bp_angle: {evry: 3}}\nloggers: {csv: {a: 1}}"
    )
    overrides = ("epochs=1", "rule=tp", "probes.norms=null", "loggers=null", "probes.bp_angle.every=3")
    assert [line.split(" ")[0] for line in problems("extends: base.yaml", *overrides, base=base)[:-1]] == [
        "base.yaml:1", "base.yaml:2", "base.yaml:3", "base.yaml:3", "base.yaml:4",
    ]  # fmt: skip


def test_a_text_is_a_file_or_a_recipe(catalogue: Catalogue, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "mine.yaml").write_text("seed: 5")
    (tmp_path / "mine.txt").write_text("seed: 6")
    recipe = PluginInfo("p", "p", records=(Recipe(name="my/recipe", path=str(tmp_path / "mine.yaml")),))
    known = Catalogue([*catalogue.plugins, recipe])
    monkeypatch.chdir(tmp_path)
    assert load("mine.txt", (), known).experiment.seed == 6
    assert load("my/recipe", (), known).experiment.seed == 5
    assert load({"extends": ["my/recipe", "mine.txt"]}, (), known).experiment.seed == 6
    for config in ("my/recipes", {"extends": "my/recipes"}):
        with pytest.raises(ConfigError, match=r"no such file, nor a recipe of that name\. Did you mean 'my/recipe'"):
            load(config, (), known)


def test_plugins_of_all_layers_add_up(tmp_path: Path, load_text: Load) -> None:
    for name in ("one", "two"):
        (tmp_path / f"{name}.py").write_text(
            f"from tpzoo import TargetRule, hookimpl\n\n@hookimpl\ndef tpzoo_target_rules():\n"
            f"    yield TargetRule(name={name!r}, summary='s', build=print)\n"
        )
    trust_folder(tmp_path)
    loaded = load_text("extends: base.yaml\nplugins: [two.py]\nrule: two", base="plugins: [one.py]\nrule: one")
    assert [Path(name).stem for name in loaded.experiment.plugins] == ["one", "two"]
    assert loaded.origins["plugins"] == "base.yaml:1, exp.yaml:2"


def test_modules_are_loaded_from_the_command_line_only(
    tmp_path: Path, load_text: Load, catalogue: Catalogue, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "some_module_q.py").write_text(
        "from tpzoo import TargetRule, hookimpl\n\n@hookimpl\ndef tpzoo_target_rules():\n"
        "    yield TargetRule(name='q', summary='s', build=print)\n"
    )
    monkeypatch.syspath_prepend(str(tmp_path))
    loaded = load(None, ("rule=q",), catalogue, plugins=["some_module_q"])
    assert loaded.to_yaml().startswith("# needs --plugin some_module_q\n")
    Path("again.yaml").write_text(loaded.to_yaml())
    assert load(Path("again.yaml"), (), catalogue, ["some_module_q"]).experiment == loaded.experiment
    with pytest.raises(ConfigError, match="unknown rule 'q'"):
        load(Path("again.yaml"), (), catalogue)


def test_a_blocked_plugin_that_a_config_needs_is_a_problem(
    tmp_path: Path, problems: Problems, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "mine.py").write_text("")
    monkeypatch.setenv("TPZOO_BLOCK", "mine")
    assert "is blocked by TPZOO_BLOCK" in problems("plugins: [mine.py]")[0]


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("", None), ("~", None), ("null", None), ("true", True), ("False", False), ("on", "on"), ("no", "no"),
        ("08", 8), ("-7", -7), ("0x1F", 31), ("0o17", 15), ("1_000", "1_000"), ("12:30", "12:30"), ("1e-3", 1e-3),
        ("+.5", 0.5), ("1.", 1.0), (".", "."), ("-.inf", float("-inf")), ("1.2.3", "1.2.3"),
        ("2026-01-01", "2026-01-01"), ("0x", "0x"), ("e5", "e5"), ("1e5", 1e5), ("nan", "nan"),
    ],
)  # fmt: skip
def test_scalars_follow_yaml_1_2(text: str, value: object) -> None:
    found = parse_scalar(text)
    assert found == value
    assert type(found) is type(value)


def test_several_bases_are_layers_weakest_first(load_text: Load) -> None:
    others = {"data": "seed: 1\nepochs: 7\nbatch_size: 5", "method": "seed: 2\nepochs: 8\nrule: tp"}
    found = load_text("extends: [data.yaml, method.yaml]\nseed: 3", **others).experiment
    assert (found.seed, found.epochs, found.batch_size, found.rule.name) == (3, 8, 5, "tp")


def test_a_file_reached_twice_counts_once_where_it_is_weakest(load_text: Load) -> None:
    others = {"root": "epochs: 1", "data": "extends: root.yaml\nepochs: 2", "method": "extends: root.yaml\nseed: 4"}
    found = load_text("extends: [data.yaml, method.yaml]", **others).experiment
    assert (found.epochs, found.seed) == (2, 4)  # the root does not come again, above data


def test_a_circle_of_several_bases_is_an_error(tmp_path: Path, catalogue: Catalogue) -> None:
    (tmp_path / "a.yaml").write_text("extends: [b.yaml, c.yaml]")
    (tmp_path / "b.yaml").write_text("seed: 1")
    (tmp_path / "c.yaml").write_text("extends: a.yaml")
    with pytest.raises(ConfigError, match="extends itself"):
        load(tmp_path / "a.yaml", (), catalogue)


def test_a_mapping_says_what_files_do(catalogue: Catalogue, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "base.yaml").write_text("epochs: 4\nseed: 1")
    given = {
        "extends": "base.yaml",
        "seed": 2,
        "rule": {"name": "dtp", "high": 3},
        "name": "08",
        "checkpoint": {"keep_best": False},
    }
    loaded = load(given, ("batch_size=5",), catalogue)
    found = loaded.experiment
    assert (found.epochs, found.seed, found.batch_size, found.name) == (4, 2, 5, "08")
    assert found.rule.settings.high == 3.0
    assert not found.checkpoint.keep_best
    assert loaded.origins["seed"] == "the mapping"
    with pytest.raises(ConfigError, match="the mapping   epochs: expected a whole number, got 'x'"):
        load({"epochs": "x"}, (), catalogue)


def test_a_recipe_is_loaded_by_its_name() -> None:
    assert load("mnist/dtp").experiment == load(recipe_folder() / "mnist" / "dtp.yaml").experiment
    with pytest.raises(ConfigError, match="no/such"):
        load("no/such")
