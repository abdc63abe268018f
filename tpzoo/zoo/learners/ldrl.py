"""The local difference reconstruction loss (Ernoult et al. 2022).

    dx ~ N(0, sigma^2) on the target, dy ~ N(0, sigma^2) on the source (the same sigma), r = G(s_n),
    loss = mean over the batch of -2 <dx, G(F(s_{n-1} + dx)) - r> + |G(s_n + dy) - r|^2

For small noise and blocks without a max-pool this is sigma^2 |J_G - J_F^T|^2 up to a constant: at its minimum G's
Jacobian is the transpose of F's (Jacobian matching condition), and DTP's updates are backpropagation's. The value may
be negative. With several samples the losses are averaged.

With a max-pool G(F(s + dx)) uses the pool indices of the noisy pass, as published. They move with dx, which adds to
<dx, G(F(s + dx))>, and the map comes to rest elsewhere, larger and turned, however small the noise is. Those of the
clean pass (``indices: clean``) lead it to J_F^T as the noise goes to zero; it falls short where the noise often moves
the winner of a pool. ``docs/results.md`` has both, measured on three networks.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import final

import torch
from torch import Tensor

from tpzoo import Activity, At, Draw, Edge, Feedback, LinearTail, LossLearner, Noise, Pass, Trace, source_activation
from tpzoo.zoo.learners.plugin import LdrlSettings


@final
class LDRL(LossLearner):
    """Noise comes in pairs: for every sample one tensor like the target and one like the source."""

    def __init__(self, settings: LdrlSettings) -> None:
        super().__init__(settings)

    def noise(self, edge: Edge, trace: Trace, draw: Draw) -> Noise:
        sigma, ends = self.settings.sigma[edge.name], (trace[edge.target].out, trace[edge.source].out)
        return tuple(draw.normal(end, sigma) for _ in range(self.settings.samples) for end in ends)

    def loss(self, edge: Edge, trace: Trace, feedback: Feedback, noise: Noise) -> Tensor:
        at = feedback.at(edge, trace)
        u = source_activation(at)
        rebuilt = edge.map(u, at)
        losses = []
        for dx, dy in zip(noise[::2], noise[1::2], strict=True):
            pushed = self._push(edge, trace, dx)
            seen = (edge.map(pushed.out, At(pushed, at.target)) - rebuilt) * dx
            moved = edge.map(u + dy, at) - rebuilt
            losses.append((moved.square() - 2 * seen).flatten(1).sum(1).mean())
        return torch.stack(losses).mean()

    def gradients(
        self, edges: Sequence[Edge], trace: Trace, feedback: Feedback, noises: Sequence[Noise]
    ) -> list[dict[str, Tensor]]:
        """For maps with a linear tail A by exact algebra, for others by differentiating :meth:`loss`."""
        found: list[dict[str, Tensor]] = []
        for edge, noise in zip(edges, noises, strict=True):
            if isinstance(edge.map, LinearTail):
                found.append(self._by_algebra(edge, edge.map, trace, feedback, noise))
            else:
                found += super().gradients([edge], trace, feedback, [noise])
        return found

    @torch.no_grad()
    def _by_algebra(
        self, edge: Edge, g: LinearTail, trace: Trace, feedback: Feedback, noise: Noise
    ) -> dict[str, Tensor]:
        """The gradients where G ends in a linear map A, written down.

        With h the features of G, u = h(F(s + dx)) - h(y) and v = h(y + dy) - h(y):

        loss = mean_b [-2 <dx, A u> + |A v|^2], whose gradient is 2 / batch (<A v, dA v> - <dx, dA u>): two weight
        gradients of A, called directly. Differences come before the linear map, and the bias cancels: 4 layer passes
        instead of 8.
        """
        at = feedback.at(edge, trace)
        y = source_activation(at)
        clean = trace.memo((g, "features"), lambda: g.features(y, at))
        total: dict[str, Tensor] = {}
        for dx, dy in zip(noise[::2], noise[1::2], strict=True):
            pushed = self._push(edge, trace, dx)
            u = g.features(pushed.out, At(pushed, at.target)).sub_(clean)
            v = g.features(y + dy, at).sub_(clean)
            _add(total, g.linear_gradient(u, dx, at), -1.0)
            _add(total, g.linear_gradient(v, g.linear_difference(v, at), at), 1.0)
        scale = 2.0 / (trace.batch_size * self.settings.samples)
        return {name: value.mul_(0.0 if name.endswith("bias") else scale) for name, value in total.items()}

    @torch.no_grad()
    def _push(self, edge: Edge, trace: Trace, dx: Tensor) -> Pass:
        pushed = trace.network.push(trace[edge.target].out + dx, edge.target, edge.source)
        if self.settings.indices == "noisy":
            return pushed
        clean = trace[edge.source]
        return Pass(pushed.name, pushed.block, pushed.input, Activity(pushed.out, pushed.pre, clean.aux))


def _add(total: dict[str, Tensor], found: dict[str, Tensor], sign: float) -> None:
    for name, value in found.items():
        total[name] = total[name].add(value, alpha=sign) if name in total else sign * value
