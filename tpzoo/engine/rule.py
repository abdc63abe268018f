"""How the output displacement becomes a displacement for every block, and displacements become updates."""

from __future__ import annotations

import abc
from collections.abc import Mapping
from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn

from tpzoo.engine.draw import Draw
from tpzoo.engine.feedback import Feedback
from tpzoo.engine.network import Trace
from tpzoo.engine.objective import Batch

if TYPE_CHECKING:
    from tpzoo.engine.context import Context


class Rule(nn.Module, abc.ABC):
    """A target rule.

    Attributes:
        uses_feedback: False for a rule that needs no feedback path.
        trains_feedback: True for a rule that updates the maps itself.
    """

    uses_feedback: bool = True
    trains_feedback: bool = False

    @abc.abstractmethod
    def displacements(self, trace: Trace, feedback: Feedback, batch: Batch, draw: Draw) -> dict[str, Tensor]:
        """d = target - activity by node, like each node's output. A node that is left out is not trained."""

    def gradients(self, trace: Trace, displacements: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """The local updates, by ``block.parameter``.

        The loss of a block is 1/2 |F(h) - t|^2, summed over features, mean over the batch. Its gradient is the
        vector-Jacobian product of the block with cotangent -d / batch. No gradient crosses a block boundary.
        """
        scale = -1.0 / trace.batch_size
        return trace.parameter_gradients({node: scale * d for node, d in displacements.items()})

    def train_step(self, context: Context) -> None:
        """One minibatch. Override it only for a rule that steps in another order."""
        trace = context.trace()
        if context.order == "feedback_first":
            context.train_feedback(trace)
        with context.feedback.at_rest(trace):
            with torch.no_grad():  # a displacement is a number, not a graph over the maps
                displacements = self.displacements(trace, context.feedback, context.batch, context.draw)
            gradients = self.gradients(trace, displacements)
            if context.order == "targets_first":
                context.train_feedback(trace)
        context.step("forward", gradients, displacements=displacements)
