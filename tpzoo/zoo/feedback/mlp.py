"""A multilayer perceptron on every edge (DDTP-MLP, in the code of Meulemans et al. 2020 but not in the paper).

    g_i(u) = t(Q_n phi(... phi(Q_1 u + d_1) ...) + d_n)

All of it trains. In the recurrent variant Q_1 sees [u; h_i], with the uncorrupted activation h_i of the target in every
evaluation. The map to the last hidden block is a single layer: t(Q u + d), never recurrent.
"""

from __future__ import annotations

import itertools
from typing import final

from torch import Tensor, nn
from torch.nn import functional as F

from tpzoo import At, Ends, FeedbackMap, StackedMap, activation, initialise, source_activation
from tpzoo.zoo.feedback.bypass import bypass, features, with_own_activation
from tpzoo.zoo.feedback.plugin import MlpMapSettings
from tpzoo.zoo.feedback.size import refuse_above


@final
class MlpMap(StackedMap):
    """Inputs are flattened, results take the target's shape; ``layers.0`` is Q_1, d_1."""

    def __init__(self, settings: MlpMapSettings, ends: Ends) -> None:
        super().__init__()
        self._n_source, self._recurrent = features(ends.source_shape), settings.recurrent
        n_seen = self._n_source + features(ends.target_shape, settings.recurrent)
        pairs = list(itertools.pairwise([n_seen, *settings.hidden, features(ends.target_shape)]))
        refuse_above(settings.max_weights, max(n_in * n_out for n_in, n_out in pairs), ends)
        self.layers = nn.ModuleList(nn.Linear(*pair) for pair in pairs)
        names = [settings.hidden_activation] * len(settings.hidden) + [settings.activation]
        self.nonlinearities = nn.ModuleList(map(activation, names))
        for layer in self.layers:
            initialise(layer, settings.init)

    def forward(self, u: Tensor, at: At) -> Tensor:
        *_, a = self._before(u, at)
        return self.nonlinearities[-1](a).view(-1, *at.target.out.shape[1:])

    def differences(self, d: Tensor, at: At) -> Tensor:
        """Layer by layer s(a + Q d) - s(a), with every a of the clean u kept for the phase; h_i cancels in Q_1 d."""
        clean = at.memo((self, "Qu + d"), lambda: self._before(source_activation(at), at))
        moved, weight = d.flatten(2), self.layers[0].weight[:, : self._n_source]  # type: ignore[index]
        for i, (layer, nonlinearity) in enumerate(zip(self.layers, self.nonlinearities, strict=True)):
            moved = F.linear(moved, weight if i == 0 else layer.weight)  # type: ignore[arg-type]
            moved = nonlinearity.difference(clean[i], moved)  # type: ignore[operator]
        return moved.view(*d.shape[:2], *at.target.out.shape[1:])

    def _before(self, u: Tensor, at: At) -> list[Tensor]:
        """What every nonlinearity is applied to, (batch, features of the layer)."""
        v, found = with_own_activation(u, at, self._recurrent), []
        for layer, nonlinearity in zip(self.layers, self.nonlinearities, strict=True):
            found.append(layer(v))
            v = nonlinearity(found[-1]) if len(found) < len(self.layers) else v
        return found


def build(settings: MlpMapSettings, ends: Ends) -> FeedbackMap:
    """The perceptron, or the single layer."""
    return bypass(settings, ends) or MlpMap(settings, ends)
