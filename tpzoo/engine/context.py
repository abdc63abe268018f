"""What ``Rule.train_step`` and ``Update.step`` may use."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Literal

from torch import Tensor

from tpzoo.engine.draw import Draw
from tpzoo.engine.feedback import Feedback
from tpzoo.engine.network import Network, Trace
from tpzoo.engine.objective import Batch, Loss
from tpzoo.engine.optimise import WeightStepper
from tpzoo.engine.returns import Returns

Order = Literal["targets_first", "feedback_first", "feedback_only", "forward_only"]
Tensors = Mapping[str, Tensor]
TrainFeedback = Callable[[Tensor, Trace | None], None]
ApplyUpdate = Callable[[Trace, Tensors, "Context"], None]
Divide = Callable[[Tensors, int], Tensors]
ObserveStep = Callable[[Trace | None, Tensors, Tensors], None]


@dataclass(kw_only=True)
class Context:
    """One minibatch, as a rule and its update see it. Made by the engine.

    Attributes:
        batch: the inputs and labels, with the loss and the output target.
        draw: the rule's own random stream.
        order: when the feedback is trained: ``feedback_first`` or ``targets_first`` of this batch, ``forward_only``
            in the forward epochs of an alternating schedule.
        forward_weights, feedback_weights: what steps the blocks, and what steps the feedback maps.
        train_maps: trains the maps on inputs (batch, ...) and, if there is one, the pass that was made of them.
        apply_update: the chosen update.
        observe: called before the forward weights move, with the training pass (None if none was made), the gradients
            and the displacements; None if nobody looks.
        divide: divides forward gradients of a batch of so many rows, so that they have the units of backpropagation;
            None: they stay as they are.
        output: the network's output on this batch, once it is known.
        returns: checks what a rule and an update give; None after the first batch of its shape.
    """

    network: Network
    feedback: Feedback
    batch: Batch
    draw: Draw
    order: Order
    forward_weights: WeightStepper
    feedback_weights: WeightStepper
    train_maps: TrainFeedback
    apply_update: ApplyUpdate
    observe: ObserveStep | None = None
    divide: Divide | None = None
    output: Tensor | None = None
    returns: Returns | None = None
    _trace: Trace | None = field(default=None, init=False)
    _maps: dict[str, Tensor] | None = field(default=None, init=False)

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

    def remember_maps(self) -> None:
        """Say that the displacements are known: probes see the maps as they are now, though they are trained since.

        A rule that derives from ``DisplacementRule`` need not call it.
        """
        if self.observe is not None:
            self._maps = self.feedback.values()

    def train_feedback(self, trace: Trace | None = None) -> None:
        """Train the maps on this batch, as often as the config says; without a ``trace`` on a pass of its own."""
        if self.order != "forward_only":
            self.train_maps(self.batch.x, trace)

    def update(self, trace: Trace, displacements: Tensors) -> None:
        """Let the update that the config chose (``rule.update``) move the forward weights.

        Args:
            trace: the training pass.
            displacements: d by node, like each node's output.
        """
        self.apply_update(trace, displacements, self)

    def step(
        self,
        which: Literal["forward", "feedback"],
        gradients: Tensors,
        names: Iterable[str] | None = None,
        displacements: Tensors | None = None,
    ) -> None:
        """Step the forward or the feedback weights; may be called many times in one batch.

        Args:
            gradients: by ``block.parameter`` or ``edge.parameter``; what has none is not stepped.
            names: the blocks or edges to step; default all.
            displacements: d by node, for probes to look at.
        """
        if self.returns is not None:
            stepper = self.forward_weights if which == "forward" else self.feedback_weights
            self.returns.gradients(f"context.step('{which}')", stepper, gradients)
            self.returns.stepped |= which == "forward"
        if which == "feedback":
            self.feedback.moved()
            self.feedback_weights.step(gradients, names)
            return
        if self.observe is not None:
            with self.feedback.put_back(self._maps):
                self.observe(self._trace, gradients, displacements or {})
        if self.divide is not None:
            gradients = self.divide(gradients, len(self.batch.x))
        self.forward_weights.step(gradients, names)
