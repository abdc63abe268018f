"""Checks of optimisers and of schedules of learning rates."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from tpzoo.plugin.records import Record
from tpzoo.plugin.settings import PerName
from tpzoo.testing.outcome import require
from tpzoo.testing.stage import Stage
from tpzoo.testing.watching import copied, same

NAMES = ("fc1", "fc2")
EPOCHS = 5


def weights(stage: Stage) -> list[torch.nn.Parameter]:
    """A matrix for each of two blocks."""
    values = [torch.full((3, 2), 1.0 + i, dtype=torch.float64, device=stage.device) for i in range(len(NAMES))]
    return [torch.nn.Parameter(value) for value in values]


def optimizer(record: Record, stage: Stage, parameters: list[torch.nn.Parameter], smallest: bool = True) -> Any:
    """The optimiser with a group for each block, as the runner makes them."""
    settings = vars(stage.choose(record, smallest).settings)
    resolved = {key: value.resolve(NAMES) for key, value in settings.items() if isinstance(value, PerName)}
    groups = [
        {"params": [p], "name": name, **{key: values[name] for key, values in resolved.items()}}
        for name, p in zip(NAMES, parameters, strict=True)
    ]
    return stage.make(record, groups, smallest=smallest, names=NAMES)


def slope(p: Tensor, step: int) -> Tensor:
    """Some gradient."""
    return torch.linspace(0.5, 1.0 + step, p.numel(), dtype=p.dtype, device=p.device).view_as(p)


def steps_what_has_a_gradient(record: Record, stage: Stage) -> None:
    """Weights with a gradient move against it; those without one, their moments and their decay wait."""
    parameters = weights(stage)
    made = optimizer(record, stage, parameters)
    before = [p.detach().clone() for p in parameters]
    for step in range(3):
        parameters[0].grad = slope(parameters[0], step)
        made.step()
    require((parameters[0] < before[0]).all(), "weights do not move against their gradient")
    require(same(parameters[1].detach(), before[1]), "weights without a gradient moved")


def state_round_trip(record: Record, stage: Stage) -> None:
    """Another optimiser goes on in the same way once it has the state."""
    one, two = weights(stage), weights(stage)
    first = optimizer(record, stage, one)
    _take(first, one, range(3))
    second = optimizer(record, stage, two)
    with torch.no_grad():
        for p, value in zip(two, one, strict=True):
            p.copy_(value)
    second.load_state_dict(copied(first.state_dict()))
    _take(first, one, range(3, 6))
    _take(second, two, range(3, 6))
    require(all(map(same, one, two)), "an optimiser that goes on from its state dict steps otherwise")


def _take(made: Any, parameters: list[torch.nn.Parameter], steps: range) -> None:
    for step in steps:
        for p in parameters:
            p.grad = slope(p, step)
        made.step()


def schedule(record: Record, stage: Stage) -> tuple[torch.optim.Optimizer, Any]:
    """The schedule on plain gradient descent."""
    descent = torch.optim.SGD([torch.zeros(3)], lr=0.1)
    return descent, stage.make(record, descent, EPOCHS)


def rates_stay_rates(record: Record, stage: Stage) -> None:
    """Over all epochs of a run rates are finite, never negative, and not above the one that was asked for."""
    descent, made = schedule(record, stage)
    for epoch in range(EPOCHS):
        rate = float(descent.param_groups[0]["lr"])
        require(0 <= rate <= 0.1 * (1 + 1e-6), f"the rate of epoch {epoch + 1} is {rate}, for one of 0.1")
        descent.step()
        made.step()


def schedule_round_trip(record: Record, stage: Stage) -> None:
    """Another schedule gives the same rates once it has the state."""
    (descent, made), (other, resumed) = schedule(record, stage), schedule(record, stage)
    for _ in range(2):
        descent.step()
        made.step()
    other.load_state_dict(copied(descent.state_dict()))
    resumed.load_state_dict(copied(made.state_dict()))
    for _ in range(2, EPOCHS):
        for each, rates in ((descent, made), (other, resumed)):
            each.step()
            rates.step()
        one, two = (each.param_groups[0]["lr"] for each in (descent, other))
        require(one == two, f"a schedule that goes on from its state dict gives the rate {two}, not {one}")


OPTIMIZERS = (steps_what_has_a_gradient, state_round_trip)
SCHEDULES = (rates_stay_rates, schedule_round_trip)
