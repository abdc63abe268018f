"""Feedback through fixed random features (Meulemans et al. 2020, DDTP-RHL).

    r(u) = phi(V u + c);  g_i(u) = t(Q_i r(u) + d_i);  V, c ~ uniform(-1/sqrt(n_L), 1/sqrt(n_L))

V and c are drawn once, are the same for all edges that start at one node, and never train; only Q_i and d_i do. In the
recurrent variant g_i(u) = t(Q_i [r(u); h_i] + d_i), with the uncorrupted activation h_i of the target in every
evaluation. The map to the last hidden block leaves the features out: t(Q u + d), never recurrent.
"""

from __future__ import annotations

import math
from typing import final

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from tpzoo import At, Ends, FeedbackMap, StackedMap, activation, initialise, source_activation
from tpzoo.zoo.feedback.bypass import bypass, features, with_own_activation
from tpzoo.zoo.feedback.plugin import RandomHiddenSettings
from tpzoo.zoo.feedback.size import refuse_above


class RandomFeatures(nn.Module):
    """r(u) = phi(V u + c), with V (width, source features) and c (width) as buffers: nothing can train them."""

    V: Tensor
    c: Tensor

    def __init__(self, n_source: int, settings: RandomHiddenSettings) -> None:
        super().__init__()
        bound = 1 / math.sqrt(n_source)
        self.register_buffer("V", nn.init.uniform_(torch.empty(settings.width, n_source), -bound, bound))
        self.register_buffer("c", nn.init.uniform_(torch.empty(settings.width), -bound, bound))
        self.nonlinearity = activation(settings.hidden_activation)

    def forward(self, u: Tensor) -> Tensor:
        """(batch, ...) -> (batch, width)."""
        return self.nonlinearity(F.linear(u.flatten(1), self.V, self.c))

    def clean(self, at: At) -> Tensor:
        """r(u) at the source's activation, (batch, width); once in each phase for all edges."""
        return at.memo((self, "r(u)"), lambda: self.nonlinearity(self._before(at)))

    def difference(self, d: Tensor, at: At) -> Tensor:
        """r(u + d) - r(u) for d (batch, ...): (batch, width); once in each phase for all edges that get the same d."""
        # d is kept beside what it was made into, so that no other tensor can get its identity.
        return at.memo((self, "r(u + d) - r(u)", id(d)), lambda: (d, self.differences(d.unsqueeze(0), at)[0]))[1]

    def differences(self, d: Tensor, at: At) -> Tensor:
        """The same for d (k, batch, ...): (k, batch, width)."""
        return self.nonlinearity.difference(self._before(at), F.linear(d.flatten(2), self.V))

    def _before(self, at: At) -> Tensor:
        return at.memo((self, "Vu + c"), lambda: F.linear(source_activation(at).flatten(1), self.V, self.c))


@final
class RandomHiddenMap(StackedMap):
    """Q has shape (target features, width), or (target features, width + target features) if it is recurrent."""

    def __init__(self, settings: RandomHiddenSettings, ends: Ends) -> None:
        super().__init__()
        n_source, n_target = features(ends.source_shape), features(ends.target_shape)
        n_seen = settings.width + features(ends.target_shape, settings.recurrent)
        refuse_above(settings.max_weights, max(n_seen * n_target, settings.width * n_source), ends)
        self._features = ends.share(f"random_hidden_{ends.source}", lambda: RandomFeatures(n_source, settings))
        self.dense = nn.Linear(n_seen, n_target)
        self.nonlinearity = activation(settings.activation)
        self._width, self._recurrent = settings.width, settings.recurrent
        initialise(self.dense, settings.init)

    def forward(self, u: Tensor, at: At) -> Tensor:
        a = self.dense(with_own_activation(self._features.module(u), at, self._recurrent))
        return self.nonlinearity(a).view(-1, *at.target.out.shape[1:])

    def difference(self, d: Tensor, at: At) -> Tensor:
        return self._sent(self._features.module.difference(d, at).unsqueeze(0), at).squeeze(0)

    def differences(self, d: Tensor, at: At) -> Tensor:
        return self._sent(self._features.module.differences(d, at), at)

    def _sent(self, moved: Tensor, at: At) -> Tensor:
        """t(a + Q dr) - t(a) for dr (k, batch, width), with a = Q [r(u); h] + d kept for the phase; Q dr holds no h."""

        def clean() -> Tensor:
            return self.dense(with_own_activation(self._features.module.clean(at), at, self._recurrent))

        d = F.linear(moved, self.dense.weight[:, : self._width])
        found = self.nonlinearity.difference(at.memo((self, "Qr(u) + d"), clean), d)
        return found.view(*moved.shape[:2], *at.target.out.shape[1:])


def build(settings: RandomHiddenSettings, ends: Ends) -> FeedbackMap:
    """The map through random features, or the one that leaves them out."""
    return bypass(settings, ends) or RandomHiddenMap(settings, ends)
