"""A linear map: g(u) = Q u (Meulemans et al. 2020, DDTP-linear)."""

from __future__ import annotations

from typing import final

from torch import Tensor, nn
from torch.nn import functional as F

from tpzoo import At, Ends, LinearTail, MatrixMap, StackedMap, initialise
from tpzoo.zoo.feedback.plugin import LinearSettings
from tpzoo.zoo.feedback.size import matrix_shape


def inverted_weight(ends: Ends, weight: Tensor) -> str | None:
    """The name of the one weight matrix of the block that an edge inverts; None if there is no such one."""
    matrices = [name for block in ends.blocks for name, p in block.named_parameters() if p.ndim > 1]
    if len(ends.blocks) != 1 or len(matrices) != 1:
        return None
    shape = dict(ends.blocks[0].named_parameters())[matrices[0]].shape
    return matrices[0] if tuple(shape) == tuple(weight.T.shape) else None


@final
class LinearMap(LinearTail, MatrixMap, StackedMap):
    """Q has shape (target features, source features); inputs are flattened, results take the target's shape."""

    def __init__(self, settings: LinearSettings, ends: Ends) -> None:
        super().__init__()
        self.matrix = nn.Linear(*matrix_shape(ends, settings.max_weights), bias=settings.bias[ends.name])
        initialise(self.matrix, settings.init)
        self._inverted = inverted_weight(ends, self.matrix.weight)

    def mirrored(self) -> dict[str, Tensor]:
        return {self._inverted: self.matrix.weight.T} if self._inverted else {}

    def weight_matrix(self) -> tuple[str, Tensor]:
        return "matrix.weight", self.matrix.weight

    def difference(self, d: Tensor, at: At) -> Tensor:
        """Q d: nothing is subtracted."""
        return F.linear(d.flatten(1), self.matrix.weight).view(-1, *at.target.out.shape[1:])

    def differences(self, d: Tensor, at: At) -> Tensor:
        return F.linear(d.flatten(2), self.matrix.weight).view(*d.shape[:2], *at.target.out.shape[1:])

    def features(self, u: Tensor, at: At) -> Tensor:
        return u.flatten(1)

    def linear(self, v: Tensor, at: At) -> Tensor:
        return self.matrix(v).view(-1, *at.target.out.shape[1:])

    def linear_difference(self, v: Tensor, at: At) -> Tensor:
        return F.linear(v, self.matrix.weight).view(-1, *at.target.out.shape[1:])

    def linear_gradient(self, v: Tensor, cotangent: Tensor, at: At) -> dict[str, Tensor]:
        flat = cotangent.flatten(1)  # (batch, target features)
        bias = {} if self.matrix.bias is None else {"matrix.bias": flat.sum(0)}
        return {"matrix.weight": flat.T @ v, **bias}
