"""The difference reconstruction loss (Meulemans et al. 2020, equation for DTPDRL and DDTP).

    h~ = h_target + sigma eps;  loss = 1 / sigma^2 mean |g_diff(F(h~)) - sigma eps|^2,  eps ~ N(0, 1)

F is the rest of the network, up to the output, and g_diff the chain of displacements from the output down to the
target: on a direct path one map (DDTP), on a layerwise path all maps above the target (DTPDRL). Only the map of the
edge itself learns from its loss. At its minimum the chain is the damped pseudo-inverse of F's Jacobian; the damping
comes from weight decay.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import final

import torch
from torch import Tensor

from tpzoo import Draw, Edge, Feedback, LossLearner, MatrixMap, Noise, Trace
from tpzoo.zoo.learners.plugin import DrlSettings
from tpzoo.zoo.learners.reconstruction import squared_error, squared_error_slope


@final
class DRL(LossLearner):
    """One noise sample on every edge's target in each step."""

    def __init__(self, settings: DrlSettings) -> None:
        super().__init__(settings)

    def noise(self, edge: Edge, trace: Trace, draw: Draw) -> Noise:
        return (draw.normal(trace[edge.target].out, self.settings.sigma[edge.name]),)

    def loss(self, edge: Edge, trace: Trace, feedback: Feedback, noise: Noise) -> Tensor:
        pushed = trace.network.push(trace[edge.target].out + noise[0], edge.target, "output")
        sent = feedback.displacement(trace, pushed.out - trace.output, edge.target)
        return self._loss(edge, sent, noise)

    def gradients(
        self, edges: Sequence[Edge], trace: Trace, feedback: Feedback, noises: Sequence[Noise]
    ) -> list[dict[str, Tensor]]:
        """One stacked noise pass up, one stacked walk down and, but for maps d -> Q d, one gradient call for all edges.

        What arrives at an edge's source is a constant of its loss, so that the sum of the losses has, in every map, the
        gradient of that map's own loss. Maps are evaluated once at the clean activation, for the walk and the losses.
        """
        starts = [(trace[edge.target].out + noise[0], edge.target) for edge, noise in zip(edges, noises, strict=True)]
        changes = [each.out - trace.output for each in trace.network.push_together(starts, "output")]
        if all(isinstance(edge.map, MatrixMap) for edge in edges):
            return self._by_algebra(edges, trace, feedback, noises, changes)

        def total() -> Tensor:
            memory = feedback.memory(trace)
            with torch.no_grad():
                arrived = feedback.arrivals(trace, changes, [edge.source for edge in edges], memory)
            losses = []
            for edge, d, noise in zip(edges, arrived, noises, strict=True):
                sent = edge.map.difference(d, feedback.at(edge, trace, memory=memory))
                losses.append(self._loss(edge, sent, noise))
            return torch.stack(losses).sum()

        return feedback.gradients(edges, total)

    @torch.no_grad()
    def _by_algebra(
        self,
        edges: Sequence[Edge],
        trace: Trace,
        feedback: Feedback,
        noises: Sequence[Noise],
        changes: Sequence[Tensor],
    ) -> list[dict[str, Tensor]]:
        """For maps d -> Q d: the gradient is 2 / sigma^2 mean (Q d - sigma eps) d^T, and no other parameter counts."""
        found = []
        arrived = feedback.arrivals(trace, changes, [edge.source for edge in edges])
        for edge, d, noise in zip(edges, arrived, noises, strict=True):
            missing = edge.map.difference(d, feedback.at(edge, trace)) - noise[0]
            slope = squared_error_slope(missing, self.settings.reduction) / self.settings.sigma[edge.name] ** 2
            gradients = {name: torch.zeros_like(p) for name, p in edge.map.named_parameters()}
            assert isinstance(edge.map, MatrixMap)
            gradients[edge.map.weight_matrix()[0]] = (slope * missing.flatten(1)).T @ d.flatten(1)
            found.append(gradients)
        return found

    def _loss(self, edge: Edge, sent: Tensor, noise: Noise) -> Tensor:
        return squared_error(sent, noise[0], self.settings.reduction) / self.settings.sigma[edge.name] ** 2
