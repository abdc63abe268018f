"""Checks of target rules."""

from __future__ import annotations

import torch
from torch import Tensor

from tpzoo.assembly.parts import Parts
from tpzoo.engine import Batch, DisplacementRule, Draw, Engine, Network, StepRecord, Streams
from tpzoo.plugin.records import Record, TargetRule
from tpzoo.testing.applies import if_provided, only_if
from tpzoo.testing.outcome import require, skip
from tpzoo.testing.stage import Stage
from tpzoo.testing.toys import FlatLoss, Step, Still, normed_network, toy_batch
from tpzoo.testing.watching import (
    alike,
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


def built(record: Record, stage: Stage, dtype: torch.dtype = torch.float64) -> tuple[Parts, Engine]:
    """The rule among partners that it can work with."""
    parts = stage.parts(stage.method(record), dtype)
    return parts, stage.engine(parts)


def recorded_step(engine: Engine, count: int = 6) -> StepRecord:
    """What one training step computed."""
    record = StepRecord()
    engine.train_batch(*toy_batch(engine.network, count), record=record)
    return record


def declarations(record: Record, stage: Stage) -> None:
    """What the record says of the rule is so: whether it makes displacements, and whether it uses feedback."""
    assert isinstance(record, TargetRule)
    _, engine = built(record, stage)
    found, says = bool(recorded_step(engine).displacements), record.makes_displacements
    require(
        found == says, f"the record says makes_displacements={says}, and a step {'makes some' if found else 'has none'}"
    )
    if not record.uses_feedback:
        _feedback_does_not_matter(record, stage)


def _feedback_does_not_matter(record: Record, stage: Stage) -> None:
    path = stage.find("feedback", "layerwise")
    method = next(stage.methods(record, feedback=path, learner=stage.find("learner", "frozen")), None)
    if method is None:
        return
    one, two = stage.parts(method), stage.parts(method)
    with torch.no_grad():
        for p in two.feedback.parameters():
            p.add_(0.5)
    for first, second in zip(*(recorded_step(stage.engine(each)).forward for each in (one, two)), strict=True):
        moved = [name for name, value in first.items() if not same(value, second[name])]
        require(not moved, f"the record says uses_feedback=False, and the maps change the update of {', '.join(moved)}")


def null(record: Record, stage: Stage) -> None:
    """An output that should not move, of a loss that nothing changes, gives updates that are exactly zero."""
    parts, _ = built(record, stage)
    parts.loss, parts.output = FlatLoss(), Still()
    before = state(parts.network.blocks)
    for gradients in recorded_step(stage.engine(parts)).forward:
        for name, value in gradients.items():
            require((value == 0).all(), f"the update of {name} is not zero although the output should stay")
    moved = changed(before, state(parts.network.blocks))
    require(not moved, f"{', '.join(moved)} moved although every update is zero")


@if_provided("tied_oracle")
def tied_oracle(record: Record, stage: Stage) -> None:
    """On the tied path the updates are backpropagation's, times the step size where the rule sends displacements."""
    assert isinstance(record, TargetRule)
    size = 0.01 if record.uses_feedback else 1.0
    path = stage.find("feedback", "tied" if record.uses_feedback else "none")
    parts = stage.parts(stage.method(record, feedback=path, learner=stage.find("learner", "none")))
    parts.output = Step(size)
    batch = Batch(*toy_batch(parts.network), parts.loss, parts.output)
    expected = parts.network.loss_gradients(batch.x, batch.error)[1]
    (found,) = recorded_step(stage.engine(parts)).forward
    require(found.keys() == expected.keys(), f"updates for {sorted(found)} instead of {sorted(expected)}")
    for name, value in expected.items():
        require(alike(found[name], size * value, 1e-10), f"the update of {name} is not {size} times backpropagation's")


@if_provided("backprop_units")
def has_the_tied_oracle(record: Record, stage: Stage) -> None:
    """What makes a multiple of backpropagation's gradient where feedback is exact says that it has the tied oracle."""
    require("tied_oracle" in record.provides, "the record provides backprop_units, and not tied_oracle")


def shapes_and_dtypes(record: Record, stage: Stage) -> None:
    """Displacements are like their node's output and updates like their weights, in float32 and float64."""
    for dtype in (torch.float32, torch.float64):
        parts, engine = built(record, stage, dtype)
        found = recorded_step(engine)
        trace = parts.network.trace(toy_batch(parts.network)[0], update_buffers=False)
        for node, d in found.displacements.items():
            like(d, trace[node].out, f"the displacement of '{node}'")
        weights = dict(parts.network.blocks.named_parameters())
        for name, value in (item for step in found.forward for item in step.items()):
            require(name in weights, f"an update of '{name}', which is no block.parameter")
            like(value, weights[name], f"the update of {name}")


def capturable(record: Record, stage: Stage) -> None:
    """A step reads no value of a tensor: no ``.item()``, no branch on one, no shape that depends on one."""
    parts, mode = stage.parts(stage.method(record)), fake_mode()
    x, y = toy_batch(parts.network)
    fake(mode, *parts.modules.values())
    engine = stage.engine(parts)
    require_capturable("a training step", mode, lambda: engine.train_batch(mode.from_tensor(x), mode.from_tensor(y)))


def global_generator(record: Record, stage: Stage) -> None:
    """Neither building nor a step nor an evaluation draws from a global generator."""
    with global_generators_rest("building"):
        parts, engine = built(record, stage)
    x, y = toy_batch(parts.network)
    with global_generators_rest("a training step"):
        engine.train_batch(x, y)
    require(not engine.draws, "a training step draws from the global generator of torch; use the Draw that it is given")
    parts.network.eval()
    with global_generators_rest("an evaluation"):
        parts.network(x)


@only_if(lambda record: isinstance(record, TargetRule) and record.makes_displacements)
def targets_change_nothing(record: Record, stage: Stage) -> None:
    """Computing displacements moves no weight and no buffer; every one is of a node."""
    parts = stage.parts(stage.method(record))
    if not isinstance(parts.rule, DisplacementRule):
        skip("the rule steps in its own way")
    batch = Batch(*toy_batch(parts.network), parts.loss, parts.output)
    trace = parts.network.trace(batch.x)
    with nothing_changes("computing targets", parts.network, parts.feedback):
        targets = parts.rule.displacements(trace, parts.feedback, batch, draw(stage))
    unknown = sorted(targets.keys() - trace.passes.keys())
    require(not unknown, f"displacements for {', '.join(unknown)}, which are no nodes")


def normed(stage: Stage) -> Network:
    """The toy network with batch norm, always the same."""
    with stage.seeded():
        return normed_network().to(device=stage.device, dtype=torch.float64)


def draw(stage: Stage) -> Draw:
    """A stream for a rule."""
    return Streams(0, stage.device).draw("rule")


def like(value: Tensor, reference: Tensor, what: str) -> None:
    """Raise unless ``value`` has the shape and dtype of ``reference`` and is finite."""
    require(value.shape == reference.shape, f"{what} has the shape {tuple(value.shape)}, not {tuple(reference.shape)}")
    require(value.dtype == reference.dtype, f"{what} is {value.dtype}, not {reference.dtype}")
    require(value.isfinite().all(), f"{what} is not finite")


CHECKS = (
    declarations,
    null,
    tied_oracle,
    has_the_tied_oracle,
    shapes_and_dtypes,
    capturable,
    global_generator,
    targets_change_nothing,
)
