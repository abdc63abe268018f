"""The twin of an activation is the same activation, applied on the way down (Ernoult et al. 2022)."""

from __future__ import annotations

import copy
from typing import final

from torch import Tensor, nn

from tpzoo import Activation, KeepsZero, LinearTwin, Reshapes, Side, TwinEnds, TwinLayer, activation

TORCH_NAMES: dict[type[nn.Module], str] = {
    nn.Identity: "linear",
    nn.Tanh: "tanh",
    nn.Sigmoid: "sigmoid",
    nn.ReLU: "relu",
    nn.Hardsigmoid: "hard_sigmoid",
}


class SameActivation(TwinLayer):
    """Any shape to the same shape, by one of tpzoo's activations."""

    def __init__(self, nonlinearity: Activation) -> None:
        super().__init__()
        self.nonlinearity = nonlinearity

    def forward(self, v: Tensor, side: Side) -> Tensor:
        return self.nonlinearity(v)

    def difference(self, v: Tensor, d: Tensor, side: Side) -> Tensor:
        return self.nonlinearity.difference(v, d)


@final
class ActivationTwin(SameActivation):
    """The twin of an activation with f(0) other than 0."""


@final
class ZeroKeepingTwin(SameActivation, KeepsZero):
    """The twin of an activation with f(0) = 0."""


@final
class IdentityTwin(SameActivation, LinearTwin, Reshapes, KeepsZero):
    """The twin of the identity."""


@final
class ModuleTwin(TwinLayer):
    """An activation of another library: no cancellation-free difference is known, so it subtracts."""

    def __init__(self, module: nn.Module) -> None:
        super().__init__()
        self.module = out_of_place(module)

    def forward(self, v: Tensor, side: Side) -> Tensor:
        return self.module(v)


def out_of_place(module: nn.Module) -> nn.Module:
    """A copy that leaves its input as it is, which for a twin is an activation of the pass at hand."""
    copied = copy.deepcopy(module)
    if getattr(copied, "inplace", False):
        copied.inplace = False  # type: ignore[assignment]
    return copied


def build(layer: nn.Module, ends: TwinEnds) -> TwinLayer:
    """The twin of one of tpzoo's activations, or of torch's that are among them."""
    if isinstance(layer, Activation):
        return twin_of(layer)
    if isinstance(layer, nn.ELU) and layer.alpha == 1:
        return twin_of(activation("elu"))
    if isinstance(layer, nn.GELU) and layer.approximate == "none":
        return twin_of(activation("gelu"))
    if type(layer) in TORCH_NAMES:
        return twin_of(activation(TORCH_NAMES[type(layer)]))
    return ModuleTwin(layer)


def twin_of(nonlinearity: Activation) -> TwinLayer:
    """The twin of one of tpzoo's activations, whose type says what it keeps."""
    if isinstance(nonlinearity, type(activation("linear"))):
        return IdentityTwin(nonlinearity)
    return ZeroKeepingTwin(nonlinearity) if nonlinearity.keeps_zero else ActivationTwin(nonlinearity)
