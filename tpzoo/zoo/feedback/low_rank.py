"""A linear map of low rank: g(u) = A B u, for edges whose whole matrix would be too large."""

from __future__ import annotations

import math
from typing import final

from torch import Tensor, nn
from torch.nn import functional as F

from tpzoo import At, Ends, LinearTail, StackedMap, initialise
from tpzoo.zoo.feedback.plugin import LowRankSettings
from tpzoo.zoo.feedback.size import refuse_above


@final
class LowRankMap(LinearTail, StackedMap):
    """B has shape (rank, source features), A (target features, rank); results take the target's shape."""

    def __init__(self, settings: LowRankSettings, ends: Ends) -> None:
        super().__init__()
        n_source, n_target = math.prod(ends.source_shape), math.prod(ends.target_shape)
        rank = min(settings.rank, n_source, n_target)
        refuse_above(settings.max_weights, rank * (n_source + n_target), ends)
        self.narrow = nn.Linear(n_source, rank, bias=False)
        self.widen = nn.Linear(rank, n_target, bias=settings.bias[ends.name])
        for layer in (self.narrow, self.widen):
            initialise(layer, settings.init)

    def differences(self, d: Tensor, at: At) -> Tensor:
        """A B d: nothing is subtracted."""
        moved = F.linear(self.narrow(d.flatten(2)), self.widen.weight)
        return moved.view(*d.shape[:2], *at.target.out.shape[1:])

    def features(self, u: Tensor, at: At) -> Tensor:
        return u.flatten(1)

    def linear(self, v: Tensor, at: At) -> Tensor:
        return self.widen(self.narrow(v)).view(-1, *at.target.out.shape[1:])

    def linear_difference(self, v: Tensor, at: At) -> Tensor:
        return F.linear(self.narrow(v), self.widen.weight).view(-1, *at.target.out.shape[1:])
