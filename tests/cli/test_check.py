"""`tpzoo check`: configs and plugins that are in order, and ten plugins that are broken, each named precisely."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.support.command import assert_message, inside

HEAD = """from dataclasses import dataclass

import torch

from tpzoo import FeedbackLearner, FeedbackMap, LossFunction, MapForm, TargetRule, LossLearner, hookimpl
from tpzoo import SingleStep, WeightUpdate, local_gradients
"""

UPDATE = """
class Made(SingleStep):
{more}

@hookimpl
def tpzoo_updates():
    yield WeightUpdate(name="made", summary="an update", build=Made)
"""

WHEN_LOADED = {
    "import error": ("import not_there", ["cannot be imported", "No module named 'not_there'"]),
    "misspelt hook": (
        HEAD + "@hookimpl\ndef tpzoo_target_rule():\n    yield",
        ["'tpzoo_target_rule', which is not a hook", "Did you mean 'tpzoo_target_rules'?"],
    ),
    "wrong argument": (
        HEAD + "@hookimpl\ndef tpzoo_target_rules(config):\n    yield",
        ["tpzoo_target_rules takes the argument 'config'", "write def tpzoo_target_rules()"],
    ),
    "wrong record type": (
        HEAD + "@hookimpl\ndef tpzoo_target_rules():\n    yield LossFunction(name='a', summary='s', build=print)",
        ["tpzoo_target_rules yielded LossFunction 'a' instead of TargetRule", "yield it from tpzoo_losses"],
    ),
    "duplicate name": (
        HEAD + "@hookimpl\ndef tpzoo_target_rules():\n"
        "    yield from [TargetRule(name='a', summary='s', build=print)] * 2",
        ["yields the rule 'a' twice", "give one another name"],
    ),
    "settings without defaults": (
        HEAD + "@dataclass(frozen=True)\nclass S:\n    width: int\n\n@hookimpl\ndef tpzoo_learners():\n"
        "    yield FeedbackLearner(name='a', summary='s', build=print, config=S)",
        ["learner 'a' has settings without a default: width in S", "every setting needs a default"],
    ),
}

LEAK = """
    def gradients(self, trace, displacements):
        leaking, nodes = dict(displacements), list(trace.passes)
        for below, above in zip(nodes, nodes[1:]):
            if above in displacements:
                leaking[below] = leaking.get(below, 0) + trace[above].vjp(displacements[above])
        return local_gradients(trace, leaking)
"""
SHAPE = """
class Made(FeedbackMap):
    def __init__(self, ends):
        super().__init__()
        self.matrix = torch.nn.Linear(ends.source_shape[0], ends.target_shape[0] + 1)

    def forward(self, u, at):
        return self.matrix(u)

@hookimpl
def tpzoo_feedback_maps():
    yield MapForm(name="made", summary="a map", build=lambda settings, ends: Made(ends))
"""
MOVES = """
class Made(LossLearner):
    def loss(self, edge, trace, feedback, noise):
        with torch.no_grad():
            for weight in trace.network.blocks.parameters():
                weight.mul_(0.99)
        return (edge.map(trace[edge.source].out, feedback.at(edge, trace)) - trace[edge.target].out).square().mean()

@hookimpl
def tpzoo_learners():
    yield FeedbackLearner(name="made", summary="a learner", build=Made, requires=("maps",))
"""
GLOBAL = """
    def gradients(self, trace, displacements):
        noisy = {node: d + 0.01 * torch.randn(d.shape) for node, d in displacements.items()}
        return local_gradients(trace, noisy)
"""

IN_THE_KIT = {
    "an update that leaks gradients across a boundary": (
        UPDATE.format(more=LEAK),
        ["update:made:locality", "the displacement of", "alone moves"],
    ),
    "a map of wrong shape": (SHAPE, ["map:made:shapes_and_dtypes", "has the shape (1, 5), not (1, 4)"]),
    "a learner that moves forward weights": (
        MOVES,
        ["learner:made:forward_weights_untouched", "the learner changed", "weight"],
    ),
    "a draw from the global generator": (
        UPDATE.format(more=GLOBAL),
        ["update:made:deterministic", "draws from the global generator"],
    ),
}


def test_there_are_ten() -> None:
    assert len(WHEN_LOADED) + len(IN_THE_KIT) == 10


@pytest.mark.parametrize("fault", WHEN_LOADED)
def test_the_loader_names_what_is_broken(fault: str, tmp_path: Path) -> None:
    text, parts = WHEN_LOADED[fault]
    path = tmp_path / "broken.py"
    path.write_text(text)
    assert_message(inside("check", path), "broken.py", *parts)


@pytest.mark.parametrize("fault", IN_THE_KIT)
def test_the_kit_names_what_does_not_conform(fault: str, tmp_path: Path) -> None:
    text, parts = IN_THE_KIT[fault]
    path = tmp_path / "broken.py"
    path.write_text(HEAD + text)
    assert_message(inside("check", path), *parts, code=1)


def test_a_broken_plugin_does_not_stop_the_others(tmp_path: Path) -> None:
    broken, unknown = tmp_path / "broken.py", "no_such_target"
    broken.write_text("import not_there")
    done = inside("check", broken, "demo", unknown)
    assert_message(done, "not_there", "'no_such_target' is neither a config, a plugin file, a module nor")
    assert "in order (4 blocks, 3 feedback edges, 1500 examples)" in done.stdout


def test_a_config_that_cannot_be_built_is_named(tmp_path: Path) -> None:
    config = tmp_path / "mine.yaml"
    config.write_text("data: {name: mnist, root: nowhere}\nprecision: float16\n")
    assert_message(inside("check", config), f"{config}:2", "precision")
    config.write_text("optimizer: {forward: {lr: [1, 2]}}\n")
    assert_message(inside("check", config), "lists 2 values for 3 names")


def test_a_module_is_checked_by_its_name() -> None:
    done = inside("check", "tpzoo.zoo.outputs.plugin")
    assert done.returncode == 0, done.stderr
    assert "output argmin" in done.stdout
    assert "conformance:" in done.stdout
    assert "failed" not in done.stdout


def test_only_the_records_that_are_named() -> None:
    done = inside("check", "tpzoo.zoo.outputs.plugin", "--only", "arg*")
    assert done.returncode == 0, done.stderr
    assert "1 record\n" in done.stdout
    assert "output argmin" in done.stdout
    assert "gradient" not in done.stdout


def test_a_pattern_that_names_nothing() -> None:
    done = inside("check", "tpzoo.zoo.outputs.plugin", "--only", "x*")
    assert done.returncode == 2
    assert "no record of 'tpzoo.zoo.outputs.plugin' matches x*" in done.stderr


def test_a_name_that_tpzoo_has_too_is_said(tmp_path: Path) -> None:
    plugin = tmp_path / "mine.py"
    build = "'tpzoo.zoo.losses.cross_entropy:CrossEntropy'"
    text = f"def tpzoo_losses():\n    yield LossFunction(name='mse', summary='s', build={build})\n"
    plugin.write_text(f"{HEAD}\n@hookimpl\n{text}")
    done = inside("check", plugin)
    assert "another plugin has one of this name: a config must write loss=mine/mse" in done.stderr
