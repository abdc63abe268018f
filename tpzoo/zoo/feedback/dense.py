"""A dense map: g(u) = s(Q u + b) (Lee et al. 2015; Meulemans et al. 2020, with s = tanh)."""

from __future__ import annotations

from typing import final

from torch import Tensor, nn
from torch.nn import functional as F

from tpzoo import At, Ends, StackedMap, activation, initialise, source_activation
from tpzoo.zoo.feedback.linear import inverted_weight
from tpzoo.zoo.feedback.plugin import DenseSettings
from tpzoo.zoo.feedback.size import matrix_shape


@final
class DenseMap(StackedMap):
    """Q has shape (target features, source features); inputs are flattened, results take the target's shape."""

    def __init__(self, settings: DenseSettings, ends: Ends) -> None:
        super().__init__()
        self.dense = nn.Linear(*matrix_shape(ends, settings.max_weights), bias=settings.bias[ends.name])
        self.nonlinearity = activation(settings.activation)
        initialise(self.dense, settings.init)
        self._inverted = inverted_weight(ends, self.dense.weight)

    def mirrored(self) -> dict[str, Tensor]:
        return {self._inverted: self.dense.weight.T} if self._inverted else {}

    def forward(self, u: Tensor, at: At) -> Tensor:
        return self.nonlinearity(self.dense(u.flatten(1))).view(-1, *at.target.out.shape[1:])

    def differences(self, d: Tensor, at: At) -> Tensor:
        """s(a + Q d) - s(a), with a = Q u + b kept for the phase and Q d taken before the nonlinearity."""
        a = at.memo((self, "Qu + b"), lambda: self.dense(source_activation(at).flatten(1)))
        moved = F.linear(d.flatten(2), self.dense.weight)  # (k, batch, target features)
        return self.nonlinearity.difference(a, moved).view(*d.shape[:2], *at.target.out.shape[1:])
