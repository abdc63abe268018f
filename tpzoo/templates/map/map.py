"""A linear map of low rank: g(u) = A B u."""

import math
from typing import final

from torch import Tensor, nn

from tpzoo import At, Ends, FeedbackMap
from tpzoo.templates.map.plugin import MyEntrySettings


@final
class MyEntryMap(FeedbackMap):
    """B has shape (rank, source features), A (target features, rank); results take the target's shape."""

    def __init__(self, settings: MyEntrySettings, ends: Ends) -> None:
        super().__init__()
        self.narrow = nn.Linear(math.prod(ends.source_shape), settings.rank, bias=False)
        self.widen = nn.Linear(settings.rank, math.prod(ends.target_shape), bias=False)

    def forward(self, u: Tensor, at: At) -> Tensor:
        """g(u) for ``u`` like the activation at the edge's source."""
        return self.widen(self.narrow(u.flatten(1))).view(-1, *at.target.out.shape[1:])

    def difference(self, d: Tensor, at: At) -> Tensor:
        """g(u + d) - g(u), without the cancellation of a subtraction: the map is linear, so it is g(d)."""
        return self.forward(d, at)
