"""The twin of an activation is the same activation, applied on the way down (Ernoult et al. 2022)."""

from __future__ import annotations

import copy

from torch import Tensor, nn

from tpzoo import Activation, Side, TwinEnds, TwinLayer, activation

TORCH_NAMES: dict[type[nn.Module], str] = {
    nn.Identity: "linear",
    nn.Tanh: "tanh",
    nn.Sigmoid: "sigmoid",
    nn.ReLU: "relu",
}


class ActivationTwin(TwinLayer):
    """Any shape to the same shape."""

    def __init__(self, nonlinearity: Activation) -> None:
        super().__init__()
        self.nonlinearity = nonlinearity
        self.keeps_zero = nonlinearity.keeps_zero
        self.linear = self.reshapes = isinstance(nonlinearity, type(activation("linear")))

    def forward(self, v: Tensor, side: Side) -> Tensor:
        return self.nonlinearity(v)

    def difference(self, v: Tensor, d: Tensor, side: Side) -> Tensor:
        return self.nonlinearity.difference(v, d)


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
        return ActivationTwin(layer)
    if isinstance(layer, nn.ELU) and layer.alpha == 1:
        return ActivationTwin(activation("elu"))
    if type(layer) in TORCH_NAMES:
        return ActivationTwin(activation(TORCH_NAMES[type(layer)]))
    return ModuleTwin(layer)
