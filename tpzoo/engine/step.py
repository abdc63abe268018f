"""One minibatch: the network, the feedback and everything that trains them, put together."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from tpzoo.engine.context import Context, Observe, Order
from tpzoo.engine.draw import Share, Streams
from tpzoo.engine.feedback import Edge, Feedback
from tpzoo.engine.learner import Learner, Noise
from tpzoo.engine.network import Network, Trace
from tpzoo.engine.objective import Batch, Loss, Output
from tpzoo.engine.optimise import WeightStepper
from tpzoo.engine.rule import Rule


@dataclass(frozen=True)
class Iterations:
    """How often the maps are trained on one batch.

    ``together`` counts rounds in which all edges step at once. Where ``by_edge`` is given it counts instead: edge by
    edge, in forward order of their targets, each as often as it says.
    """

    together: int = 1
    by_edge: Mapping[str, int] | None = None


@dataclass
class Engine:
    """Everything that one training step touches.

    Attributes:
        forward, backward: who steps the blocks, and who steps the feedback maps.
        streams: the run's named random streams.
        share: which rows of the whole batch this process holds, or None.
    """

    network: Network
    feedback: Feedback
    rule: Rule
    learner: Learner
    loss: Loss
    output: Output
    forward: WeightStepper
    backward: WeightStepper
    streams: Streams
    iterations: Iterations = Iterations()
    share: Share | None = None

    def __post_init__(self) -> None:
        self.learner.prepare(self.feedback.edges)

    def batch(self, x: Tensor, y: Tensor) -> Batch:
        """A batch with this engine's loss and output target."""
        return Batch(x, y, self.loss, self.output)

    def train_batch(
        self, x: Tensor, y: Tensor, order: Order = "targets_first", observe: Observe | None = None
    ) -> Tensor:
        """Train on one minibatch and return the output (batch, ...) that it had before the step."""
        draw = self.streams.draw("rule", self.share)
        context = Context(self, self.batch(x, y), draw, order, observe)
        if self.learner.when == "data_free" and order != "forward_only":
            self.train_feedback_batch(x)
        self.rule.train_step(context)
        if self.learner.when == "after_forward" and order != "forward_only":
            self.train_feedback_batch(x)
        if context.output is None:
            raise TypeError(f"{type(self.rule).__name__}.train_step made no training pass")
        return context.output

    def train_feedback_batch(self, x: Tensor) -> None:
        """Train only the maps on one minibatch; the network, running statistics included, is left alone."""
        if self._feedback_learns():
            graph = self.learner.differentiates_forward
            self._train_maps(self.network.trace(x, update_buffers=False, graph=graph))

    def train_feedback(self, x: Tensor, trace: Trace | None) -> None:
        """What ``Context.train_feedback`` does: a learner that trains with the targets trains now."""
        if self.learner.when != "feedback":
            return
        if trace is None:
            self.train_feedback_batch(x)
        elif self._feedback_learns():
            self._train_maps(trace)

    def _feedback_learns(self) -> bool:
        return self.learner.trains and not self.rule.trains_feedback and bool(self.backward.trained)

    def _train_maps(self, trace: Trace) -> None:
        if self.iterations.by_edge is None:
            for _ in range(self.iterations.together):
                self._feedback_step(self.feedback.edges, trace)
            return
        for edge in sorted(self.feedback.edges, key=lambda edge: self.network.position(edge.target)):
            for _ in range(self.iterations.by_edge[edge.name]):
                self._feedback_step([edge], trace)

    def _feedback_step(self, edges: Sequence[Edge], trace: Trace) -> None:
        noises = self.noises(edges, trace)
        if self.learner.solves:
            self._solve(edges, trace, noises)
            return
        gradients = _by_edge(edges, self.learner.gradients(edges, trace, self.feedback, noises))
        self.feedback.moved()
        self.backward.step(gradients)

    @torch.no_grad()
    def _solve(self, edges: Sequence[Edge], trace: Trace, noises: Sequence[Noise]) -> None:
        """Set the maps to what the learner finds."""
        found = self.learner.statistics(edges, trace, self.feedback, noises)
        means = self.backward.averaged(_by_edge(edges, found))
        values = [
            self.learner.solve(edge, {name: means[f"{edge.name}.{name}"] for name in of_edge})
            for edge, of_edge in zip(edges, found, strict=True)
        ]
        self.feedback.moved()
        self.backward.assign(_by_edge(edges, values))

    def noises(self, edges: Sequence[Edge], trace: Trace) -> list[Noise]:
        """The noise of each edge, from its own stream."""
        return [self.learner.noise(edge, trace, self.streams.draw(f"noise/{edge.name}", self.share)) for edge in edges]


def _by_edge(edges: Sequence[Edge], values: Sequence[Mapping[str, Tensor]]) -> dict[str, Tensor]:
    """Every edge's tensors in one dict, by ``edge.name``."""
    pairs = zip(edges, values, strict=True)
    return {f"{edge.name}.{name}": value for edge, of_edge in pairs for name, value in of_edge.items()}
