"""How one training step goes, and how the output's displacement becomes one for every block."""

from __future__ import annotations

import abc
from typing import Any, final

import torch
from torch import Tensor, nn

from tpzoo.engine.context import Context
from tpzoo.engine.draw import Draw
from tpzoo.engine.feedback import Feedback
from tpzoo.engine.network import Trace
from tpzoo.engine.objective import Batch


class Rule(nn.Module, abc.ABC):
    """A rule: what happens in one training step. Derive from it for a rule that steps in an order of its own.

    Attributes:
        trains_feedback: True for a rule that updates the maps itself.
        settings: what the config says, an instance of the record's ``config``.
    """

    trains_feedback: bool = False

    def __init__(self, settings: Any = None) -> None:
        super().__init__()
        self.settings = settings

    @abc.abstractmethod
    def train_step(self, context: Context) -> None:
        """One minibatch: ``context`` makes the passes, trains the feedback and moves the weights.

        A rule that trains the maps after its displacements are known calls ``context.remember_maps()`` in between, so
        that probes see the maps that made them.
        """


class DisplacementRule(Rule):
    """A rule that gives every block a displacement, which the chosen update turns into a step."""

    @abc.abstractmethod
    def displacements(self, trace: Trace, feedback: Feedback, batch: Batch, draw: Draw) -> dict[str, Tensor]:
        """d = target - activation by node, like each node's output. A node that is left out is not trained."""

    @final
    def train_step(self, context: Context) -> None:
        """The training pass, displacements, feedback training in the order that the config says, and the update."""
        trace = context.trace()
        if context.order == "feedback_first":
            context.train_feedback(trace)
        with context.feedback.at_rest(trace):
            with torch.no_grad():  # a displacement is a number, not a graph over the maps
                displacements = self.displacements(trace, context.feedback, context.batch, context.draw)
            if context.returns is not None:
                context.returns.displacements(self, trace, displacements)
            context.remember_maps()
            if context.order == "targets_first":
                context.train_feedback(trace)
        context.update(trace, displacements)
