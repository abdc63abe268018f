"""The resolved config: it says where values come from, runs again as it is, and has a stable hash."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.config_kit import RICH, Load
from tpzoo import CompatibilityError, ConfigError, SettingError
from tpzoo.config import load, settings_from, smallest, to_plain
from tpzoo.plugin.catalogue import Catalogue
from tpzoo.plugin.trust import trust_folder


@pytest.mark.parametrize(
    ("text", "overrides"),
    [("", ()), (RICH, ()), (RICH, ("rule=bp", "optimizer.forward=rmsprop")), ("", ("loggers=null",))],
)
def test_the_resolved_config_loads_to_the_same_experiment(
    load_text: Load, catalogue: Catalogue, text: str, overrides: tuple[str, ...]
) -> None:
    first = load_text(text, *overrides)
    Path("again.yaml").write_text(first.to_yaml())
    again = load(Path("again.yaml"), (), catalogue)
    assert again.experiment == first.experiment
    assert again.hash == first.hash
    assert again.to_yaml() == first.to_yaml()


def test_origins_name_file_and_line_word_or_default(load_text: Load) -> None:
    origins = load_text(
        "extends: base.yaml\noutput:\n  step_size: 2", "optimizer.forward.lr=3", base="rule: tp\nseed: 1"
    ).origins
    assert origins["seed"] == "base.yaml:2"
    assert origins["rule"] == "base.yaml:1"
    assert origins["output.step_size"] == "exp.yaml:3"
    assert origins["optimizer.forward.lr"] == "command line: optimizer.forward.lr=3"
    assert origins["optimizer.forward.amsgrad"] == "default of optimizer 'adam'"
    assert origins["epochs"] == "default"
    assert origins["name"] == "default: from the name of the file"


def test_every_value_has_an_origin(load_text: Load) -> None:
    loaded = load_text(RICH)
    tree = to_plain(loaded.experiment)

    def check(node: object, path: str) -> None:
        if path in loaded.origins and not (isinstance(node, dict) and "name" in node):
            return
        assert isinstance(node, dict), path
        for key, item in node.items():
            if key != "name" or not path:
                check(item, f"{path}.{key}" if path else key)
            else:
                assert path in loaded.origins

    check(tree, "")


def test_the_hash_ignores_the_order_of_keys_and_whether_defaults_are_written(load_text: Load) -> None:
    plain = load_text("seed: 1\nepochs: 3").hash
    assert load_text("epochs: 3\nseed: 1").hash == plain
    assert load_text("epochs: 3\nseed: 1\nbatch_size: 128\nrule: {name: dtp, low: 0}").hash == plain
    assert load_text("epochs: 3\nseed: 1\nrule: tpzoo/dtp").hash == plain
    assert len(plain) == 10
    assert int(plain, 16) >= 0


@pytest.mark.parametrize(
    "override",
    [
        "name=x",
        "device=cpu",
        "loggers.csv=null",
        "checkpoint.every_epochs=3",
        "data.root=/x",
        "data.download=true",
        "evaluation_batch_size=7",
        "cuda_graphs=true",
        "probes.norms.every=3",
    ],
)
def test_the_hash_ignores_what_changes_no_result(load_text: Load, override: str) -> None:
    assert load_text("", override).hash == load_text("").hash


@pytest.mark.parametrize(
    "override",
    ["seed=1", "epochs=3", "rule=tp", "rule.low=0.5", "precision=tf32", "data.validation=3",
     "optimizer.feedback.lr=3", "feedback.map=linear", "feedback_training.iterations=2"],
)  # fmt: skip
def test_the_hash_changes_with_what_changes_results(load_text: Load, override: str) -> None:
    assert load_text("", override).hash != load_text("").hash


def test_as_a_read_only_container(load_text: Load) -> None:
    from omegaconf import OmegaConf
    from omegaconf.errors import ReadonlyConfigError

    made = load_text("rule: {name: dtp, low: 0.5}").to_omegaconf()
    assert made.rule.low == OmegaConf.select(made, "rule.low") == 0.5
    with pytest.raises(ReadonlyConfigError):
        made.seed = 1


def test_without_a_file_the_experiment_is_named_after_what_it_does(catalogue: Catalogue) -> None:
    assert load(None, ("rule=tp",), catalogue).experiment.name == "digits-tp"


def test_a_combination_that_cannot_work_is_refused(load_text: Load) -> None:
    with pytest.raises(CompatibilityError) as caught:
        load_text("rule: loco\narchitecture: cnn")
    assert str(caught.value) == (
        "rule 'loco' requires 'pre_activation', which architecture 'cnn' does not provide: use architecture 'mlp'."
    )


def test_the_config_s_own_plugin_is_loaded_from_beside_it(
    load_text: Load, tmp_path: Path, catalogue: Catalogue
) -> None:
    (tmp_path / "mine.py").write_text(
        "from tpzoo import TargetRule, hookimpl\n\n@hookimpl\ndef tpzoo_target_rules():\n"
        "    yield TargetRule(name='mine', summary='mine', build=print)\n"
    )
    trust_folder(tmp_path)
    loaded = load_text("plugins: [mine.py]\nrule: mine")
    assert loaded.experiment.rule.distribution == "mine"
    assert loaded.experiment.plugins == (str(tmp_path / "mine.py"),)
    Path("again.yaml").write_text(loaded.to_yaml())
    assert load(Path("again.yaml"), (), catalogue).experiment == loaded.experiment
    assert load(None, ("rule=mine", "plugins=mine.py"), catalogue).experiment.rule.name == "mine"


def test_settings_of_one_component(catalogue: Catalogue) -> None:
    mlp = catalogue.find("architecture", "mlp").record
    assert smallest(mlp, catalogue).hidden == [3]
    assert settings_from(mlp, {"dropout": {"*": 0.5}}, catalogue).dropout.value == {"*": 0.5}
    assert settings_from(catalogue.find("loss", "auto").record, {}, catalogue) is None
    with pytest.raises(ConfigError, match=r"architecture 'mlp'   hidden\[0\]: expected a whole number, got 'x'"):
        settings_from(mlp, {"hidden": ["x"]}, catalogue)


def test_per_name_values_resolve_with_a_clear_error(load_text: Load) -> None:
    iterations = load_text("feedback_training: {iterations: [1, 2]}").experiment.feedback_training.iterations
    assert iterations.resolve(["a", "b"]) == {"a": 1, "b": 2}
    with pytest.raises(SettingError, match="2 values for 3 names"):
        iterations.resolve(["a", "b", "c"])


def test_loading_a_config_imports_no_torch() -> None:
    code = (
        "import sys; sys.path.insert(0, sys.argv[1])\n"
        "from tests.support import toy_zoo; from tpzoo.config import load\n"
        "from tpzoo.plugin.catalogue import Catalogue, PluginInfo; from tpzoo.plugin.collecting import collect\n"
        "load(None, ('rule=bp',), Catalogue([PluginInfo('t', 'tpzoo', records=collect(toy_zoo, 't'))]))\n"
        "heavy = {'torch', 'timm', 'torchvision', 'sklearn', 'numpy'} & set(sys.modules)\n"
        "assert not heavy, heavy"
    )
    subprocess.run([sys.executable, "-c", code, str(Path(__file__).parents[3])], check=True)
