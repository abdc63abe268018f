"""Blocks, networks and data that tests share: what the engine must cope with, at toy size."""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from tpzoo import Activation, Activity, Block, ModuleBlock, Network, Node, SplitBlock, activation
from tpzoo.assembly.maker import seeded

CLASSES = 3


class Layer(SplitBlock):
    """A linear layer and a nonlinearity by name; flattens its input."""

    def __init__(self, features_in: int, features_out: int, nonlinearity: str = "tanh", bias: bool = True) -> None:
        super().__init__()
        self.linear = nn.Linear(features_in, features_out, bias=bias)
        self.nonlinearity: Activation = activation(nonlinearity)

    def run(self, x: Tensor) -> Activity:
        return self.activate(self.linear(x.flatten(1)))

    def activate(self, pre: Tensor) -> Activity:
        return Activity(self.nonlinearity(pre), pre)


class ConvPool(SplitBlock):
    """Convolution, tanh and an overlapping max-pool, whose indices are side data."""

    def __init__(self, channels_in: int, channels_out: int) -> None:
        super().__init__()
        self.conv = nn.Conv2d(channels_in, channels_out, 3, padding=1)

    def run(self, x: Tensor) -> Activity:
        return self.activate(self.conv(x))

    def activate(self, pre: Tensor) -> Activity:
        out, indices = F.max_pool2d(pre.tanh(), 3, stride=2, padding=1, return_indices=True)
        return Activity(out, pre, {"indices": indices})


class Residual(Block):
    """x + conv(tanh(conv(x)))."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.first = nn.Conv2d(channels, channels, 3, padding=1)
        self.second = nn.Conv2d(channels, channels, 3, padding=1)

    def run(self, x: Tensor) -> Activity:
        return Activity(x + self.second(self.first(x).tanh()))


def conv_norm(channels_in: int, channels_out: int) -> Block:
    """Convolution, batch norm and ELU as one block made of torch modules."""
    conv = nn.Conv2d(channels_in, channels_out, 3, padding=1, bias=False)
    return ModuleBlock(nn.Sequential(conv, nn.BatchNorm2d(channels_out), nn.ELU()))


def mlp() -> Network:
    """Three hidden layers of different widths."""
    widths = (6, 7, 5, 4)
    layers = {f"fc{i}": Layer(*pair) for i, pair in enumerate(pairwise(widths), start=1)}
    return Network({**layers, "head": Layer(widths[-1], CLASSES, "linear")}, (6,))


def pooled() -> Network:
    """Max-pool in the first two blocks; 5 x 5 pixels, so that the pool meets an odd size."""
    blocks = {"conv1": ConvPool(2, 3), "conv2": ConvPool(3, 4), "head": Layer(4 * 2 * 2, CLASSES, "linear")}
    return Network(blocks, (2, 5, 5))


def normed() -> Network:
    """Batch norm below and above another block."""
    blocks = {"conv1": conv_norm(2, 3), "conv2": conv_norm(3, 2), "head": Layer(2 * 4 * 4, CLASSES, "linear")}
    return Network(blocks, (2, 4, 4))


def residual() -> Network:
    """Residual units between a convolution and a head."""
    blocks = {"stem": ConvPool(1, 2), "unit1": Residual(2), "unit2": Residual(2), "head": Layer(8, CLASSES, "linear")}
    return Network(blocks, (1, 4, 4))


def shared() -> Network:
    """An unrolled recurrence: two nodes use one block, a third block stands between them and the head."""
    blocks = {"stem": Layer(6, 5), "cell": Layer(5, 5), "head": Layer(5, CLASSES, "linear")}
    nodes = [Node("stem", "stem"), Node("cell1", "cell"), Node("cell2", "cell"), Node("head", "head")]
    return Network(blocks, (6,), nodes)


NETWORKS: dict[str, Callable[[], Network]] = {
    "mlp": mlp,
    "pooled": pooled,
    "normed": normed,
    "residual": residual,
    "shared": shared,
}


def make_network(name: str, device: str, dtype: torch.dtype = torch.float64, seed: int = 0) -> Network:
    """One of ``NETWORKS`` with weights that depend on ``seed`` only."""
    with seeded(seed, "test"):
        network = NETWORKS[name]()
    return network.to(dtype).to(device)


def make_batch(
    network: Network, count: int = 8, dtype: torch.dtype = torch.float64, seed: int = 1
) -> tuple[Tensor, Tensor]:
    """Gaussian inputs and class labels, on the network's device."""
    generator = torch.Generator().manual_seed(seed)
    device = next(network.parameters()).device
    x = torch.randn(count, *network.input_shape, generator=generator, dtype=torch.float64).to(dtype)
    y = torch.randint(0, CLASSES, (count,), generator=generator)
    return x.to(device), y.to(device)
