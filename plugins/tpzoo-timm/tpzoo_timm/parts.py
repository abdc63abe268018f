"""Layers that timm's models write as code: a permutation, a scale by channel; and their twins."""

from __future__ import annotations

import copy
from collections.abc import Sequence
from typing import final

import torch
from torch import Tensor, nn

from tpzoo import LinearTwin, Side, TwinEnds, TwinLayer, WeightedLinearTwin
from tpzoo.errors import UnknownComponentError


class Permute(nn.Module):
    """The axes in another order; ``order`` includes the batch, as in (0, 2, 1)."""

    def __init__(self, *order: int) -> None:
        super().__init__()
        self.order = order

    def forward(self, x: Tensor) -> Tensor:
        return x.permute(self.order)


class Scale(nn.Module):
    """Every channel times a weight of its own (layer scale); ``axis`` counts from the end."""

    def __init__(self, weight: Tensor, axis: int = -1) -> None:
        super().__init__()
        self.weight = nn.Parameter(weight.detach().clone())
        self.axis = axis

    def forward(self, x: Tensor) -> Tensor:
        return x * self.weight.view(-1, *(1,) * (-1 - self.axis))


@final
class PermuteTwin(LinearTwin):
    """The axes as they were. Values move in memory, so that it is no reshape."""

    def __init__(self, layer: Permute, ends: TwinEnds) -> None:
        super().__init__()
        self.order = inverse(layer.order)

    def forward(self, v: Tensor, side: Side) -> Tensor:
        return v.permute(self.order)

    def difference(self, v: Tensor, d: Tensor, side: Side) -> Tensor:
        return self(d, side)


@final
class ScaleTwin(WeightedLinearTwin):
    """A scale with weights of its own, which start as a copy of the layer's: a scale is its own adjoint."""

    def __init__(self, layer: Scale, ends: TwinEnds) -> None:
        super().__init__()
        self.scale = Scale(layer.weight, layer.axis)

    def forward(self, v: Tensor, side: Side) -> Tensor:
        return self.scale(v)

    def difference(self, v: Tensor, d: Tensor, side: Side) -> Tensor:
        return self(d, side)

    def gradient(self, v: Tensor, cotangent: Tensor, side: Side) -> dict[str, Tensor]:
        axis = v.dim() + self.scale.axis
        others = [i for i in range(v.dim()) if i != axis]
        return {"scale.weight": torch.sum(v * cotangent, dim=others)}


def inverse(order: Sequence[int]) -> tuple[int, ...]:
    """The permutation that undoes ``order``."""
    return tuple(sorted(range(len(order)), key=lambda i: order[i]))


class PointwiseTwin(TwinLayer):
    """The same activation on the way down, for those of timm's that have no parameters."""

    def __init__(self, layer: nn.Module, ends: TwinEnds) -> None:
        super().__init__()
        if any(True for _ in layer.parameters()):
            raise UnknownComponentError(f"no twin for the activation {type(layer).__name__}, which has parameters", "")
        self.activation = copy.deepcopy(layer)
        if getattr(self.activation, "inplace", False):
            self.activation.inplace = False  # type: ignore[assignment]  # what it is given is an activation of the pass

    def forward(self, v: Tensor, side: Side) -> Tensor:
        return self.activation(v)
