"""Checks of feedback learners, on every built-in path that the learner can work with."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial

import torch
from torch import Tensor

from tpzoo.assembly.parts import Parts
from tpzoo.engine import Engine, Feedback, LossLearner, Noise, SolvingLearner, Streams, Trace, WeightStepper
from tpzoo.plugin.records import Record
from tpzoo.testing.outcome import require, skip
from tpzoo.testing.rules import normed
from tpzoo.testing.stage import Stage
from tpzoo.testing.toys import toy_batch
from tpzoo.testing.watching import (
    changed,
    fake,
    fake_mode,
    global_generators_rest,
    nothing_changes,
    require_capturable,
    same,
    state,
)

STEPS = 5


@dataclass
class Scene:
    """A learner on one path, with a clean pass and its noise."""

    path: str
    parts: Parts
    learner: LossLearner
    trace: Trace
    noises: list[Noise]

    def gradients(self) -> list[dict[str, Tensor]]:
        """By the learner's own way."""
        feedback = self.parts.feedback
        return self.learner.gradients(feedback.edges, self.trace, feedback, self.noises)


def scenes(record: Record, stage: Stage, dtype: torch.dtype = torch.float64) -> Iterator[Scene]:
    """One for every path that has something to learn; none for a learner without a loss."""
    for method in stage.methods_by_path(record):
        yield from scene_of(method.feedback.record.name, stage.parts(method, dtype), stage)


def scene_of(path: str, parts: Parts, stage: Stage) -> Iterator[Scene]:
    """The scene on built parts, if there is something to learn."""
    if isinstance(parts.learner, LossLearner) and list(parts.feedback.maps.parameters()):
        trace = parts.network.trace(toy_batch(parts.network)[0])
        yield Scene(path, parts, parts.learner, trace, noises(parts.learner, parts.feedback, trace, stage))


def noises(learner: LossLearner, feedback: Feedback, trace: Trace, stage: Stage) -> list[Noise]:
    """The noise of every edge, the same at every call."""
    streams = Streams(0, stage.device)
    return [learner.noise(edge, trace, streams.draw(edge.name)) for edge in feedback.edges]


def fast_equals_plain(record: Record, stage: Stage) -> None:
    """``gradients`` gives what differentiating ``loss`` edge by edge gives, to 1e-10 in float64."""
    for scene in scenes(record, stage):
        learner, feedback, trace = scene.learner, scene.parts.feedback, scene.trace
        plain = LossLearner.gradients(learner, feedback.edges, trace, feedback, scene.noises)
        _compare(scene, [edge.name for edge in feedback.edges], scene.gradients(), plain)
        for edge, noise, expected in zip(feedback.edges, scene.noises, plain, strict=True):
            alone = learner.gradients([edge], trace, feedback, [noise])
            _compare(scene, [edge.name], alone, [expected])


def _compare(scene: Scene, edges: list[str], found: list[dict[str, Tensor]], plain: list[dict[str, Tensor]]) -> None:
    where = f"on path '{scene.path}'"
    require(len(found) == len(edges), f"{len(found)} dicts of gradients for {len(edges)} edges {where}")
    for edge, ours, theirs in zip(edges, found, plain, strict=True):
        size = max((float(value.detach().norm()) for value in theirs.values()), default=0.0)
        for name, expected in theirs.items():
            value = ours.get(name, torch.zeros_like(expected))
            error = float((value - expected).detach().norm())
            require(
                error <= 1e-10 * size,
                f"gradients of {edge}.{name} {where} are not those of the loss: off by {error:.2g} of {size:.2g}",
            )


def solutions_minimise_the_loss(record: Record, stage: Stage) -> None:
    """Where a learner solves, the first solution has no gradient of its loss: below 1e-9 of that before, in float64."""
    for scene in scenes(record, stage):
        learner, feedback, trace = scene.learner, scene.parts.feedback, scene.trace
        if not isinstance(learner, SolvingLearner):
            skip("the learner does not solve: its maps are stepped")
        learner.prepare(feedback.edges)
        for edge, noise in zip(feedback.edges, scene.noises, strict=True):
            before = LossLearner.gradients(learner, [edge], trace, feedback, [noise])[0]
            with torch.no_grad():
                found = learner.solve(edge, learner.statistics([edge], trace, feedback, [noise])[0])
                weights = dict(edge.map.named_parameters())
                for name, value in found.items():
                    weights[name].copy_(value)
            after = LossLearner.gradients(learner, [edge], trace, feedback, [noise])[0]
            size, left = (max(float(each[name].norm()) for name in found) for each in (before, after))
            require(left <= 1e-9 * size, f"the solution of '{edge.name}' has a gradient: {left:.2g} of {size:.2g}")


def forward_weights_untouched(record: Record, stage: Stage) -> None:
    """Learning moves no weight and no buffer of the network; only the engine moves the maps."""
    for scene in scenes(record, stage):
        parts, trace, streams = scene.parts, scene.trace, Streams(1, stage.device)
        with nothing_changes("the learner", parts.network, parts.feedback):
            for edge in parts.feedback.edges:
                noise = scene.learner.noise(edge, trace, streams.draw(edge.name))
                scene.learner.loss(edge, trace, parts.feedback, noise)
            scene.gradients()
        engine, before = stage.engine(parts), state(parts.network)
        engine.train_feedback_batch(toy_batch(parts.network)[0])
        moved = changed(before, state(parts.network))
        require(not moved, f"a feedback step moved the network's {', '.join(moved)}")


