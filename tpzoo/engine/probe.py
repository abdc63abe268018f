"""Measurements during training."""

from __future__ import annotations

import abc
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from tpzoo.engine.draw import Draw
from tpzoo.engine.feedback import Feedback
from tpzoo.engine.learner import Learner, LossLearner, Noise
from tpzoo.engine.network import Network, Trace
from tpzoo.engine.objective import Batch
from tpzoo.engine.update import SingleStep, Update, local_gradients
from tpzoo.errors import PluginError


@dataclass(frozen=True)
class Snapshot:
    """What a probe may look at: the forward weights before their step, and the maps that made its displacements.

    Under ``feedback_training.order: targets_first`` the maps are those before their own step on this batch, under
    ``feedback_first`` those after it (the order of Meulemans et al. 2020 is the first).

    Attributes:
        trace: the training pass; None for a rule that makes none (bp).
        displacements: d by node, as the rule gave them.
        gradients: the forward updates by ``block.parameter``, raw: before clipping and the optimiser.
        draw: randomness that no training step shares.
        update: what turns displacements into ``gradients``.
    """

    network: Network
    feedback: Feedback
    learner: Learner
    batch: Batch
    trace: Trace | None
    displacements: Mapping[str, Tensor]
    gradients: Mapping[str, Tensor]
    draw: Draw
    update: Update | None = None

    def backprop(self) -> dict[str, Tensor]:
        """The gradient of the mean loss on this batch, by ``block.parameter``."""
        return self.network.loss_gradients(self.batch.x, self.batch.error)[1]

    def clean_trace(self) -> Trace:
        """The training pass, or one like it where the rule made none."""
        return self.trace or self.network.trace(self.batch.x, update_buffers=False)

    def updates_of(self, trace: Trace, displacements: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """What the run's own update makes of other displacements, by ``block.parameter``.

        An update that steps several times has no single one: there it is the gradient of the local losses.
        """
        if isinstance(self.update, SingleStep):
            return self.update.gradients(trace, displacements)
        return local_gradients(trace, displacements)


@dataclass(frozen=True)
class FeedbackSnapshot:
    """What a probe may look at of one step of the maps, before it is made.

    Attributes:
        trace: the pass that the maps learn from.
        gradients: of the maps that step, by ``edge.parameter``, raw; for a learner that solves, the solutions.
        losses: of these maps by edge, on this batch and with this noise.
        noise: what the learner drew, by edge.
        draw: randomness that no training step shares.
    """

    network: Network
    feedback: Feedback
    learner: LossLearner
    trace: Trace
    gradients: Mapping[str, Tensor]
    losses: Mapping[str, Tensor]
    noise: Mapping[str, Noise]
    draw: Draw


class Probe(abc.ABC):
    """A measurement, taken on training steps 1, every + 1, 2 every + 1, ... and on the last one of the run.

    Each sees the forward weights before that step. The rows of losses in ``metrics.csv`` are of the weights after it.
    """

    every: int = 100

    @abc.abstractmethod
    def measure(self, snapshot: Snapshot) -> dict[str, Tensor]:
        """Scalars by name, such as ``{"fc1": ...}``; the logger prefixes the probe's name."""

    def measure_feedback(self, snapshot: FeedbackSnapshot) -> dict[str, Tensor]:
        """The same of a step of the maps; of several steps of one map on a batch the first counts."""
        return {}

    def notes(self, network: Network) -> list[str]:
        """What a reader of its figures should know of this network, one line each: which blocks it treats otherwise."""
        return []


def looks_at_feedback(probe: Probe) -> bool:
    """Whether a probe measures steps of the maps, for which their losses are computed once more."""
    return type(probe).measure_feedback is not Probe.measure_feedback


def notes_of(probes: Mapping[str, Probe], network: Network) -> list[str]:
    """The notes of all probes, by their names in the config."""
    return [f"probe {name}: {note}" for name, probe in probes.items() for note in probe.notes(network)]


def named_values(probe: str, values: Any) -> dict[str, float]:
    """What a probe measured, by its full names.

    Raises:
        PluginError: it is no mapping from texts to single numbers.
    """
    if not isinstance(values, Mapping):
        raise PluginError(f"probe '{probe}' returned an object of type {type(values).__name__}", "return a dict")
    found = {}
    for key, value in values.items():
        try:
            found[f"{probe}/{key}"] = float(value)
        except (TypeError, ValueError, RuntimeError) as error:
            got = f"shape {tuple(value.shape)}" if isinstance(value, Tensor) else f"type {type(value).__name__}"
            what = f"probe '{probe}' returned a value of {got} for '{key}', which is no single number"
            raise PluginError(what, "return scalars by name") from error
    return found


def angle(u: Tensor, v: Tensor) -> Tensor:
    """The angle between two tensors of one shape, as vectors, in degrees: a float64 scalar.

    2 atan2(|u - v|, |u + v|) of unit vectors: unlike an arccos it is accurate down to rounding. NaN if one is zero.
    """
    a, b = (x.detach().flatten().double() for x in (u, v))
    a, b = a / a.norm(), b / b.norm()
    return torch.rad2deg(2 * torch.atan2((a - b).norm(), (a + b).norm()))
