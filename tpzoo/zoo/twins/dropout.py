"""The twin of what drops values at random: the identity, which is its mean over all masks."""

from __future__ import annotations

from typing import final

from torch import Tensor, nn

from tpzoo import LinearTwin, Side, TwinEnds, TwinLayer


@final
class Through(LinearTwin):
    """Any shape to the same shape."""

    def forward(self, v: Tensor, side: Side) -> Tensor:
        return v

    def difference(self, v: Tensor, d: Tensor, side: Side) -> Tensor:
        return d


def build(layer: nn.Module, ends: TwinEnds) -> TwinLayer:
    """The identity, whatever ``layer`` drops."""
    return Through()
