"""Toy blocks, networks, labels and objectives that checks put around the entry that they look at."""

from __future__ import annotations

from collections.abc import Mapping
from typing import final

import torch
from torch import Tensor, nn

from tpzoo.engine import (
    Activity,
    Batch,
    DataSpec,
    DisplacementRule,
    Draw,
    Feedback,
    Loss,
    MinimisableLoss,
    Network,
    Output,
    SplitBlock,
    Trace,
)
from tpzoo.plugin.records import DataSet

VECTORS = DataSpec((6,), 3, "classification")
IMAGES = DataSpec((3, 16, 16), 3, "classification")
REGRESSION = DataSpec((6,), 3, "regression")

DATA = DataSet(name="toy", summary="numbers", build="tpzoo.testing.toys:DATA", provides=("classification", "images"))


@final
class NormBlock(SplitBlock):
    """A linear layer, batch norm and tanh: a block with buffers and a pre-activation."""

    def __init__(self, features_in: int, features_out: int) -> None:
        super().__init__()
        self.linear = nn.Linear(features_in, features_out)
        self.norm = nn.BatchNorm1d(features_out)

    def run(self, x: Tensor) -> Activity:
        return self.activate(self.norm(self.linear(x.flatten(1))))

    def activate(self, pre: Tensor) -> Activity:
        return Activity(pre.tanh(), pre)


@final
class LinearBlock(SplitBlock):
    """A linear layer."""

    def __init__(self, features_in: int, features_out: int) -> None:
        super().__init__()
        self.linear = nn.Linear(features_in, features_out)

    def run(self, x: Tensor) -> Activity:
        return self.activate(self.linear(x.flatten(1)))

    def activate(self, pre: Tensor) -> Activity:
        return Activity(pre, pre)


@final
class ConvBlock(SplitBlock):
    """A convolution and tanh."""

    def __init__(self, channels_in: int, channels_out: int) -> None:
        super().__init__()
        self.conv = nn.Conv2d(channels_in, channels_out, 3, stride=2, padding=1)

    def run(self, x: Tensor) -> Activity:
        return self.activate(self.conv(x))

    def activate(self, pre: Tensor) -> Activity:
        return Activity(pre.tanh(), pre)


def normed_network() -> Network:
    """Two blocks with batch norm and a linear head, for ``VECTORS``."""
    return Network({"norm1": NormBlock(6, 5), "norm2": NormBlock(5, 4), "head": LinearBlock(4, 3)}, (6,))


def image_network() -> Network:
    """Two convolutional blocks and a linear head, for images of 3 x 7 x 7."""
    return Network({"conv1": ConvBlock(3, 4), "conv2": ConvBlock(4, 5), "head": LinearBlock(20, 3)}, (3, 7, 7))


def toy_batch(network: Network, count: int = 6, seed: int = 1, classes: int = 3) -> tuple[Tensor, Tensor]:
    """Gaussian inputs and class labels, of the dtype and on the device of ``network``."""
    generator, like = torch.Generator().manual_seed(seed), next(network.parameters())
    x = torch.randn(count, *network.input_shape, generator=generator, dtype=torch.float64)
    y = torch.randint(0, classes, (count,), generator=generator)
    return x.to(device=like.device, dtype=like.dtype), y.to(like.device)


@final
class FlatLoss(MinimisableLoss):
    """A loss that no output changes."""

    def per_sample(self, out: Tensor, y: Tensor) -> Tensor:
        return 0 * out.flatten(1).sum(1)

    def gradient(self, out: Tensor, y: Tensor) -> Tensor:
        return torch.zeros_like(out)

    def minimiser(self, out: Tensor, y: Tensor) -> Tensor:
        return out


@final
class Still(Output):
    """An output target that wants no change."""

    def displacement(self, out: Tensor, y: Tensor, loss: Loss) -> Tensor:
        return torch.zeros_like(out)


@final
class Step(Output):
    """A step down each sample's gradient."""

    def __init__(self, size: float) -> None:
        super().__init__()
        self.size = size

    def displacement(self, out: Tensor, y: Tensor, loss: Loss) -> Tensor:
        return -self.size * loss.gradient(out, y)


@final
class Given(DisplacementRule):
    """A rule that gives the displacements that it was made with."""

    def __init__(self, displacements: Mapping[str, Tensor]) -> None:
        super().__init__()
        self._given = dict(displacements)

    def displacements(self, trace: Trace, feedback: Feedback, batch: Batch, draw: Draw) -> dict[str, Tensor]:
        """What was given, whatever the batch is."""
        return self._given
