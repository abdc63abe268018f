"""Relative reconstruction: h~ = h_target + sigma eps; loss = |g(F(h~)) - h~|^2 / |h~|^2, eps ~ N(0, 1).

F is the network from the edge's target up to its source.
"""

from typing import final

from torch import Tensor

from tpzoo import At, Draw, Edge, Feedback, LossLearner, Noise, Trace


@final
class MyEntryLearner(LossLearner):
    """One noise sample on every edge's target in each step."""

    def noise(self, edge: Edge, trace: Trace, draw: Draw) -> Noise:
        """Everything random, drawn apart from the loss and never from torch's global generator."""
        return (draw.normal(trace[edge.target].out, self.settings.sigma[edge.name]),)

    def loss(self, edge: Edge, trace: Trace, feedback: Feedback, noise: Noise) -> Tensor:
        """The scalar that this edge's map minimises; tpzoo differentiates it with respect to the map alone."""
        noisy = trace[edge.target].out + noise[0]
        pushed = trace.network.push(noisy, edge.target, edge.source)
        rebuilt: Tensor = edge.map(pushed.out, At(pushed, trace[edge.target]))
        return (rebuilt - noisy).square().sum() / noisy.square().sum()
