"""Measurements during training."""

from __future__ import annotations

import abc
from collections.abc import Mapping
from dataclasses import dataclass

import torch
from torch import Tensor

from tpzoo.engine.draw import Draw
from tpzoo.engine.feedback import Feedback
from tpzoo.engine.learner import Learner
from tpzoo.engine.network import Network, Trace
from tpzoo.engine.objective import Batch


@dataclass(frozen=True)
class Snapshot:
    """What a probe may look at: the moment after the updates are known and before the weights move.

    Attributes:
        trace: the training pass; None for a rule that makes none (bp).
        displacements: d by node, as the rule gave them.
        gradients: the forward updates by ``block.parameter``.
        draw: randomness that no training step shares.
    """

    network: Network
    feedback: Feedback
    learner: Learner
    batch: Batch
    trace: Trace | None
    displacements: Mapping[str, Tensor]
    gradients: Mapping[str, Tensor]
    draw: Draw

    def backprop(self) -> dict[str, Tensor]:
        """The gradient of the mean loss on this batch, by ``block.parameter``."""
        return self.network.loss_gradients(self.batch.x, self.batch.error)[1]

    def clean_trace(self) -> Trace:
        """The training pass, or one like it where the rule made none."""
        return self.trace or self.network.trace(self.batch.x, update_buffers=False)


class Probe(abc.ABC):
    """A measurement, taken on every ``every``-th training step."""

    every: int = 100

    @abc.abstractmethod
    def measure(self, snapshot: Snapshot) -> dict[str, Tensor]:
        """Scalars by name, such as ``{"fc1": ...}``; the logger prefixes the probe's name."""


def angle(u: Tensor, v: Tensor) -> Tensor:
    """The angle between two tensors of one shape, as vectors, in degrees: a float64 scalar.

    2 atan2(|u - v|, |u + v|) of unit vectors: unlike an arccos it is accurate down to rounding. NaN if one is zero.
    """
    a, b = (x.detach().flatten().double() for x in (u, v))
    a, b = a / a.norm(), b / b.norm()
    return torch.rad2deg(2 * torch.atan2((a - b).norm(), (a + b).norm()))
