"""Every optimiser of timm resumes to the same bits, or is refused by name with the reason."""

from __future__ import annotations

import io
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from torch import nn

from tests.support.every import for_every
from tpzoo.errors import SettingError
from tpzoo.runner.optimizers import REFUSED, timm


def names() -> list[str]:
    from timm.optim import list_optimizers

    return [str(name) for name in list_optimizers() if name not in REFUSED]


def make(opt: str) -> tuple[nn.Module, torch.optim.Optimizer]:
    with torch.random.fork_rng():
        torch.manual_seed(0)
        network = nn.Sequential(nn.Linear(6, 20), nn.Tanh(), nn.Linear(20, 3))
    groups: list[dict[str, Any]] = [
        {"name": "fc1", "params": list(network[0].parameters()), "lr": 0.01, "weight_decay": 0.01},
        {"name": "fc2", "params": list(network[2].parameters()), "lr": 0.02, "weight_decay": 0.0},
    ]
    return network, timm(SimpleNamespace(opt=opt, options={}), groups)


def train(network: nn.Module, optimizer: torch.optim.Optimizer, steps: range) -> None:
    for step in steps:
        x = torch.randn(8, 6, generator=torch.Generator().manual_seed(step))
        weights = list(network.parameters())
        for weight, gradient in zip(weights, torch.autograd.grad(network(x).square().sum(), weights), strict=True):
            weight.grad = gradient
        optimizer.step()
        for weight in weights:
            weight.grad = None


@for_every("opt", names())
def test_it_resumes_to_the_same_bits(opt: str) -> None:
    try:
        whole, optimizer = make(opt)
    except SettingError as error:
        if "CUDA required" in error.what:  # the kernels of bitsandbytes and of APEX
            return
        raise
    train(whole, optimizer, range(12))
    first, optimizer = make(opt)
    train(first, optimizer, range(7))
    saved = io.BytesIO()
    torch.save(optimizer.state_dict(), saved)
    again, optimizer = make(opt)
    again.load_state_dict(first.state_dict())
    optimizer.load_state_dict(torch.load(io.BytesIO(saved.getvalue()), weights_only=True))
    train(again, optimizer, range(7, 12))
    for one, other in zip(whole.parameters(), again.parameters(), strict=True):
        assert one.equal(other)
        assert one.isfinite().all()


@pytest.mark.parametrize("opt", [*REFUSED, "Kron"])
def test_what_does_not_is_refused_with_the_reason(opt: str) -> None:
    with pytest.raises(SettingError, match="is not taken: it") as caught:
        make(opt)
    assert REFUSED[opt.lower()] in caught.value.what
