"""Backpropagation, end to end: the baseline of every comparison."""

from __future__ import annotations

from torch import Tensor

from tpzoo import Batch, Context, Draw, Feedback, Rule, Trace


class BP(Rule):
    """The gradient of the mean loss. A feedback path, if the config has one, is trained beside it."""

    uses_feedback = False

    def displacements(self, trace: Trace, feedback: Feedback, batch: Batch, draw: Draw) -> dict[str, Tensor]:
        """The negative gradient of every sample's loss at every node; ``train_step`` does not need it."""
        found = {trace.last: -batch.error(trace.output)}
        nodes = list(trace.passes)
        for lower, upper in zip(nodes[-2::-1], nodes[:0:-1], strict=True):
            found[lower] = trace[upper].vjp(found[upper])
        return found

    def train_step(self, context: Context) -> None:
        gradients = context.backprop()
        context.train_feedback()
        context.step("forward", gradients)
