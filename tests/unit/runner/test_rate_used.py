"""``optimizer.forward.divide_by_step_size``: the rate used is the rate listed over the output's step size."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.support.runs import catalogue, toy, write_toy_data
from tpzoo.errors import SettingError
from tpzoo.runner.build import build


def rates(tmp_path: Path, *overrides: str) -> dict[str, float]:
    built = build(toy(write_toy_data(tmp_path), *overrides).experiment, catalogue())
    assert built.forward.weights.optimizer is not None
    groups = built.forward.weights.optimizer.param_groups
    return {name: group["lr"] for group in groups for name in group["name"].split(", ")}


@pytest.mark.parametrize("lr", ["0.02", '{"*": 0.02, fc2: 0.04}', "[0.02, 0.04, 0.02]"])
def test_every_rate_is_divided(tmp_path: Path, lr: str) -> None:
    chosen = ("output.step_size=0.5", f"optimizer.forward.lr={lr}")
    listed = rates(tmp_path, *chosen)
    used = rates(tmp_path, *chosen, "optimizer.forward.divide_by_step_size=true")
    assert used == {name: pytest.approx(rate / 0.5) for name, rate in listed.items()}


def test_an_output_without_a_step_size_is_refused(tmp_path: Path) -> None:
    with pytest.raises(SettingError, match="'argmin' has no step_size"):
        rates(tmp_path, "output=argmin", "optimizer.forward.divide_by_step_size=true")


def test_the_maps_have_no_step_size(tmp_path: Path) -> None:
    with pytest.raises(SettingError, match=r"optimizer\.feedback"):
        rates(tmp_path, "optimizer.feedback.divide_by_step_size=true")


def test_backpropagation_has_no_step_size(tmp_path: Path) -> None:
    """Its gradient does not contain the step size either."""
    chosen = ("rule=bp", "output.step_size=0.5", "optimizer.forward.lr=0.02")
    assert rates(tmp_path, *chosen, "optimizer.forward.divide_by_step_size=true") == rates(tmp_path, *chosen)
