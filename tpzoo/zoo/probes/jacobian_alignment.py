"""How far a feedback map is from the Jacobian matching condition J_G = J_F^T (Ernoult et al. 2022).

The angle between both matrices, cos = <J_G, J_F^T> / |J_G| |J_F|, and the ratio |J_G| / |J_F|. F is everything from the
edge's target to its source. Both are applied to vectors d of the source: J_G d by central differences of the map,
J_F^T d by vector-Jacobian products.

Where the source is no wider than ``exact_up_to`` and no block between couples samples, the d are its unit vectors and
the sums of <J_G d, J_F^T d>, |J_G d|^2 and |J_F^T d|^2 are the products themselves. Else ``vectors`` random d of
covariance 1 are drawn, whose means are (Hutchinson's estimator), so that no Jacobian is ever formed; then standard
errors stand beside both.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import final

import torch
from torch import Tensor

from tpzoo import Edge, Probe, Snapshot, Trace
from tpzoo.zoo.probes.plugin import JacobianSettings


@final
class JacobianAlignment(Probe):
    """``edge/angle`` in degrees and ``edge/ratio``; where they are estimates ``edge/angle_se`` and ``edge/ratio_se``.

    Averages: the Jacobians of all samples stand side by side as one matrix: it is the angle of the whole batch, not a
    mean of angles.
    Blocks: all edges, by their names.
    Weights: none; it measures Jacobians of activations.
    Zeros: NaN where a Jacobian is zero. Standard errors are of first order (the delta method), over the drawn vectors;
    the angle has a bias of the order of their square.
    """

    def __init__(self, settings: JacobianSettings) -> None:
        self.every = settings.every
        self._vectors, self._exact_up_to, self._epsilon = settings.vectors, settings.exact_up_to, settings.epsilon

    def measure(self, snapshot: Snapshot) -> dict[str, Tensor]:
        trace, found = snapshot.clean_trace(), {}
        for edge in snapshot.feedback.edges:
            exact = trace[edge.source].out[0].numel() <= self._exact_up_to and _by_sample(snapshot, edge, trace)
            given = list(unit_vectors(trace[edge.source].out) if exact else self._drawn(snapshot, edge, trace))
            products = torch.stack([self._products(edge, d, snapshot, trace) for d in given])
            found.update({f"{edge.name}/{key}": value for key, value in compared(products, exact).items()})
        return found

    def _drawn(self, snapshot: Snapshot, edge: Edge, trace: Trace) -> Iterator[Tensor]:
        for _ in range(self._vectors):
            yield snapshot.draw.normal(trace[edge.source].out, 1.0)

    @torch.no_grad()
    def _products(self, edge: Edge, d: Tensor, snapshot: Snapshot, trace: Trace) -> Tensor:
        """<J_G d, J_F^T d>, |J_G d|^2 and |J_F^T d|^2 over the batch."""
        at = snapshot.feedback.at(edge, trace)
        u = trace[edge.source].out
        size = self._epsilon * float(u.std().clamp_min(1e-6)) / float(d.square().mean().sqrt())
        up, down = (edge.map.difference(each, at).double() for each in (size * d, -size * d))
        ours = (up - down) / (2 * size)
        theirs = pulled_back(trace, d, edge.source, edge.target).double()
        return torch.stack([(ours * theirs).sum(), ours.square().sum(), theirs.square().sum()])


def _by_sample(snapshot: Snapshot, edge: Edge, trace: Trace) -> bool:
    """Whether every sample has Jacobians of its own on the way up from the edge's target."""
    network = snapshot.network
    between = network.nodes[network.position(edge.target) + 1 : network.position(edge.source) + 1]
    return all(network.block_of(node).row_independent for node in between)


def unit_vectors(like: Tensor) -> Iterator[Tensor]:
    """Each unit vector of a sample's space, for all samples of ``like`` (batch, ...)."""
    for unit in torch.eye(like[0].numel(), dtype=like.dtype, device=like.device):
        yield unit.view(1, *like.shape[1:]).expand_as(like)


def compared(products: Tensor, exact: bool) -> dict[str, Tensor]:
    """Angle and ratio from ``products`` (vectors, 3), and their standard errors where the vectors were drawn."""
    inner, ours, theirs = products.sum(0).unbind()
    cosine = (inner / (ours * theirs).sqrt()).clamp(-1, 1)
    ratio = (ours / theirs).sqrt()
    found = {"angle": torch.rad2deg(torch.acos(cosine)), "ratio": ratio}
    if exact:
        return found
    relative = products / products.mean(0)  # a nearly zero inner product alone is not taken relative
    spread = (relative[:, 1] - 1) / 2, (relative[:, 2] - 1) / 2
    norm = (products[:, 1].mean() * products[:, 2].mean()).sqrt()
    of_cosine = _standard_error(products[:, 0] / norm - cosine * (spread[0] + spread[1]))
    sine = (1 - cosine.square()).sqrt().clamp_min(1e-8)
    return {
        **found,
        "angle_se": torch.rad2deg(of_cosine / sine),
        "ratio_se": ratio * _standard_error(spread[0] - spread[1]),
    }


def _standard_error(values: Tensor) -> Tensor:
    return values.std() / math.sqrt(len(values))


def pulled_back(trace: Trace, d: Tensor, source: str, target: str) -> Tensor:
    """J_F^T d, through every node above ``target`` up to ``source``."""
    nodes = list(trace.passes)
    last = nodes.index(trace[source].name)
    for node in nodes[last : nodes.index(target) : -1]:
        d = trace[node].vjp(d)
    return d
