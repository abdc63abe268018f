"""The twin of a mean over tokens: every token gets the same value, as with average pools."""

from __future__ import annotations

from typing import final

from torch import Tensor

from tpzoo import LinearTwin, Side, TokenMean, TwinEnds, TwinLayer


@final
class SpreadTokens(LinearTwin):
    """(batch, channels) -> (batch, tokens, channels)."""

    def __init__(self, tokens: int) -> None:
        super().__init__()
        self.tokens = tokens

    def forward(self, v: Tensor, side: Side) -> Tensor:
        return v.unsqueeze(1).expand(-1, self.tokens, -1)

    def difference(self, v: Tensor, d: Tensor, side: Side) -> Tensor:
        return self(d, side)


def build(layer: TokenMean, ends: TwinEnds) -> TwinLayer:
    """As many tokens as there were."""
    return SpreadTokens(ends.shape_in[0])
