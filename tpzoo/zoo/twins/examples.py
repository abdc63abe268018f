"""Small layers of every type that has a built-in twin, and the shape of one sample that each takes.

The conformance kit inverts them: odd sizes, strides, groups, dilations and windows that overlap, leave cells out or
reach into the padding are where the sizes on the way down go wrong.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import torch
from torch import Tensor, nn

from tpzoo import ACTIVATION_NAMES, Chain, MaxPool, ModuleBlock, Residual, SplitChain, TokenMean, activation, split

Examples = list[tuple[nn.Module, tuple[int, ...]]]


def convolutions() -> Examples:
    """Odd and even images, and every argument of a convolution."""
    return [
        (nn.Conv2d(3, 4, 3, padding=1), (3, 6, 6)),
        (nn.Conv2d(3, 4, 3, stride=2, padding=1), (3, 7, 7)),
        (nn.Conv2d(3, 4, 3, stride=2, padding=1), (3, 8, 8)),
        (nn.Conv2d(3, 4, 5, stride=3), (3, 10, 9)),
        (nn.Conv2d(3, 4, (3, 1), stride=(1, 2), padding=(2, 0), bias=False), (3, 5, 6)),
        (nn.Conv2d(4, 6, 3, stride=2, dilation=2, groups=2), (4, 8, 9)),
        (nn.Conv2d(3, 3, 3, padding="same", groups=3), (3, 5, 5)),
        (nn.Conv2d(3, 4, 2, padding="valid"), (3, 5, 5)),
    ]


def max_pools() -> Examples:
    """Windows side by side, windows that overlap, and windows that leave cells out."""
    return [
        (MaxPool(2), (2, 6, 6)),
        (MaxPool(2), (2, 7, 5)),
        (MaxPool(3, 2, 1), (2, 7, 7)),
        (MaxPool(3, 2, 1), (2, 8, 8)),
        (MaxPool(3, 1, 1), (2, 5, 5)),
        (MaxPool(2, 3), (2, 8, 7)),
    ]


def average_pools() -> Examples:
    """Windows side by side, that overlap, and that leave a rest."""
    return [
        (nn.AvgPool2d(2), (2, 6, 6)),
        (nn.AvgPool2d(2), (2, 7, 7)),
        (nn.AvgPool2d(2, ceil_mode=True), (2, 7, 7)),
        (nn.AvgPool2d(3, 2, 1), (2, 8, 7)),
    ]


def adaptive_pools() -> Examples:
    """To one cell, and to a number that does not divide the size."""
    return [(nn.AdaptiveAvgPool2d(1), (2, 5, 4)), (nn.AdaptiveAvgPool2d((3, 2)), (2, 7, 7))]


def sequences() -> Examples:
    """Layers in a row, one of which stands in two places, one inside another, and a pool whose winners are kept."""
    act = nn.ReLU()
    return [
        (nn.Sequential(nn.Linear(6, 5), act, nn.Linear(5, 4), act), (6,)),
        (nn.Sequential(nn.Conv2d(3, 4, 3, padding=1), nn.Sequential(nn.Tanh(), MaxPool(3, 2, 1))), (3, 7, 7)),
    ]


def chains() -> Examples:
    """A block of a convolutional network, a dense one after images, and a dense one."""
    conv, pool = nn.Conv2d(3, 4, 3, padding=1), MaxPool(3, 2, 1)
    return [
        (SplitChain({"conv": conv, "activation": activation("elu"), "pool": pool}, linear=1), (3, 7, 7)),
        (Chain({"conv": nn.Conv2d(3, 4, 3), "norm": nn.BatchNorm2d(4), "act": nn.SiLU()}), (3, 6, 6)),
        (Chain({"pool": MaxPool(2), "flatten": nn.Flatten(), "linear": nn.Linear(8, 3)}), (2, 5, 5)),
        (SplitChain({"linear": nn.Linear(6, 4), "activation": activation("tanh")}, linear=1), (6,)),
    ]


def residuals() -> Examples:
    """A unit with a plain skip, one whose skip is a convolution, and one that pools in its main branch."""
    main = Chain({"conv1": nn.Conv2d(2, 2, 3, padding=1), "act": nn.ReLU(), "conv2": nn.Conv2d(2, 2, 3, padding=1)})
    return [
        (Residual(main, nn.Identity(), activation("relu")), (2, 5, 5)),
        (Residual(nn.Conv2d(2, 4, 3, 2, 1), nn.Conv2d(2, 4, 1, 2), nn.ReLU()), (2, 7, 7)),
        (Residual(Chain({"pool": MaxPool(3, 1, 1)}), nn.Identity(), nn.Tanh()), (2, 5, 5)),
    ]


def modules() -> Examples:
    """Blocks around a layer, around layers in a row, and around a block with side data."""
    row = nn.Sequential(nn.Conv2d(2, 3, 3), nn.ReLU(), MaxPool(2))
    return [(ModuleBlock(nn.Linear(5, 4)), (5,)), (ModuleBlock(row), (2, 7, 7)), (ModuleBlock(MaxPool(2)), (2, 5, 5))]


class SelfAttention(nn.MultiheadAttention):
    """Attention as a layer with one input, as blocks call it."""

    def __init__(self) -> None:
        super().__init__(4, 2, batch_first=True)

    def forward(self, x: Tensor) -> Any:  # type: ignore[override]
        return super().forward(x, x, x)[0]


class Gated(nn.Module):
    """A gate, a skip, a pool that records nothing, a scale, and code that moves values."""

    def __init__(self) -> None:
        super().__init__()
        self.gate, self.value = nn.Conv2d(2, 2, 1), nn.Conv2d(2, 2, 3, padding=1)
        self.pool, self.scale = nn.MaxPool2d(3, 1, 1), nn.Parameter(torch.full((2, 1, 1), 0.7))

    def forward(self, x: Tensor) -> Tensor:
        gated = torch.sigmoid(self.gate(x)) * torch.relu(self.value(x))
        return torch.cat([gated, self.pool(x)], 1).flatten(2).transpose(1, 2)[:, :, :2] + self.scale.view(2) * 0.5


def on_both(make: Callable[[], nn.Module]) -> Callable[[], Examples]:
    """An activation on vectors and on images."""
    return lambda: [(make(), (5,)), (make(), (2, 3, 5))]


EXAMPLES: Mapping[str, Callable[[], Examples]] = {
    "Linear": lambda: [
        (nn.Linear(6, 4), (6,)),
        (nn.Linear(3, 5, bias=False), (3,)),
        (nn.Linear(3, 4), (5, 3)),
    ],
    "Conv2d": convolutions,
    "Flatten": lambda: [(nn.Flatten(), (2, 3, 5)), (nn.Flatten(), (4,)), (nn.Flatten(2), (2, 3, 5))],
    "AvgPool2d": average_pools,
    "AdaptiveAvgPool2d": adaptive_pools,
    "Sequential": sequences,
    "LayerBlock": chains,
    "Residual": residuals,
    "ModuleBlock": modules,
    "MaxPool": max_pools,
    "MaxPool2d": lambda: [(nn.MaxPool2d(3, 2, 1), (2, 7, 8)), (nn.MaxPool2d(2, ceil_mode=True), (2, 5, 5))],
    "MultiheadAttention": lambda: [(SelfAttention(), (3, 4))],
    "TransformerEncoderLayer": lambda: [
        (nn.TransformerEncoderLayer(4, 2, 6, 0.1, batch_first=True, norm_first=first), (3, 4))
        for first in (True, False)
    ],
    "GraphBlock": lambda: [
        (split(Gated(), torch.rand(2, 2, 5, 4)).blocks["value"], (2, 5, 4)),
    ],
    "Module": lambda: [(Gated(), (2, 5, 4))],
    "TokenMean": lambda: [(TokenMean(), (4, 3))],
    **{
        name: on_both(lambda kind=name: getattr(nn, kind)())  # type: ignore[misc]
        for name in ("ReLU6", "Hardtanh", "Hardswish", "Hardsigmoid", "Softplus", "Mish", "SELU", "CELU")
    },
    "RMSNorm": lambda: [(nn.RMSNorm(5), (3, 5))],
    **{
        name: lambda kind=name: [(getattr(nn, kind)(0.3), (2, 3, 5))]  # type: ignore[misc]
        for name in ("Dropout", "Dropout2d", "AlphaDropout")
    },
    "Dropout1d": lambda: [(nn.Dropout1d(0.3), (3, 5))],
    "Dropout3d": lambda: [(nn.Dropout3d(0.3), (2, 3, 5, 4))],
    "Activation": lambda: [(activation(name), shape) for name in ACTIVATION_NAMES for shape in ((5,), (2, 3, 5))],
    "Identity": on_both(nn.Identity),
    "Tanh": on_both(nn.Tanh),
    "Sigmoid": on_both(nn.Sigmoid),
    "ReLU": on_both(lambda: nn.ReLU(inplace=True)),
    "ELU": lambda: [(nn.ELU(), (2, 3, 5)), (nn.ELU(2.0, inplace=True), (5,))],
    "GELU": on_both(nn.GELU),
    "SiLU": on_both(lambda: nn.SiLU(inplace=True)),
    "LeakyReLU": on_both(lambda: nn.LeakyReLU(0.1, inplace=True)),
    "BatchNorm1d": lambda: [(nn.BatchNorm1d(4), (4,)), (nn.BatchNorm1d(3, affine=False), (3, 5))],
    "BatchNorm2d": lambda: [(nn.BatchNorm2d(3), (3, 5, 4)), (nn.BatchNorm2d(2, track_running_stats=False), (2, 3, 3))],
    "GroupNorm": lambda: [(nn.GroupNorm(2, 4), (4, 3, 5)), (nn.GroupNorm(1, 3, affine=False), (3, 4))],
    "LayerNorm": lambda: [
        (nn.LayerNorm(5), (5,)),
        (nn.LayerNorm(4), (3, 4)),
        (nn.LayerNorm((3, 4), bias=False), (3, 4)),
    ],
}
"""By the name of the record."""
