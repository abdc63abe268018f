"""The twin of a flatten: the shape it had before."""

from __future__ import annotations

from typing import final

from torch import Tensor, nn

from tpzoo import LinearTwin, Reshapes, Side, TwinEnds, TwinLayer


@final
class Unflatten(LinearTwin, Reshapes):
    """(batch, features) -> (batch, *shape)."""

    def __init__(self, shape_in: tuple[int, ...]) -> None:
        super().__init__()
        self.shape = shape_in

    def forward(self, v: Tensor, side: Side) -> Tensor:
        return v.reshape(v.shape[0], *self.shape)

    def difference(self, v: Tensor, d: Tensor, side: Side) -> Tensor:
        return self(d, side)


def build(layer: nn.Flatten, ends: TwinEnds) -> TwinLayer:
    """The inverse."""
    return Unflatten(ends.shape_in)
