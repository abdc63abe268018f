"""How the maps of a feedback path get their weights."""

from __future__ import annotations

import abc
from collections.abc import Sequence
from functools import partial
from typing import Literal

from torch import Tensor, nn

from tpzoo.engine.draw import Draw
from tpzoo.engine.feedback import Edge, Feedback
from tpzoo.engine.network import Trace

Noise = tuple[Tensor, ...]


class Learner(nn.Module, abc.ABC):
    """A feedback learner: a loss for each edge, with its noise drawn apart.

    Attributes:
        when: ``feedback`` (with the targets, in the order that the config says), ``after_forward`` (after the forward
            weights moved), or ``data_free`` (before the data are looked at).
        trains: False for a learner that never changes the maps.
        mirrors_forward_optimizer: the maps use the optimiser settings of the forward weights.
        differentiates_forward: feedback-only passes need passes that can be differentiated.
    """

    when: Literal["feedback", "after_forward", "data_free"] = "feedback"
    trains: bool = True
    mirrors_forward_optimizer: bool = False
    differentiates_forward: bool = False

    def noise(self, edge: Edge, trace: Trace, draw: Draw) -> Noise:
        """Everything random that :meth:`loss` uses for one edge on one batch."""
        return ()

    @abc.abstractmethod
    def loss(self, edge: Edge, trace: Trace, feedback: Feedback, noise: Noise) -> Tensor:
        """The scalar that ``edge``'s map minimises; the readable definition."""

    def gradients(
        self, edges: Sequence[Edge], trace: Trace, feedback: Feedback, noises: Sequence[Noise]
    ) -> list[dict[str, Tensor]]:
        """For each edge, the gradient of its own loss with respect to its own map, by parameter name.

        ``edges`` step together. Override it for a faster way to the same numbers.
        """
        found = []
        for edge, noise in zip(edges, noises, strict=True):
            found += feedback.gradients([edge], partial(self.loss, edge, trace, feedback, noise))
        return found
