"""A small network, trainers of it, and whether two states are the same."""

from __future__ import annotations

import copy
from typing import Any

import torch
from torch import Tensor, nn

import tpzoo


def drawn(*shape: int, seed: int = 0) -> Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed))


X, Y = drawn(12, 4, 5), torch.arange(12) % 3
QUICK = {"epochs": 1, "probes": {}, "loggers": {"console": None, "csv": None}}


def net(seed: int = 0, drop: float = 0.0) -> nn.Sequential:
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        return nn.Sequential(
            nn.Flatten(), nn.Linear(20, 16), nn.BatchNorm1d(16), nn.Tanh(), nn.Dropout(drop),
            nn.Linear(16, 12), nn.Tanh(), nn.Linear(12, 3),
        )  # fmt: skip


def trainer(config: Any = "mnist/dtp", **options: Any) -> tpzoo.Trainer:
    options.setdefault("network", net())
    return tpzoo.Trainer(config, example=options.pop("example", X), **options)


def weights(module: nn.Module) -> dict[str, Tensor]:
    return {name: value.clone() for name, value in module.named_parameters()}


def same(one: dict[str, Tensor], other: dict[str, Tensor]) -> bool:
    return one.keys() == other.keys() and all(torch.equal(value, other[name]) for name, value in one.items())


def state(made: tpzoo.Trainer) -> dict[str, Any]:
    return copy.deepcopy(made.state_dict())


def equal(one: Any, other: Any) -> bool:
    if isinstance(one, Tensor):
        return torch.equal(one, other)
    if isinstance(one, dict):
        return one.keys() == other.keys() and all(equal(value, other[key]) for key, value in one.items())
    if isinstance(one, list | tuple):
        return len(one) == len(other) and all(equal(a, b) for a, b in zip(one, other, strict=True))
    return bool(one == other)
