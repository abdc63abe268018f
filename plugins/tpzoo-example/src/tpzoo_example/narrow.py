"""g(u) = A B u with a narrow middle."""

from __future__ import annotations

import math
from typing import final

from torch import Tensor, nn

from tpzoo import At, Ends, LinearTail
from tpzoo_example.plugin import NarrowSettings


@final
class NarrowMap(LinearTail):
    """B has shape (rank, source features), A (target features, rank)."""

    def __init__(self, settings: NarrowSettings, ends: Ends) -> None:
        super().__init__()
        self.narrow = nn.Linear(math.prod(ends.source_shape), settings.rank, bias=False)
        self.widen = nn.Linear(settings.rank, math.prod(ends.target_shape), bias=False)

    def difference(self, d: Tensor, at: At) -> Tensor:
        """g(u + d) - g(u) = g(d): a linear map needs no subtraction, which would cost float32 its digits."""
        return self.forward(d, at)

    def features(self, u: Tensor, at: At) -> Tensor:
        """What comes before the weights: nothing but flattening."""
        return u.flatten(1)

    def linear(self, v: Tensor, at: At) -> Tensor:
        """Everything that has weights."""
        return self.widen(self.narrow(v)).view(-1, *at.target.out.shape[1:])
