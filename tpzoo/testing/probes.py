"""Checks of probes, on the snapshot of a training step."""

from __future__ import annotations

import math
from collections.abc import Iterator

import torch

from tpzoo.engine import (
    Batch,
    DisplacementRule,
    FeedbackSnapshot,
    LossLearner,
    Probe,
    Snapshot,
    Streams,
    local_gradients,
)
from tpzoo.plugin.records import Record
from tpzoo.testing.outcome import require
from tpzoo.testing.stage import Stage
from tpzoo.testing.toys import toy_batch
from tpzoo.testing.watching import global_generators_rest, nothing_changes


def snapshots(record: Record, stage: Stage) -> Iterator[tuple[Probe, Snapshot]]:
    """After a step on every built-in path that the probe can work with, and after one of a rule that makes no pass."""
    for method in stage.methods_by_path(record):
        parts, probe = stage.parts(method), stage.make(record)
        batch = Batch(*toy_batch(parts.network), parts.loss, parts.output)
        draw = Streams(0, stage.device).draw("probe")
        trace = parts.network.trace(batch.x)
        if isinstance(parts.rule, DisplacementRule):
            targets = parts.rule.displacements(trace, parts.feedback, batch, draw)
            updates = local_gradients(trace, targets)
            yield probe, Snapshot(parts.network, parts.feedback, parts.learner, batch, trace, targets, updates, draw)
        gradients = parts.network.loss_gradients(batch.x, batch.error)[1]
        yield probe, Snapshot(parts.network, parts.feedback, parts.learner, batch, None, {}, gradients, draw)


def measured_of_maps(probe: Probe, snapshot: Snapshot) -> dict[str, torch.Tensor]:
    """What the probe makes of a step of the maps, if the learner of the snapshot has a loss for them."""
    learner, feedback, trace = snapshot.learner, snapshot.feedback, snapshot.trace
    if trace is None or not isinstance(learner, LossLearner) or not any(True for _ in feedback.maps.parameters()):
        return {}
    edges = [edge for edge in feedback.edges if any(True for _ in edge.map.parameters())]
    noise = {edge.name: learner.noise(edge, trace, snapshot.draw) for edge in edges}
    found = learner.gradients(edges, trace, feedback, list(noise.values()))
    gradients = {f"{edge.name}.{key}": g for edge, of in zip(edges, found, strict=True) for key, g in of.items()}
    losses = {edge.name: learner.loss(edge, trace, feedback, noise[edge.name]).detach() for edge in edges}
    parts = snapshot.network, feedback, learner
    return probe.measure_feedback(FeedbackSnapshot(*parts, trace, gradients, losses, noise, snapshot.draw))


def scalars(record: Record, stage: Stage) -> None:
    """A measurement is finite scalars by name; something is measured somewhere."""
    measured = 0
    for probe, snapshot in snapshots(record, stage):
        for name, value in {**probe.measure(snapshot), **measured_of_maps(probe, snapshot)}.items():
            measured += 1
            require(isinstance(name, str) and name, f"{name!r} is no name")
            require(isinstance(value, torch.Tensor), f"'{name}' is a {type(value).__name__}, not a tensor")
            require(value.numel() == 1, f"'{name}' has the shape {tuple(value.shape)}, not ()")
            require(math.isfinite(float(value)), f"'{name}' is {float(value)}")
    require(measured, "nothing was measured on any path")


def only_looks(record: Record, stage: Stage) -> None:
    """Measuring moves no weight, buffer or gradient, and draws from no global generator."""
    for probe, snapshot in snapshots(record, stage):
        updates = {name: value.clone() for name, value in snapshot.gradients.items()}
        with nothing_changes("the probe", snapshot.network, snapshot.feedback), global_generators_rest("the probe"):
            probe.measure(snapshot)
            measured_of_maps(probe, snapshot)
        moved = [name for name, value in updates.items() if not torch.equal(value, snapshot.gradients[name])]
        require(not moved, f"the probe changed the update of {', '.join(moved)}")
        require(snapshot.network.training, "the probe left the network in evaluation mode")


def interval(record: Record, stage: Stage) -> None:
    """The probe is taken as often as its settings say."""
    settings, probe = stage.choose(record).settings, stage.make(record)
    require(probe.every == settings.every, f"the setting every={settings.every} gives every={probe.every}")


CHECKS = (scalars, only_looks, interval)
