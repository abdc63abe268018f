"""From an experiment to a training step."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch

from tpzoo.assembly.experiment import Experiment, FeedbackTraining
from tpzoo.assembly.maker import Names
from tpzoo.assembly.method import Method, method_of
from tpzoo.assembly.parts import Parts, build_parts
from tpzoo.assembly.units import gradient_units
from tpzoo.assembly.weights import TrainedWeights, build_weights
from tpzoo.engine.context import Order
from tpzoo.engine.data import DataSpec
from tpzoo.engine.draw import Streams
from tpzoo.engine.memory import require_own_memory
from tpzoo.engine.optimise import WeightStepper
from tpzoo.engine.step import Engine, Iterations
from tpzoo.plugin.catalogue import Catalogue
from tpzoo.plugin.settings import PerName

DEFAULT_TRAINING = FeedbackTraining()


@dataclass
class Assembled:
    """An engine, and what moves its learning rates."""

    engine: Engine
    forward: TrainedWeights
    feedback: TrainedWeights


def assemble(
    experiment: Experiment,
    catalogue: Catalogue,
    spec: DataSpec,
    *,
    device: torch.device | str = "cpu",
    dtype: torch.dtype = torch.float32,
    backend: str = "autograd",
    method: Method | None = None,
) -> Assembled:
    """Everything that an experiment needs to train on data of ``spec``. The global generators are left as they were.

    Args:
        method: what stands on each axis, in place of what the experiment chooses.
        backend: how blocks are differentiated: ``autograd`` or ``functional``.

    Raises:
        TpzooError: something cannot be built as the experiment says.
    """
    method = method or method_of(experiment, catalogue)
    parts = build_parts(method, spec, catalogue, seed=experiment.seed, device=device, dtype=dtype, backend=backend)
    require_own_memory(
        {
            "block": parts.network.blocks,
            "feedback map of": parts.feedback.maps,
            "feedback": parts.feedback.shared,
            **{"learner": parts.learner, "rule": parts.rule, "update": parts.update, "loss": parts.loss},
            "output": parts.output,
        }
    )
    forward, feedback = build_weights(experiment, method, parts, catalogue)
    streams = Streams(experiment.seed, device)
    engine = build_engine(parts, forward.weights, feedback.weights, streams, experiment.feedback_training)
    engine.units = gradient_units(experiment, method, parts)
    return Assembled(engine, forward, feedback)


def build_engine(
    parts: Parts,
    forward: WeightStepper,
    feedback: WeightStepper,
    streams: Streams,
    training: FeedbackTraining = DEFAULT_TRAINING,
) -> Engine:
    """The parts and what steps their weights, with iterations and order as ``training`` says."""
    return Engine(
        parts.network,
        parts.feedback,
        parts.rule,
        parts.update,
        parts.learner,
        parts.loss,
        parts.output,
        forward,
        feedback,
        streams,
        _iterations(training.iterations, Names.of(parts.network, parts.feedback).edge or []),
        _order(training.order),
        called=parts.called,
    )


def _order(chosen: str) -> Order:
    """A training pass's order; the maps of ``alternate_epochs`` learn in epochs of their own."""
    return "forward_only" if chosen == "alternate_epochs" else chosen  # type: ignore[return-value]


def _iterations(chosen: PerName[int], edges: Sequence[str]) -> Iterations:
    if not edges:
        return Iterations()
    if isinstance(chosen.value, int):
        return Iterations(together=chosen.value)
    return Iterations(by_edge=chosen.resolve(edges, "feedback_training.iterations"))
