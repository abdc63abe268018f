"""The difference reconstruction loss of linear maps, solved in closed form. This is not the published schedule.

    h~ = h_target + sigma eps;  Q = (sum sigma eps do^T) (sum do do^T + lambda I)^-1,  eps ~ N(0, 1)

For a linear map the loss of Meulemans et al. 2020 is ridge regression of the noise sigma eps on what arrives at the
edge's source, do: on a direct path the change of the output. Its solution is found from sums over batches, where the
paper takes one optimiser step on each; no optimiser, learning rate, pre-training or extra epoch is needed. Sums are
means over rows divided by sigma^2, so that for small noise Q = E[J]^T (E[J J^T] + lambda I)^-1, whatever sigma is; the
paper's weight decay wd is lambda = n wd / 2 for a target of n units.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import final

import torch
from torch import Tensor, nn

from tpzoo import Draw, Edge, Feedback, MatrixMap, Noise, SolvingLearner, Trace
from tpzoo.zoo.learners.plugin import RidgeSettings


class Sums(nn.Module):
    """Of one edge, over batches: eps do^T (target features, source features), do do^T, and how many batches count."""

    cross: Tensor
    gram: Tensor
    count: Tensor

    def __init__(self, matrix: Tensor) -> None:
        super().__init__()
        self.register_buffer("cross", torch.zeros_like(matrix, requires_grad=False))
        self.register_buffer("gram", matrix.new_zeros(matrix.shape[1], matrix.shape[1]))
        self.register_buffer("count", matrix.new_zeros(()))

    def add(self, statistics: Mapping[str, Tensor], decay: float) -> None:
        """Let earlier batches decay and count one more."""
        self.cross.mul_(decay).add_(statistics["cross"])
        self.gram.mul_(decay).add_(statistics["gram"])
        self.count.mul_(decay).add_(1)


@final
class Ridge(SolvingLearner):
    """One noise sample on every edge's target in each batch. Maps have the capability ``linear_map``."""

    def __init__(self, settings: RidgeSettings) -> None:
        super().__init__(settings)
        self.sums = nn.ModuleDict()

    def prepare(self, edges: Sequence[Edge]) -> None:
        self.sums = nn.ModuleDict({edge.name: Sums(matrix_of(edge)[1].detach()) for edge in edges})

    def noise(self, edge: Edge, trace: Trace, draw: Draw) -> Noise:
        return (draw.normal(trace[edge.target].out, self.settings.sigma[edge.name]),)

    def loss(self, edge: Edge, trace: Trace, feedback: Feedback, noise: Noise) -> Tensor:
        """mean_b |Q do - sigma eps|^2 / sigma^2 + lambda |Q|^2, on one batch."""
        (arrived,) = self._arrived([edge], trace, feedback, [noise])
        missing = edge.map.difference(arrived, feedback.at(edge, trace)) - noise[0]
        error = missing.flatten(1).square().sum(1).mean() / self.settings.sigma[edge.name] ** 2
        return error + self.settings.damping[edge.name] * matrix_of(edge)[1].square().sum()

    def statistics(
        self, edges: Sequence[Edge], trace: Trace, feedback: Feedback, noises: Sequence[Noise]
    ) -> list[dict[str, Tensor]]:
        """``cross`` and ``gram``, means over rows in units of sigma^2."""
        found = []
        for edge, d, noise in zip(edges, self._arrived(edges, trace, feedback, noises), noises, strict=True):
            d, eps = d.flatten(1), noise[0].flatten(1)  # (batch, source features), (batch, target features)
            scale = 1 / (len(d) * self.settings.sigma[edge.name] ** 2)
            found.append({"cross": scale * (eps.T @ d), "gram": scale * (d.T @ d)})
        return found

    def solve(self, edge: Edge, statistics: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """Q from the sums with this batch. Solved in float64: the Gram matrix is small, and often ill-conditioned."""
        sums: Sums = self.sums[edge.name]  # type: ignore[assignment]
        sums.add(statistics, self.settings.decay)
        name, matrix = matrix_of(edge)
        cross, gram = (value.double() / sums.count.double() for value in (sums.cross, sums.gram))
        damped = gram + self.settings.damping[edge.name] * torch.eye(len(gram), dtype=gram.dtype, device=gram.device)
        found = torch.linalg.solve_ex(damped, cross.T)[0]  # the damped Gram matrix is symmetric
        return {name: found.T.to(matrix.dtype)}

    @torch.no_grad()
    def _arrived(
        self, edges: Sequence[Edge], trace: Trace, feedback: Feedback, noises: Sequence[Noise]
    ) -> list[Tensor]:
        """What the change of the output has become at every edge's source."""
        starts = [(trace[edge.target].out + noise[0], edge.target) for edge, noise in zip(edges, noises, strict=True)]
        changes = [each.out - trace.output for each in trace.network.push_together(starts, "output")]
        return feedback.arrivals(trace, changes, [edge.source for edge in edges])


def matrix_of(edge: Edge) -> tuple[str, Tensor]:
    """The name and the value of the matrix that an edge's map is.

    Raises:
        TypeError: it is not one matrix.
    """
    if not isinstance(edge.map, MatrixMap):
        raise TypeError(f"{type(edge.map).__name__} is not one matrix (capability linear_map)")
    return edge.map.weight_matrix()
