"""How far a feedback map is from the Jacobian matching condition J_G = J_F^T (Ernoult et al. 2022).

The angle between both matrices, cos = <J_G, J_F^T> / |J_G| |J_F|, over the batch. With random d of covariance 1 the
products are means: E <J_G d, J_F^T d> = <J_G, J_F^T> and E |J_G d|^2 = |J_G|^2 (Hutchinson's estimator), so that no
Jacobian is ever formed. F is everything from the edge's target to its source.
"""

from __future__ import annotations

from typing import final

import torch
from torch import Tensor

from tpzoo import Edge, Probe, Snapshot, Trace
from tpzoo.zoo.probes.plugin import JacobianSettings


@final
class JacobianAlignment(Probe):
    """``edge/angle`` in degrees and ``edge/ratio``, |J_G| / |J_F|."""

    def __init__(self, settings: JacobianSettings) -> None:
        self.every = settings.every
        self._vectors, self._epsilon = settings.vectors, settings.epsilon

    def measure(self, snapshot: Snapshot) -> dict[str, Tensor]:
        trace, found = snapshot.clean_trace(), {}
        for edge in snapshot.feedback.edges:
            sums = torch.zeros(3, dtype=torch.float64, device=trace.output.device)
            for _ in range(self._vectors):
                sums += self._products(edge, snapshot, trace)
            inner, ours, theirs = sums.unbind()
            cosine = inner / (ours * theirs).sqrt()
            found[f"{edge.name}/angle"] = torch.rad2deg(torch.acos(cosine.clamp(-1, 1)))
            found[f"{edge.name}/ratio"] = (ours / theirs).sqrt()
        return found

    @torch.no_grad()
    def _products(self, edge: Edge, snapshot: Snapshot, trace: Trace) -> Tensor:
        """<J_G d, J_F^T d>, |J_G d|^2 and |J_F^T d|^2 for one random d."""
        at = snapshot.feedback.at(edge, trace)
        u = trace[edge.source].out
        d = snapshot.draw.normal(u, 1.0)
        size = self._epsilon * float(u.std().clamp_min(1e-6))
        ours = (edge.map.difference(size * d, at) / size).double()
        theirs = pulled_back(trace, d, edge.source, edge.target).double()
        return torch.stack([(ours * theirs).sum(), ours.square().sum(), theirs.square().sum()])


def pulled_back(trace: Trace, d: Tensor, source: str, target: str) -> Tensor:
    """J_F^T d, through every node above ``target`` up to ``source``."""
    nodes = list(trace.passes)
    last = nodes.index(trace[source].name)
    for node in nodes[last : nodes.index(target) : -1]:
        d = trace[node].vjp(d)
    return d
