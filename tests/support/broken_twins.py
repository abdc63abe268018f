"""Twins that each break one rule, on purpose, and the unbroken ones that they come from."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor, nn

from tpzoo import (
    KeepsZero,
    LinearTwin,
    MaxPool,
    Reshapes,
    Scatters,
    Side,
    Twin,
    TwinEnds,
    TwinLayer,
    activation,
)
from tpzoo.zoo.twins.activation import SameActivation
from tpzoo.zoo.twins.conv import ConvTwin
from tpzoo.zoo.twins.linear import TransposedTwin, copy_weights
from tpzoo.zoo.twins.pooling import AdjointUnpool

Examples = list[tuple[nn.Module, tuple[int, ...]]]


class Plain(TransposedTwin):
    """The twin of a linear layer."""

    def __init__(self, layer: nn.Linear, ends: TwinEnds) -> None:
        super().__init__(layer)
        if ends.options.init == "symmetric":
            copy_weights(self.matrix, layer.weight.T)


class HasTheWrongShape(Plain):
    def forward(self, v: Tensor, side: Side) -> Tensor:
        return super().forward(v, side).unsqueeze(1)

    def difference(self, v: Tensor, d: Tensor, side: Side) -> Tensor:
        return super().difference(v, d, side).unsqueeze(1)


class HasAPrecision(Plain):
    def forward(self, v: Tensor, side: Side) -> Tensor:
        return super().forward(v, side).double()


class DifferenceIsOther(Plain):
    def difference(self, v: Tensor, d: Tensor, side: Side) -> Tensor:
        return 1.001 * super().difference(v, d, side)


class DifferenceIsNeverStill(Plain):
    def difference(self, v: Tensor, d: Tensor, side: Side) -> Tensor:
        return super().difference(v, d, side) + 1e-13


class LooksAtTheValue(Plain):
    def difference(self, v: Tensor, d: Tensor, side: Side) -> Tensor:
        moved: Tensor = self(v + d, side)
        return moved - self(v, side)


class TakesTheLayersWeights(Plain):
    def __init__(self, layer: nn.Linear, ends: TwinEnds) -> None:
        super().__init__(layer, ends)
        self.matrix.weight = nn.Parameter(layer.weight.detach().T)


class HasAnotherGradient(Plain):
    def gradient(self, v: Tensor, cotangent: Tensor, side: Side) -> dict[str, Tensor]:
        return {name: -value for name, value in super().gradient(v, cotangent, side).items()}


class ForgetsAGradient(Plain):
    def gradient(self, v: Tensor, cotangent: Tensor, side: Side) -> dict[str, Tensor]:
        return {"matrix.weight": super().gradient(v, cotangent, side)["matrix.weight"]}


class MirrorsItTransposed(Plain):
    def mirrored(self) -> dict[str, Tensor]:
        return {"weight": self.matrix.weight}


class MirrorsAnotherName(Plain):
    def mirrored(self) -> dict[str, Tensor]:
        return {"kernel": self.matrix.weight.T}


class MirrorsACopy(Plain):
    def mirrored(self) -> dict[str, Tensor]:
        return {"weight": self.matrix.weight.T.clone()}


class ForgetsToCopy(Plain):
    def __init__(self, layer: nn.Linear, ends: TwinEnds) -> None:
        TransposedTwin.__init__(self, layer)


class ReadsAValue(Plain):
    def forward(self, v: Tensor, side: Side) -> Tensor:
        return super().forward(v, side) if v.isfinite().all() else v


class KeepsSomethingElsewhere(Plain):
    def __init__(self, layer: nn.Linear, ends: TwinEnds) -> None:
        super().__init__(layer, ends)
        self.shift = [float(torch.rand(()))]

    def forward(self, v: Tensor, side: Side) -> Tensor:
        return super().forward(v, side) + self.shift[0]


class DrawsInACall(Plain):
    def forward(self, v: Tensor, side: Side) -> Tensor:
        torch.rand(1)
        return super().forward(v, side)


class WorksInPlace(Plain):
    def difference(self, v: Tensor, d: Tensor, side: Side) -> Tensor:
        return super().difference(v, d.mul_(2), side) / 2


LINEAR: dict[Callable[..., TwinLayer], set[str]] = {
    Plain: set(),
    HasTheWrongShape: {"twin_fits"},
    HasAPrecision: {"twin_fits"},
    DifferenceIsOther: {"difference_is_exact"},
    DifferenceIsNeverStill: {"difference_is_exact"},
    LooksAtTheValue: {"linear_means_linear"},
    TakesTheLayersWeights: {"owns_its_weights"},
    HasAnotherGradient: {"gradient_is_autograd"},
    ForgetsAGradient: {"gradient_is_autograd"},
    MirrorsItTransposed: {"mirrored_layout"},
    MirrorsAnotherName: {"mirrored_layout"},
    MirrorsACopy: {"mirrored_layout"},
    ForgetsToCopy: {"mirrored_layout"},
    ReadsAValue: {"capturable"},
    KeepsSomethingElsewhere: {"state_round_trip"},
    DrawsInACall: {"calls_change_nothing"},
    WorksInPlace: {"calls_change_nothing"},
}
"""Of a linear layer: what each breaks, and the checks that must see it; no other may complain."""


class SaysThatItIsLinear(SameActivation, LinearTwin):
    def __init__(self, layer: nn.Tanh, ends: TwinEnds) -> None:
        super().__init__(activation("tanh"))


class SaysThatItReshapes(Reshapes):
    """Turns the axes: it only moves values, but not as a reshape does."""

    def __init__(self, layer: nn.Module, ends: TwinEnds) -> None:
        super().__init__()

    def forward(self, v: Tensor, side: Side) -> Tensor:
        return v.transpose(-1, -2)


class SaysThatItScatters(AdjointUnpool, Scatters):
    """Adds what one cell won twice."""

    def __init__(self, layer: MaxPool, ends: TwinEnds) -> None:
        super().__init__(ends.shape_in)


class SaysThatItKeepsZero(SameActivation, KeepsZero):
    def __init__(self, layer: nn.Sigmoid, ends: TwinEnds) -> None:
        super().__init__(activation("sigmoid"))


class MixesCells(KeepsZero):
    """Keeps zeros, and takes the mean of every image away."""

    def __init__(self, layer: nn.Module, ends: TwinEnds) -> None:
        super().__init__()

    def forward(self, v: Tensor, side: Side) -> Tensor:
        return v - v.mean((-1, -2), keepdim=True)


class PadsAsPublished(ConvTwin):
    """Output padding ``stride - 1`` whatever the size: wrong on odd images."""

    def __init__(self, layer: nn.Conv2d, ends: TwinEnds) -> None:
        super().__init__(layer, ends)
        if ends.options.init == "symmetric":
            copy_weights(self.conv, layer.weight)
        self.conv.output_padding = (1, 1)


OTHERS: dict[Callable[..., TwinLayer], tuple[nn.Module, tuple[int, ...], set[str]]] = {
    SaysThatItIsLinear: (nn.Tanh(), (4,), {"linear_means_linear"}),
    SaysThatItReshapes: (nn.Identity(), (2, 3, 3), {"types_hold"}),
    SaysThatItScatters: (MaxPool(3, 2, 1), (2, 7, 7), {"types_hold"}),
    SaysThatItKeepsZero: (nn.Sigmoid(), (2, 3, 3), {"types_hold"}),
    MixesCells: (nn.Identity(), (2, 3, 4), {"types_hold"}),
    PadsAsPublished: (nn.Conv2d(2, 3, 3, stride=2, padding=1), (2, 7, 7), {"twin_fits"}),
}
"""Of other layers: the layer, the shape that it takes, and the checks that must see what is broken."""


def twin_record(build: Callable[..., TwinLayer]) -> Twin:
    """The record of one of the twins above."""
    layer, shape = (nn.Linear(4, 3), (4,)) if build in LINEAR else OTHERS[build][:2]
    return Twin(name="broken", summary="a twin", module=type(layer), build=build, examples=lambda: [(layer, shape)])
