"""What ``Rule.train_step`` may use."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import TYPE_CHECKING, Literal

from torch import Tensor

from tpzoo.engine.draw import Draw
from tpzoo.engine.feedback import Feedback
from tpzoo.engine.network import Network, Trace
from tpzoo.engine.objective import Batch, Loss
from tpzoo.engine.probe import Snapshot

if TYPE_CHECKING:
    from tpzoo.engine.step import Engine

Order = Literal["targets_first", "feedback_first", "feedback_only", "forward_only"]
Observe = Callable[[Snapshot], None]


class Context:
    """One minibatch, as a rule sees it.

    Attributes:
        order: when the feedback is trained: ``feedback_first`` or ``targets_first`` of this batch, ``forward_only``
            in the forward epochs of an alternating schedule.
        output: the network's output on this batch, once it is known.
    """

    def __init__(self, engine: Engine, batch: Batch, draw: Draw, order: Order, observe: Observe | None = None) -> None:
        self.network: Network = engine.network
        self.feedback: Feedback = engine.feedback
        self.batch = batch
        self.draw = draw
        self.order = order
        self.output: Tensor | None = None
        self._engine = engine
        self._observe = observe
        self._trace: Trace | None = None

    @property
    def loss(self) -> Loss:
        """The loss of the batch."""
        return self.batch.loss

    def trace(self) -> Trace:
        """The training pass. The first call moves running statistics, later ones do not."""
        first = self.output is None
        self._trace = self.network.trace(self.batch.x, update_buffers=first)
        self.output = self._trace.output if first else self.output
        return self._trace

    def backprop(self) -> dict[str, Tensor]:
        """The gradient of the mean loss by end-to-end autograd, by ``block.parameter``; counts as a training pass."""
        first = self.output is None
        out, gradients = self.network.loss_gradients(self.batch.x, self.batch.error, update_buffers=first)
        self.output = out if first else self.output
        return gradients

    def train_feedback(self, trace: Trace | None = None) -> None:
        """Train the maps on this batch, as often as the config says; without a ``trace`` on a pass of its own."""
        if self.order != "forward_only":
            self._engine.train_feedback(self.batch.x, trace)

    def step(
        self,
        group: Literal["forward", "feedback"],
        gradients: Mapping[str, Tensor],
        names: Iterable[str] | None = None,
        displacements: Mapping[str, Tensor] | None = None,
    ) -> None:
        """Step the forward or the feedback weights; may be called many times in one batch.

        Args:
            gradients: by ``block.parameter`` or ``edge.parameter``; what has none is not stepped.
            names: the blocks or edges to step; default all.
            displacements: d by node, for probes to look at.
        """
        if group == "forward" and self._observe is not None:
            self._observe(self._snapshot(gradients, displacements or {}))
        if group == "feedback":
            self.feedback.moved()
        (self._engine.forward if group == "forward" else self._engine.backward).step(gradients, names)

    def _snapshot(self, gradients: Mapping[str, Tensor], displacements: Mapping[str, Tensor]) -> Snapshot:
        engine = self._engine
        draw = engine.streams.draw("probes")
        return Snapshot(
            self.network, self.feedback, engine.learner, self.batch, self._trace, displacements, gradients, draw
        )
