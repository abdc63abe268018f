"""Checks of updates: with displacements that are given, among a rule's usual partners."""

from __future__ import annotations

import torch
from torch import Tensor

from tpzoo.assembly.parts import Parts
from tpzoo.engine import Engine, Network, ScaledGradient, StepRecord
from tpzoo.plugin.records import Record
from tpzoo.testing.applies import if_provided
from tpzoo.testing.outcome import require
from tpzoo.testing.rules import like
from tpzoo.testing.stage import Stage
from tpzoo.testing.toys import Given, toy_batch
from tpzoo.testing.watching import changed, fake, fake_mode, global_generators_rest, require_capturable, same, state


def built(record: Record, stage: Stage, dtype: torch.dtype = torch.float64) -> tuple[Parts, dict[str, Tensor]]:
    """The update among partners that it can work with, and a displacement for every node."""
    parts = stage.parts(stage.method(record), dtype)
    return parts, displacements(parts.network)


def displacements(network: Network) -> dict[str, Tensor]:
    """A small Gaussian displacement of every node, for the usual batch."""
    generator = torch.Generator().manual_seed(5)
    trace = network.trace(toy_batch(network)[0], update_buffers=False, graph=False)
    found = {}
    for node, made in trace.passes.items():
        found[node] = (0.1 * torch.randn(made.out.shape, generator=generator, dtype=torch.float64)).to(made.out)
    return found


def step(parts: Parts, stage: Stage, given: dict[str, Tensor]) -> StepRecord:
    """One training step with given displacements."""
    record = StepRecord()
    engine_with(parts, stage, given).train_batch(*toy_batch(parts.network), order="forward_only", record=record)
    return record


def engine_with(parts: Parts, stage: Stage, given: dict[str, Tensor]) -> Engine:
    """An engine whose rule gives these displacements."""
    parts.rule = Given(given)
    return stage.engine(parts)


def shapes_and_dtypes(record: Record, stage: Stage) -> None:
    """What the optimiser gets is like the weights, in float32 and float64, and every weight gets something."""
    for dtype in (torch.float32, torch.float64):
        parts, given = built(record, stage, dtype)
        weights = dict(parts.network.blocks.named_parameters())
        found = step(parts, stage, given).forward
        require(found, "no step was made")
        for name, value in (item for each in found for item in each.items()):
            require(name in weights, f"an update of '{name}', which is no block.parameter")
            like(value, weights[name], f"the update of {name}")
        missing = weights.keys() - {name for each in found for name in each}
        require(not missing, f"no update of {', '.join(sorted(missing))}")


def null(record: Record, stage: Stage) -> None:
    """Displacements of zero move nothing."""
    parts, given = built(record, stage)
    before = state(parts.network.blocks)
    step(parts, stage, {node: torch.zeros_like(d) for node, d in given.items()})
    moved = changed(before, state(parts.network.blocks))
    require(not moved, f"{', '.join(moved)} moved although every displacement is zero")


def locality(record: Record, stage: Stage) -> None:
    """A displacement moves its own block only, and no weight of a block above reaches what it moves by."""
    parts, given = built(record, stage)
    for node in parts.network.nodes:
        alone, _ = built(record, stage)
        before = state(alone.network.blocks)
        step(alone, stage, {node.name: given[node.name]})
        moved = [name.split(".", 1)[1] for name in changed(before, state(alone.network.blocks))]
        others = [name for name in moved if name.split(".")[0] != node.block]
        require(not others, f"the displacement of '{node.name}' alone moves {', '.join(others)}")
    _above_changes_nothing(record, stage, given)


def _above_changes_nothing(record: Record, stage: Stage, given: dict[str, Tensor]) -> None:
    reference = built(record, stage)[0]
    expected = step(reference, stage, given).forward
    nodes = reference.network.nodes
    for place in range(len(nodes) - 1, 0, -1):
        below = {node.block for node in nodes[:place]}
        if nodes[place].block in below:
            continue
        parts, _ = built(record, stage)
        with torch.no_grad():
            for p in parts.network.block_of(nodes[place]).parameters():
                p.mul_(1.5).add_(0.1)
        for one, two in zip(expected, step(parts, stage, given).forward, strict=True):
            leaks = [name for name in one if name.split(".")[0] in below and not same(one[name], two[name])]
            require(not leaks, f"weights of block '{nodes[place].block}' reach the update of {', '.join(leaks)}")


def deterministic(record: Record, stage: Stage) -> None:
    """The same displacements give bit for bit the same step; nothing draws from a global generator."""
    found = []
    for _ in range(2):
        with global_generators_rest("building"):
            parts, given = built(record, stage)
        engine = engine_with(parts, stage, given)
        with global_generators_rest("the update"):
            engine.train_batch(*toy_batch(parts.network), order="forward_only")
        require(not engine.draws, "the update draws from the global generator of torch; use the Draw that it is given")
        found.append(state(parts.network.blocks))
    moved = changed(*found)
    require(not moved, f"{', '.join(moved)} differ although the displacements are the same")


def leaves_no_gradients(record: Record, stage: Stage) -> None:
    """Gradients are handed over, not accumulated on the weights."""
    parts, given = built(record, stage)
    last = parts.network.nodes[-1].name
    step(parts, stage, {last: given[last]})
    left = [name for name, p in parts.network.blocks.named_parameters() if p.grad is not None]
    require(not left, f"gradients were accumulated on {', '.join(left)}")


@if_provided("backprop_units")
def update_has_a_factor(record: Record, stage: Stage) -> None:
    """The update is a ``ScaledGradient``, whose factors are above zero."""
    parts, _ = built(record, stage)
    update = parts.update
    require(
        isinstance(update, ScaledGradient), "the record provides backprop_units, and the update is no ScaledGradient"
    )
    assert isinstance(update, ScaledGradient)
    require(all(update.factor(block, 7) > 0 for block in parts.network.blocks), "a factor is not above zero")


def capturable(record: Record, stage: Stage) -> None:
    """A step reads no value of a tensor."""
    parts, mode = stage.parts(stage.method(record)), fake_mode()
    x, y = toy_batch(parts.network)
    fake(mode, *parts.modules.values())
    engine = stage.engine(parts)
    require_capturable("a training step", mode, lambda: engine.train_batch(mode.from_tensor(x), mode.from_tensor(y)))


CHECKS = (
    shapes_and_dtypes, null, locality, deterministic, leaves_no_gradients, update_has_a_factor, capturable,
)  # fmt: skip
