"""Every check can fail, continued: paths, losses and outputs."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor

from tests.conformance.test_kit_catches import failed
from tpzoo import (
    At,
    Connect,
    Edge,
    Feedback,
    FeedbackPath,
    Loss,
    LossFunction,
    Network,
    Output,
    OutputTarget,
)
from tpzoo.zoo.feedback import tied
from tpzoo.zoo.losses.cross_entropy import CrossEntropy
from tpzoo.zoo.outputs.argmin import Argmin


class Doubled(tied.TiedMap):
    def difference(self, d: Tensor, at: At) -> Tensor:
        return super().difference(d, at).flatten(1).repeat(1, 2)


class Offset(tied.TiedMap):
    def difference(self, d: Tensor, at: At) -> Tensor:
        return super().difference(d, at) + 0.1


class Drawing(tied.TiedMap):
    def difference(self, d: Tensor, at: At) -> Tensor:
        torch.rand(1)
        return super().difference(d, at)


class Reading(tied.TiedMap):
    def difference(self, d: Tensor, at: At) -> Tensor:
        return super().difference(d * max(1.0, float(d.detach().max() > 1e9)), at)


class Borrowing(tied.TiedMap):
    def __init__(self, network: Network) -> None:
        super().__init__()
        self.network = network


class Hiding(tied.TiedMap):
    def __init__(self) -> None:
        super().__init__()
        self.factor = float(torch.rand(()))

    def difference(self, d: Tensor, at: At) -> Tensor:
        return self.factor * super().difference(d, at)


def path_of(make: Callable[[Network], tied.TiedMap], upside_down: bool = False) -> Any:
    def build(settings: None, network: Network, connect: Connect) -> Feedback:
        names = [node.name for node in network.nodes]
        pairs = list(zip(names[1:], names[:-1], strict=True))
        edges = [Edge(lower, upper, lower, make(network)) for upper, lower in reversed(pairs)]
        return Feedback(edges[::-1] if upside_down else edges)

    return build


PATHS = {
    "in order": (path_of(lambda network: tied.TiedMap()), set()),
    "shape": (path_of(lambda network: Doubled()), None),
    "offset": (path_of(lambda network: Offset()), {"nothing_comes_of_nothing"}),
    "draws": (path_of(lambda network: Drawing()), {"calls_change_nothing"}),
    "reads": (path_of(lambda network: Reading()), {"capturable"}),
    "borrows": (path_of(Borrowing), {"parameters_are_its_own"}),
    "hides": (path_of(lambda network: Hiding()), {"state_round_trip"}),
    "upside down": (path_of(lambda network: tied.TiedMap(), upside_down=True), None),
}


@pytest.mark.parametrize("name", PATHS)
def test_paths(name: str, device: str) -> None:
    build, expected = PATHS[name]
    found = failed(FeedbackPath(name="broken", summary="a path", build=build, provides=("no_maps",)), device)
    if expected is None:  # nothing below it can be computed either, so that more than one check complains
        assert {"shape": "displacements_fit", "upside down": "edges_lead_downwards"}[name] in found
    else:
        assert found == expected


class WrongGradient(CrossEntropy):
    def gradient(self, out: Tensor, y: Tensor) -> Tensor:
        return super().gradient(out, y) / len(out)


class WrongMinimiser(CrossEntropy):
    def minimiser(self, out: Tensor, y: Tensor) -> Tensor:
        return -super().minimiser(out, y)


class WrongCorrect(CrossEntropy):
    def correct(self, out: Tensor, y: Tensor) -> Tensor:
        return (out.argmax(-1) == y).double()


class ReadingLoss(CrossEntropy):
    def per_sample(self, out: Tensor, y: Tensor) -> Tensor:
        return super().per_sample(out, y) if out.isfinite().all() else out.sum(1)


LOSSES: dict[type[Loss], set[str]] = {
    CrossEntropy: set(),
    WrongGradient: {"gradient"},
    WrongMinimiser: {"minimiser"},
    WrongCorrect: {"correct"},
    ReadingLoss: {"loss_is_capturable"},
}


@pytest.mark.parametrize("loss", LOSSES)
def test_losses(loss: type[Loss], device: str) -> None:
    record = LossFunction(
        name="broken", summary="a loss", build=lambda settings, spec: loss(), requires=("classification",)
    )
    assert failed(record, device) == LOSSES[loss]


class Uphill(Argmin):
    def displacement(self, out: Tensor, y: Tensor, loss: Loss) -> Tensor:
        return -super().displacement(out, y, loss)


class NeverStill(Argmin):
    def displacement(self, out: Tensor, y: Tensor, loss: Loss) -> Tensor:
        return super().displacement(out, y, loss) - 1e-6


class OneNumber(Argmin):
    def displacement(self, out: Tensor, y: Tensor, loss: Loss) -> Tensor:
        return super().displacement(out, y, loss).float()


class ReadingOutput(Argmin):
    def displacement(self, out: Tensor, y: Tensor, loss: Loss) -> Tensor:
        found = super().displacement(out, y, loss)
        return found * (1.0 if found.sum().item() < 1e9 else 2.0)


OUTPUTS: dict[type[Output], set[str]] = {
    Argmin: set(),
    Uphill: {"goes_downhill"},
    NeverStill: {"nothing_to_gain"},
    OneNumber: {"shape"},
    ReadingOutput: {"output_is_capturable"},
}


@pytest.mark.parametrize("output", OUTPUTS)
def test_outputs(output: type[Output], device: str) -> None:
    assert failed(OutputTarget(name="broken", summary="an output", build=output), device) == OUTPUTS[output]
