"""The presets of Meulemans et al. 2020: all there, named after their method, with its rates.

Expected numbers are those of the paper's tables, to four digits. The rate used is the one listed over the step size.
"""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Any

import pytest
import torch

from tests.helpers.runs import write_toy_data
from tests.oracle.parts import weights
from tpzoo.config import Experiment, load
from tpzoo.plugin.discovery import load_catalogue
from tpzoo.recipes import recipe_folder
from tpzoo.runner.build import build, with_rate_used

FOLDER = recipe_folder() / "meulemans2020"
PRESETS = [path for name in ("mnist", "fashion_mnist", "frozen_mnist", "cifar10", "cifar10_cnn")
           for path in sorted((FOLDER / name).glob("*.yaml")) if path.stem != "base"]  # fmt: skip
OURS = {"gnt", "ddtp_mlp", "dtp_minimal_norm"}
"""Recipes beside the presets: methods for which no published numbers survive."""
COUNTS = {"mnist": 19, "fashion_mnist": 19, "frozen_mnist": 16, "cifar10": 18, "cifar10_cnn": 7}

METHODS: dict[str, dict[str, Any]] = {
    "bp": {"rule": "bp"},
    "dfa": {"feedback": "direct", "map": "linear", "learner": "frozen"},
    "dtp": {"feedback": "layerwise", "map": "dense", "learner": "reconstruction", "floor": 0.02, "epochs": (0, 0)},
    "dtp_pretrained": {"feedback": "layerwise", "map": "dense", "learner": "reconstruction", "floor": 0.02},
    "dtpdrl": {"feedback": "layerwise", "map": "dense", "learner": "drl"},
    "ddtp_linear": {"feedback": "direct", "map": "linear", "learner": "drl"},
    "ddtp_control": {"feedback": "direct", "map": "linear", "learner": "reconstruction", "scale": "none"},
    "ddtp_rhl": {"feedback": "direct", "map": "random_hidden", "learner": "drl", "recurrent": False},
    "ddtp_rhl_extra": {"feedback": "direct", "map": "random_hidden", "learner": "drl", "recurrent": False},
    "ddtp_rhl_recurrent": {"feedback": "direct", "map": "random_hidden", "learner": "drl", "recurrent": True},
    "ddtp_rhl_recurrent_extra": {"feedback": "direct", "map": "random_hidden", "learner": "drl", "recurrent": True},
}

# preset -> step size, rate used (first block), pre-training and extra feedback epochs
PUBLISHED: dict[str, tuple[float, float, int, int]] = {
    "mnist/bp": (1.0, 0.000297, 0, 0),
    "mnist/dfa": (1.0, 0.0003808, 0, 0),
    "mnist/dtp": (0.2195, 0.0002818, 0, 0),
    "mnist/dtp_pretrained": (0.2959, 0.0002959, 6, 1),
    "mnist/dtpdrl": (0.06859, 0.0004329, 6, 1),
    "mnist/ddtp_linear": (0.06097, 0.0003338, 6, 1),
    "mnist/ddtp_rhl": (0.04352, 0.0006445, 6, 1),
    "mnist/ddtp_rhl_recurrent_extra": (0.03392, 0.001925, 10, 4),
    "mnist/ddtp_control": (0.09417, 0.0009433, 6, 1),
    "frozen_mnist/ddtp_rhl": (0.02481, 0.05138, 10, 0),
    "fashion_mnist/ddtp_linear_train": (0.06121, 0.002371, 6, 1),
    "cifar10/dtp_pretrained": (0.1594, 0.0003623, 10, 2),
    "cifar10_cnn/bp": (1.0, 0.000593, 0, 0),
    "cifar10_cnn/ddtp_linear": (0.01596, 0.01625, 10, 1),
    "cifar10_cnn/ddtp_control": (0.09963, 0.007085, 10, 1),
}


@cache
def preset(path: Path) -> Experiment:
    return load(path, (), load_catalogue()).experiment


def name_of(path: Path) -> str:
    return f"{path.parent.name}/{path.stem}"


