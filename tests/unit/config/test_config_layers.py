"""How layers and overrides are put on top of one another."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.support.config_kit import Load, Problems
from tpzoo import ConfigError
from tpzoo.config import load
from tpzoo.config.scalars import parse_scalar
from tpzoo.plugin.catalogue import Catalogue


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


def test_plugins_of_all_layers_add_up(tmp_path: Path, load_text: Load) -> None:
    for name in ("one", "two"):
        (tmp_path / f"{name}.py").write_text(
            f"from tpzoo import TargetRule, hookimpl\n\n@hookimpl\ndef tpzoo_target_rules():\n"
            f"    yield TargetRule(name={name!r}, summary='s', build=print)\n"
        )
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
