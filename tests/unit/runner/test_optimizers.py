"""Optimisers: each group with its own settings, against torch's plain versions and the written-out update."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest
import torch

from tpzoo.engine.optimise import WeightStepper
from tpzoo.errors import SettingError
from tpzoo.runner import optimizers

ADAM = SimpleNamespace(betas=(0.9, 0.99), amsgrad=False)


def make_groups(**per_block: tuple[Any, Any]) -> list[dict[str, Any]]:
    generator = torch.Generator().manual_seed(0)
    parameters = [torch.randn(3, generator=generator, dtype=torch.float64).requires_grad_() for _ in range(2)]
    settings = {"lr": (0.1, 0.01), "weight_decay": (0.0, 0.5), **per_block}
    return [
        {"params": [p], "name": f"fc{i}", **{key: values[i] for key, values in settings.items()}}
        for i, p in enumerate(parameters)
    ]


def run(optimizer: torch.optim.Optimizer, steps: int = 5) -> list[torch.Tensor]:
    parameters = [group["params"][0] for group in optimizer.param_groups]
    for number in range(steps):
        for p in parameters:
            p.grad = torch.cos(p.detach() + number)
        optimizer.step()
    return [p.detach() for p in parameters]


@pytest.mark.parametrize(("name", "plain"), [("adam", torch.optim.Adam), ("adamw", torch.optim.AdamW)])
def test_adam_equals_one_plain_optimizer_for_each_block(name: str, plain: Any) -> None:
    eps = (1e-8, 0.3)
    found = run(getattr(optimizers, name)(ADAM, make_groups(eps=eps)))
    for number, group in enumerate(make_groups(eps=eps)):
        alone = plain(
            group["params"], lr=group["lr"], weight_decay=group["weight_decay"], eps=eps[number], betas=ADAM.betas,
            foreach=False, fused=False,
        )  # fmt: skip
        torch.testing.assert_close(found[number], run(alone)[0], rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("fused", [False, True])
def test_a_gradient_that_is_a_transposed_view_steps_every_weight_by_its_own_value(fused: bool) -> None:
    """W = -g after one step of rate 1, whatever the order of g in memory (a fused kernel reads the memory alone)."""
    layer, gradient = torch.nn.Linear(2, 3, bias=False), torch.arange(6.0).view(2, 3).T
    torch.nn.init.zeros_(layer.weight)
    stepper = WeightStepper({"fc1": layer}, torch.optim.SGD(layer.parameters(), lr=1.0, fused=fused))
    stepper.step({"fc1.weight": gradient})
    assert torch.equal(layer.weight.detach(), -gradient)


def test_adam_is_fused_where_there_is_a_kernel() -> None:
    assert optimizers.adam(ADAM, make_groups()).defaults["fused"] is True
    meta = [{"params": [torch.zeros(3, device="meta", requires_grad=True)], "lr": 0.1, "weight_decay": 0.0}]
    assert optimizers.adam(ADAM, meta).defaults["fused"] is False


@pytest.mark.parametrize("nesterov", [False, True])
def test_sgd_follows_its_equation(nesterov: bool) -> None:
    momentum = (0.9, 0.5)
    settings = SimpleNamespace(dampening=0.0, nesterov=nesterov)
    found = run(optimizers.sgd(settings, make_groups(momentum=momentum)))
    for number, group in enumerate(make_groups(momentum=momentum)):
        weights, velocity = group["params"][0].detach().clone(), torch.zeros(3, dtype=torch.float64)
        for step in range(5):
            gradient = torch.cos(weights + step) + group["weight_decay"] * weights
            velocity = momentum[number] * velocity + gradient
            weights -= group["lr"] * (gradient + momentum[number] * velocity if nesterov else velocity)
        torch.testing.assert_close(found[number], weights, rtol=1e-12, atol=1e-12)


def test_plain_sgd_keeps_no_velocity() -> None:
    found = run(optimizers.sgd(SimpleNamespace(dampening=0.0, nesterov=False), make_groups(momentum=(0.0, 0.0))), 1)
    start = make_groups()[0]["params"][0].detach()
    torch.testing.assert_close(found[0], start - 0.1 * torch.cos(start), rtol=1e-14, atol=1e-14)


def test_nesterov_without_momentum_names_the_block() -> None:
    with pytest.raises(SettingError, match="momentum in fc1"):
        optimizers.sgd(SimpleNamespace(dampening=0.0, nesterov=True), make_groups(momentum=(0.9, 0.0)))
    with pytest.raises(SettingError, match="no dampening"):
        optimizers.sgd(SimpleNamespace(dampening=0.1, nesterov=True), make_groups(momentum=(0.9, 0.9)))


def test_rmsprop_follows_its_equation() -> None:
    settings = SimpleNamespace(alpha=0.9, centered=False, momentum=0.0)
    found = run(optimizers.rmsprop(settings, make_groups(eps=(1e-3, 1e-2))))
    for number, group in enumerate(make_groups(eps=(1e-3, 1e-2))):
        weights, square = group["params"][0].detach().clone(), torch.zeros(3, dtype=torch.float64)
        for step in range(5):
            gradient = torch.cos(weights + step) + group["weight_decay"] * weights
            square = 0.9 * square + 0.1 * gradient**2
            weights -= group["lr"] * gradient / (square.sqrt() + group["eps"])
        torch.testing.assert_close(found[number], weights, rtol=1e-12, atol=1e-12)


def test_timm_optimizers_by_name_keep_the_groups() -> None:
    optimizer = optimizers.timm(SimpleNamespace(opt="lamb", options={"betas": (0.8, 0.9)}), make_groups())
    assert type(optimizer).__name__ == "Lamb"
    assert [(g["lr"], g["weight_decay"], g["betas"]) for g in optimizer.param_groups] == [
        (0.1, 0.0, (0.8, 0.9)),
        (0.01, 0.5, (0.8, 0.9)),
    ]
    run(optimizer, 2)


@pytest.mark.parametrize(("opt", "options"), [("no_such", {}), ("lamb", {"no_such": 1})])
def test_what_timm_does_not_know_is_a_setting_error(opt: str, options: dict[str, Any]) -> None:
    with pytest.raises(SettingError, match=opt):
        optimizers.timm(SimpleNamespace(opt=opt, options=options), make_groups())


@pytest.mark.parametrize("name", ["adam", "adamw"])
def test_the_callers_groups_stay_as_they_are(name: str) -> None:
    groups = make_groups()
    keys = [set(group) for group in groups]
    getattr(optimizers, name)(ADAM, groups)
    assert [set(group) for group in groups] == keys


def test_a_saved_state_continues_bit_identically() -> None:
    whole = run(optimizers.adam(ADAM, make_groups()), 4)
    first = optimizers.adam(ADAM, make_groups())
    run(first, 2)
    second = optimizers.adam(ADAM, [{**group, "params": list(group["params"])} for group in make_groups()])
    for ours, theirs in zip(second.param_groups, first.param_groups, strict=True):
        ours["params"][0].data.copy_(theirs["params"][0].data)
    second.load_state_dict(first.state_dict())
    for number in (2, 3):
        for group in second.param_groups:
            group["params"][0].grad = torch.cos(group["params"][0].detach() + number)
        second.step()
    assert all(torch.equal(a, g["params"][0].detach()) for a, g in zip(whole, second.param_groups, strict=True))
