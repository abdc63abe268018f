"""How the maps of a feedback path get their weights."""

from __future__ import annotations

import abc
from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any, Literal

from torch import Tensor, nn

from tpzoo.engine.draw import Draw
from tpzoo.engine.feedback import Edge, Feedback
from tpzoo.engine.network import Trace
from tpzoo.errors import PluginError

Noise = tuple[Tensor, ...]


class Learner(nn.Module, abc.ABC):
    """How the maps get their weights. One that derives from this class alone leaves them as they are.

    Attributes:
        when: ``feedback`` (with the targets, in the order that the config says), ``after_forward`` (after the forward
            weights moved), or ``data_free`` (before the data are looked at).
        mirrors_forward_optimizer: the maps use the optimiser settings of the forward weights.
        differentiates_forward: feedback-only passes need passes that can be differentiated.
        settings: what the config says, an instance of the record's ``config``.
    """

    when: Literal["feedback", "after_forward", "data_free"] = "feedback"
    mirrors_forward_optimizer: bool = False
    differentiates_forward: bool = False

    def __init__(self, settings: Any = None) -> None:
        super().__init__()
        self.settings = settings

    def prepare(self, edges: Sequence[Edge]) -> None:
        """Called when an engine is put together, on the maps as they will be trained.

        Register buffers here whose shapes depend on them, such as sums over batches: checkpoints keep them.
        """


class LossLearner(Learner):
    """A learner with a loss for each edge, which an optimiser makes smaller; its noise is drawn apart."""

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
            found += feedback.gradients([edge], partial(self._scalar, edge, trace, feedback, noise))
        return found

    def _scalar(self, edge: Edge, trace: Trace, feedback: Feedback, noise: Noise) -> Tensor:
        value: Any = self.loss(edge, trace, feedback, noise)
        if isinstance(value, Tensor) and not value.dim() and value.is_floating_point():
            return value
        got = f"a tensor of shape {tuple(value.shape)}" if isinstance(value, Tensor) else f"{type(value).__name__}"
        what = f"the loss of learner {type(self).__name__} for edge '{edge.name}' returned {got}"
        raise PluginError(f"{what}; expected a floating point scalar", "take the mean over the batch")


class SolvingLearner(LossLearner):
    """A learner that sets the maps to what :meth:`solve` finds: no optimiser steps them."""

    @abc.abstractmethod
    def statistics(
        self, edges: Sequence[Edge], trace: Trace, feedback: Feedback, noises: Sequence[Noise]
    ) -> list[dict[str, Tensor]]:
        """What is needed of one batch, for each edge, as means over its rows.

        Changes nothing. The engine averages over processes before it calls :meth:`solve`.
        """

    @abc.abstractmethod
    def solve(self, edge: Edge, statistics: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """New values of parameters of ``edge``'s map, by name.

        May move the learner's own buffers. With nothing from earlier batches in them, the values minimise :meth:`loss`.
        """
