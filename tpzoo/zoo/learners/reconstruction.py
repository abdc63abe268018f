"""The plain reconstruction loss (Lee et al. 2015; Meulemans et al. 2020, DTP and DDTP-control).

    h~ = h_target + sigma eps;  loss = c mean |g(F(h~)) - h~|^2,  eps ~ N(0, 1)

F is the network from the edge's target up to its source, so on a layerwise path this is DTP's loss and on a direct path
DDTP-control's. Lee et al. reconstruct h~ (``target: noisy``), Bartunov et al. 2018 the clean h (``target: clean``).
c is 1 / max(sigma, sigma_floor)^2, or 1 with ``scale: none``.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import final

import torch
from torch import Tensor
from torch.nn import functional as F

from tpzoo import At, Draw, Edge, Feedback, LinearTail, LossLearner, Noise, Pass, Trace
from tpzoo.zoo.learners.plugin import ReconstructionSettings


@final
class Reconstruction(LossLearner):
    """One noise sample on every edge's target in each step."""

    def __init__(self, settings: ReconstructionSettings) -> None:
        super().__init__(settings)

    def noise(self, edge: Edge, trace: Trace, draw: Draw) -> Noise:
        return (draw.normal(trace[edge.target].out, self.settings.sigma[edge.name]),)

    def loss(self, edge: Edge, trace: Trace, feedback: Feedback, noise: Noise) -> Tensor:
        noisy = trace[edge.target].out + noise[0]
        return self._loss(edge, trace, noisy, trace.network.push(noisy, edge.target, edge.source))

    def gradients(
        self, edges: Sequence[Edge], trace: Trace, feedback: Feedback, noises: Sequence[Noise]
    ) -> list[dict[str, Tensor]]:
        """By algebra for maps with a linear tail, else by one gradient call: no two losses share a weight.

        Direct edges share one noise pass too.
        """
        noisy = [trace[edge.target].out + noise[0] for edge, noise in zip(edges, noises, strict=True)]
        pushed = push_by_source(edges, noisy, trace)
        if all(isinstance(edge.map, LinearTail) for edge in edges):
            return self._by_algebra(edges, trace, noisy, pushed)

        def total() -> Tensor:
            triples = zip(edges, noisy, pushed, strict=True)
            return torch.stack([self._loss(edge, trace, h, made) for edge, h, made in triples]).sum()

        return feedback.gradients(edges, total)

    @torch.no_grad()
    def _by_algebra(
        self, edges: Sequence[Edge], trace: Trace, noisy: Sequence[Tensor], pushed: Sequence[Pass]
    ) -> list[dict[str, Tensor]]:
        """For maps with a linear tail: the weight gradient of the tail, called directly."""
        found = []
        for edge, h, made in zip(edges, noisy, pushed, strict=True):
            at = At(made, trace[edge.target])
            assert isinstance(edge.map, LinearTail)
            v = edge.map.features(made.out, at)
            error = edge.map.linear(v, at) - self._aim(edge, trace, h)
            slope = self._scale(edge) * squared_error_slope(error, self.settings.reduction)
            found.append(edge.map.linear_gradient(v, slope * error, at))
        return found

    def _loss(self, edge: Edge, trace: Trace, noisy: Tensor, pushed: Pass) -> Tensor:
        rebuilt = edge.map(pushed.out, At(pushed, trace[edge.target]))
        return self._scale(edge) * squared_error(rebuilt, self._aim(edge, trace, noisy), self.settings.reduction)

    def _aim(self, edge: Edge, trace: Trace, noisy: Tensor) -> Tensor:
        return noisy if self.settings.target == "noisy" else trace[edge.target].out

    def _scale(self, edge: Edge) -> float:
        if self.settings.scale == "none":
            return 1.0
        return max(self.settings.sigma[edge.name], self.settings.sigma_floor) ** -2


def push_by_source(edges: Sequence[Edge], noisy: Sequence[Tensor], trace: Trace) -> list[Pass]:
    """The passes from every edge's noisy target up to its source; one stacked pass for edges with one source."""
    made: dict[str, Pass] = {}
    for source in dict.fromkeys(edge.source for edge in edges):
        group = [(edge, h) for edge, h in zip(edges, noisy, strict=True) if edge.source == source]
        passes = trace.network.push_together([(h, edge.target) for edge, h in group], source)
        made.update({edge.name: each for (edge, _), each in zip(group, passes, strict=True)})
    return [made[edge.name] for edge in edges]


def squared_error(value: Tensor, aim: Tensor, reduction: str) -> Tensor:
    """|value - aim|^2, mean over the batch, mean or sum over units."""
    if reduction == "mean":
        return F.mse_loss(value, aim)
    return F.mse_loss(value, aim, reduction="sum") / value.shape[0]


def squared_error_slope(error: Tensor, reduction: str) -> float:
    """What :func:`squared_error` has for a derivative, by the error: 2 over what it divides by."""
    return 2.0 / (error.numel() if reduction == "mean" else error.shape[0])
