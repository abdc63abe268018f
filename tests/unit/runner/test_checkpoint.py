"""Checkpoints: what is saved comes back, what is labelled is never written over, each weight is kept once."""

from __future__ import annotations

from pathlib import Path
from typing import NoReturn

import pytest
import torch
from safetensors import safe_open
from torch import nn

from tests.support.moments import Moments
from tpzoo.errors import CheckpointError
from tpzoo.runner.checkpoint import WEIGHTS, Checkpoints, put_back, weights_of

STATE = {"numbers": [1, 2.5, None], "generator": torch.get_rng_state(), "nested": {"a": (1, 2)}}

NAME = "step-00000004-00001-00000"


class Ended(Exception):
    """The process ends here."""


def ended() -> NoReturn:
    raise Ended


def test_what_is_saved_comes_back(tmp_path: Path) -> None:
    weights = {"network.a": torch.arange(6.0).view(2, 3).T, "network.count": torch.tensor(7)}
    path = Checkpoints(tmp_path, "hash").save("one", weights, STATE, ("last",))
    found = Checkpoints(tmp_path, "hash").load()
    assert all(torch.equal(found.weights[name], value) for name, value in weights.items())
    assert found.state["numbers"] == STATE["numbers"]
    assert found.state["nested"] == STATE["nested"]
    with safe_open(path / WEIGHTS, "pt") as file:
        assert sorted(file.keys()) == sorted(weights)


def test_the_same_place_saved_again_is_whole_at_every_moment(tmp_path: Path) -> None:
    """A run that is resumed from an earlier checkpoint comes by the place of a later one again."""
    checkpoints = Checkpoints(tmp_path, "hash")
    checkpoints.save(NAME, {"a": torch.zeros(1)}, {}, ("last", "best"))
    at, done = 0, False
    while not done:
        at += 1
        try:
            with Moments(at, ended).watch():
                checkpoints.save(NAME, {"a": torch.ones(1)}, {}, ("last",))
            done = True
        except Ended:
            pass
        assert checkpoints.load("last").weights["a"].item() in (0.0, 1.0)
        assert checkpoints.load("best").weights["a"].item() == 0.0
    assert at > 15
    assert checkpoints.load("last").weights["a"].item() == 1.0
    assert len([path for path in tmp_path.iterdir() if path.is_dir()]) == 2


def test_a_module_that_two_hold_is_saved_once() -> None:
    shared = nn.Linear(2, 2)
    modules = {
        "network": nn.ModuleDict({"fc1": shared}),
        "feedback": nn.ModuleDict({"fc1": shared, "own": nn.Linear(2, 1)}),
    }
    found = weights_of(modules)
    assert list(found) == [
        "network.fc1.weight", "network.fc1.bias", "feedback.own.weight", "feedback.own.bias",
    ]  # fmt: skip
    saved = {name: value.detach() + 1 for name, value in found.items()}
    put_back(modules, saved)
    assert all(torch.equal(value, saved[name]) for name, value in weights_of(modules).items())


@pytest.mark.parametrize("change", ["missing", "more", "shape"])
def test_weights_of_another_network_are_refused_before_anything_moves(change: str) -> None:
    modules = {"network": nn.Linear(2, 2)}
    before = {name: value.clone() for name, value in weights_of(modules).items()}
    weights = {name: value + 1 for name, value in before.items()}
    if change == "missing":
        del weights["network.bias"]
    elif change == "more":
        weights["network.more"] = torch.zeros(1)
    else:
        weights["network.bias"] = torch.zeros(3)
    with pytest.raises(CheckpointError, match="network"):
        put_back(modules, weights)
    assert all(torch.equal(value, before[name]) for name, value in weights_of(modules).items())
