"""Probes over a split: nothing moves, and means are what they say."""

from __future__ import annotations

import math

import pytest
import torch

from tpzoo.config import load
from tpzoo.runner.build import Built, build
from tpzoo.runner.measure import measure
from tpzoo.runner.session import modules_of

NORMED = ("architecture=resnet", "architecture.norm=batch", "architecture.width=4", "probes.bp_angle.every=1")


def state(built: Built) -> dict[str, torch.Tensor]:
    parts = modules_of(built).items()
    return {f"{part}.{name}": value.clone() for part, module in parts for name, value in module.state_dict().items()}


@pytest.mark.parametrize("rule", [("rule=bp",), ("feedback=direct", "learner=drl")])
def test_no_weight_map_or_statistic_moves(rule: tuple[str, ...]) -> None:
    loaded = load(None, [*rule, *NORMED])
    built = build(loaded.experiment, loaded.catalogue)
    built.engine.network.eval()
    before, steppers = state(built), (built.engine.forward_weights, built.engine.feedback_weights)
    found = measure(built, built.data.test, 100)
    after = state(built)
    assert all(torch.equal(after[name], value) for name, value in before.items())
    assert (built.engine.forward_weights, built.engine.feedback_weights) == steppers
    assert not built.engine.network.training
    assert {each.batches for each in found.values()} == {3}  # 297 test images
    assert all(math.isfinite(each.mean) and each.sd >= 0 for each in found.values())
    assert {"bp_angle/stem", "bp_angle/head"} <= set(found)


def test_a_batch_in_which_a_figure_is_no_number_is_not_counted() -> None:
    loaded = load(None, ["rule=bp", "probes.activation_angle.every=1", "architecture.hidden=[6]"])
    built = build(loaded.experiment, loaded.catalogue)
    with torch.no_grad():
        built.engine.network.blocks["fc2"].get_parameter("linear.weight").zero_()
    found = measure(built, built.data.test, 100)
    assert found["activation_angle/fc1/bp"].batches == 0
    assert math.isnan(found["activation_angle/fc1/bp"].mean)
    assert found["activation_angle/fc1/bp_samples"].mean == 0