def test_all_presets_are_there() -> None:
    found = [path for path in PRESETS if path.stem not in OURS]
    assert {name: sum(path.parent.name == name for path in found) for name in COUNTS} == COUNTS
    assert sum(COUNTS.values()) == 79


@pytest.mark.parametrize("path", [path for path in PRESETS if path.stem not in OURS], ids=name_of)
def test_a_preset_is_the_method_that_its_name_says(path: Path) -> None:
    made, method = preset(path), METHODS[path.stem.removesuffix("_train")]
    assert made.rule.name == method.get("rule", "dtp")
    assert made.batch_size == 128 and made.data.settings.validation == (0 if path.stem.endswith("_train") else 5000)
    assert made.optimizer.forward.name == made.optimizer.feedback.name == "adam"
    if made.rule.name == "bp":
        assert not made.optimizer.forward.settings.divide_by_step_size
        return
    form, learner = made.feedback.settings.map, made.learner.settings
    assert (made.feedback.name, form.name, made.learner.name) == (method["feedback"], method["map"], method["learner"])
    assert made.output.settings.reduction == "mean"
    assert made.rule.settings.local_loss["fc1"] == "sum"
    assert getattr(form.settings, "recurrent", None) == method.get("recurrent")
    assert getattr(learner, "sigma_floor", 0.0) == method.get("floor", 0.0)
    assert getattr(learner, "scale", "inverse_variance") == method.get("scale", "inverse_variance")
    epochs = (made.feedback_training.pretrain_epochs, made.feedback_training.extra_epochs)
    assert epochs == method.get("epochs", epochs)


@pytest.mark.parametrize("path", [FOLDER / f"{name}.yaml" for name in PUBLISHED], ids=name_of)
def test_the_rates_are_the_published_ones(path: Path) -> None:
    made = preset(path)
    step_size, rate, *epochs = PUBLISHED[name_of(path)]
    used = with_rate_used(made.optimizer.forward, made.output).settings.lr.value
    assert (used if isinstance(used, float) else used[0]) == pytest.approx(rate, rel=6e-4)
    if made.rule.name != "bp":
        assert made.output.settings.step_size == pytest.approx(step_size, rel=6e-4)
    assert [made.feedback_training.pretrain_epochs, made.feedback_training.extra_epochs] == epochs


@pytest.mark.parametrize("path", [path for path in PRESETS if path.parent.name == "frozen_mnist"], ids=name_of)
def test_frozen_mnist_trains_the_first_layer_only(path: Path) -> None:
    assert preset(path).optimizer.forward.settings.train == "fc1"


@pytest.mark.parametrize("path", [path for path in PRESETS if path.parent.name == "cifar10_cnn"], ids=name_of)
def test_convolutional_layers_have_a_mean_as_their_loss(path: Path) -> None:
    made = preset(path)
    if made.rule.name != "bp":
        assert [made.rule.settings.local_loss[name] for name in ("conv1", "conv2", "fc1", "fc2")] == [
            "mean", "mean", "sum", "sum",
        ]  # fmt: skip


@pytest.mark.parametrize("method", ["dtp", "ddtp_linear", "ddtp_rhl", "ddtp_control"])
def test_in_a_step_of_frozen_mnist_the_first_layer_moves_and_all_feedback(tmp_path: Path, method: str) -> None:
    words = ["data=npz", f"data.path={write_toy_data(tmp_path)}", "data.validation=0", "architecture.hidden=[6,5,4]"]
    loaded = load(FOLDER / "frozen_mnist" / f"{method}.yaml", [*words, "device=cpu"], load_catalogue())
    built = build(loaded.experiment, load_catalogue())
    engine, split = built.engine, built.data.train
    before = weights(engine)
    engine.train_batch(built.data.prepare(split.x[:16], built.dtype), split.y[:16])
    moved = {name.rpartition(".")[0] for name, value in weights(engine).items() if not torch.equal(value, before[name])}
    maps = {name.rpartition(".")[0] for name in before if name.startswith("feedback.maps")}
    assert {name for name in moved if name.startswith("network")} == {"network.blocks.fc1.linear"}
    assert {name for name in moved if name.startswith("feedback")} == maps