def buffers_untouched(record: Record, stage: Stage) -> None:
    """Noise passes through batch norm move no running statistic."""
    for method in stage.methods_by_path(record):
        parts = stage.parts(method, network=normed(stage))
        for scene in scene_of(method.feedback.record.name, parts, stage):
            with nothing_changes("the learner", parts.network):
                scene.gradients()
                scene.learner.loss(parts.feedback.edges[0], scene.trace, parts.feedback, scene.noises[0])


def noise_is_all_that_is_random(record: Record, stage: Stage) -> None:
    """The same noise gives bit for bit the same loss and gradients; the same draw gives the same noise."""
    for scene in scenes(record, stage):
        parts, trace = scene.parts, scene.trace
        again = noises(scene.learner, parts.feedback, trace, stage)
        for edge, one, two in zip(parts.feedback.edges, scene.noises, again, strict=True):
            repeated = len(one) == len(two) and all(map(same, one, two))
            require(repeated, f"the noise of '{edge.name}' is another although the draw is the same")
            first, second = (scene.learner.loss(edge, trace, parts.feedback, one).detach() for _ in range(2))
            require(same(first, second), f"the loss of '{edge.name}' is another although the noise is the same")
        for found, repeat in zip(scene.gradients(), scene.gradients(), strict=True):
            moved = [name for name in found if not same(found[name], repeat[name])]
            require(not moved, f"gradients of {', '.join(moved)} are others although the noise is the same")


def trains(record: Record, stage: Stage) -> None:
    """A learner with a loss changes every map within a few steps; one without changes none."""
    for method in stage.methods_by_path(record):
        parts = stage.parts(method)
        engine = _silent(stage.engine(parts))
        before = state(parts.feedback)
        for step in range(STEPS):
            _feedback_step(engine, step)
        moved = changed(before, state(parts.feedback))
        if not isinstance(parts.learner, LossLearner):
            require(not moved, f"the learner has no loss, and {', '.join(moved)} moved")
            continue
        for edge in parts.feedback.edges:
            own = any(f".maps.{edge.name}." in name for name in moved)
            require(
                own or not list(edge.map.parameters()),
                f"'{edge.name}' on path '{method.feedback.record.name}' is never trained",
            )


def _silent(engine: Engine) -> Engine:
    engine.forward_weights = WeightStepper({}, None)
    return engine


def _feedback_step(engine: Engine, seed: int) -> None:
    x, y = toy_batch(engine.network, seed=seed)
    if engine.learner.when == "feedback":
        engine.train_feedback_batch(x)
    else:
        engine.train_batch(x, y)


def shapes_and_dtypes(record: Record, stage: Stage) -> None:
    """The loss is a scalar and gradients are like the maps' weights, in float32 and float64."""
    for dtype in (torch.float32, torch.float64):
        for scene in scenes(record, stage, dtype):
            feedback = scene.parts.feedback
            for edge, noise, found in zip(feedback.edges, scene.noises, scene.gradients(), strict=True):
                loss = scene.learner.loss(edge, scene.trace, feedback, noise)
                require(loss.shape == (), f"the loss of '{edge.name}' has the shape {tuple(loss.shape)}, not ()")
                weights = dict(edge.map.named_parameters())
                for name, value in found.items():
                    require(name in weights, f"a gradient of '{name}', which the map of '{edge.name}' does not have")
                    like = value.shape == weights[name].shape and value.dtype == dtype
                    require(like, f"the gradient of {edge.name}.{name} is not like the weight")


def capturable(record: Record, stage: Stage) -> None:
    """A feedback step reads no value of a tensor."""
    for method in stage.methods_by_path(record):
        parts, mode = stage.parts(method), fake_mode()
        x, y = (mode.from_tensor(value) for value in toy_batch(parts.network))
        fake(mode, *parts.modules.values())
        engine = _silent(stage.engine(parts))
        require_capturable("a feedback step", mode, partial(engine.train_batch, x, y))


def global_generator(record: Record, stage: Stage) -> None:
    """Neither building nor learning draws from a global generator."""
    with global_generators_rest("building"):
        found = list(scenes(record, stage))
    for scene in found:
        with global_generators_rest("the learner"):
            noises(scene.learner, scene.parts.feedback, scene.trace, stage)
            scene.gradients()
            edge = scene.parts.feedback.edges[0]
            scene.learner.loss(edge, scene.trace, scene.parts.feedback, scene.noises[0])


LOSS = ("loss", "noise", "gradients")
SOLUTION = ("statistics", "solve")
"""What is called of a LossLearner, and of a SolvingLearner besides."""


def methods_are_called(record: Record, stage: Stage) -> None:
    """A learner that writes a loss derives from LossLearner; one that writes what solves, from SolvingLearner."""
    learner = stage.parts(stage.method(record)).learner
    if isinstance(learner, SolvingLearner):
        return
    needed, called = "LossLearner", [*LOSS, *SOLUTION]
    if isinstance(learner, LossLearner):
        needed, called = "SolvingLearner", [*SOLUTION]
    lost = [name for name in called if hasattr(learner, name)]
    what = f"{type(learner).__name__} writes {', '.join(lost)}, which nobody calls"
    require(not lost, f"{what}: derive it from tpzoo.{needed}")


CHECKS = (
    methods_are_called,
    fast_equals_plain,
    solutions_minimise_the_loss,
    forward_weights_untouched,
    buffers_untouched,
    noise_is_all_that_is_random,
    trains,
    shapes_and_dtypes,
    capturable,
    global_generator,
)
