"""Checks of target rules."""

from __future__ import annotations

import torch
from torch import Tensor

from tpzoo.engine import Batch, Draw, Engine, Network, Streams
from tpzoo.plugin.records import Record
from tpzoo.testing.outcome import if_provided, require
from tpzoo.testing.stage import Parts, Stage, seeded
from tpzoo.testing.toys import FlatLoss, Step, Still, normed_network, toy_batch
from tpzoo.testing.watching import (
    Recording,
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
    parts = stage.parts(stage.cast(record), dtype)
    return parts, stage.engine(parts)


def recorded_step(engine: Engine, count: int = 6) -> list[dict[str, Tensor]]:
    """The forward gradients of one training step."""
    group = Recording(engine.forward, dict(engine.network.blocks.items()))
    engine.forward = group
    engine.train_batch(*toy_batch(engine.network, count))
    return group.gradients


def declarations(record: Record, stage: Stage) -> None:
    """The record says what the rule itself says of using feedback."""
    rule, declared = stage.make(record), getattr(record, "uses_feedback", True)
    require(
        rule.uses_feedback == declared,
        f"the record says uses_feedback={declared} and the rule says {rule.uses_feedback}",
    )


def null(record: Record, stage: Stage) -> None:
    """An output that should not move, of a loss that nothing changes, gives updates that are exactly zero."""
    parts, _ = built(record, stage)
    parts.loss, parts.output = FlatLoss(), Still()
    before = state(parts.network.blocks)
    for gradients in recorded_step(stage.engine(parts)):
        for name, value in gradients.items():
            require((value == 0).all(), f"the update of {name} is not zero although the output should stay")
    moved = changed(before, state(parts.network.blocks))
    require(not moved, f"{', '.join(moved)} moved although every update is zero")


@if_provided("tied_oracle")
def tied_oracle(record: Record, stage: Stage) -> None:
    """On the tied path the updates are backpropagation's, times the step size where the rule sends displacements."""
    size = 0.01 if getattr(record, "uses_feedback", True) else 1.0
    path = stage.find("feedback", "tied" if getattr(record, "uses_feedback", True) else "none")
    parts = stage.parts(stage.cast(record, feedback=path, learner=stage.find("learner", "none")))
    parts.output = Step(size)
    batch = Batch(*toy_batch(parts.network), parts.loss, parts.output)
    expected = parts.network.loss_gradients(batch.x, batch.error)[1]
    (found,) = recorded_step(stage.engine(parts))
    require(found.keys() == expected.keys(), f"updates for {sorted(found)} instead of {sorted(expected)}")
    for name, value in expected.items():
        require(alike(found[name], size * value, 1e-10), f"the update of {name} is not {size} times backpropagation's")


def locality(record: Record, stage: Stage) -> None:
    """With targets fixed, neither weights of other blocks above nor their targets reach the update of a block."""
    parts, _ = built(record, stage)
    network, rule = parts.network, parts.rule
    batch = Batch(*toy_batch(network), parts.loss, parts.output)
    targets = rule.displacements(network.trace(batch.x, False), parts.feedback, batch, _draw(stage))
    targets = {node: d.detach() for node, d in targets.items()}
    before = rule.gradients(network.trace(batch.x, False), targets)
    for node in network.nodes:
        if node.name not in targets:
            continue
        only = rule.gradients(network.trace(batch.x, False), {node.name: targets[node.name]})
        others = [name for name, value in only.items() if not _of(name, node.block) and bool((value != 0).any())]
        require(not others, f"the target of '{node.name}' alone gives updates of {', '.join(others)}")
    _above_changes_nothing(parts, batch, targets, before)


def _above_changes_nothing(parts: Parts, batch: Batch, targets: dict[str, Tensor], before: dict[str, Tensor]) -> None:
    network, nodes = parts.network, parts.network.nodes
    for place in range(len(nodes) - 1, 0, -1):
        below = {node.block for node in nodes[:place]}
        if nodes[place].block in below:
            continue
        with torch.no_grad():
            for p in network.block_of(nodes[place]).parameters():
                p.mul_(1.5).add_(0.1)
        after = parts.rule.gradients(network.trace(batch.x, False), targets)
        leaks = [name for name in before if name.split(".")[0] in below and not same(before[name], after[name])]
        require(not leaks, f"weights of block '{nodes[place].block}' reach the update of {', '.join(leaks)}")
    left = [name for name, p in network.blocks.named_parameters() if p.grad is not None]
    require(not left, f"gradients were accumulated on {', '.join(left)}")


def shapes_and_dtypes(record: Record, stage: Stage) -> None:
    """Displacements are like their node's output and updates like their weights, in float32 and float64."""
    for dtype in (torch.float32, torch.float64):
        parts, _ = built(record, stage, dtype)
        batch = Batch(*toy_batch(parts.network), parts.loss, parts.output)
        trace = parts.network.trace(batch.x)
        targets = parts.rule.displacements(trace, parts.feedback, batch, _draw(stage))
        for node, d in targets.items():
            _like(d, trace[node].out, f"the displacement of '{node}'")
        weights = dict(parts.network.blocks.named_parameters())
        for name, value in parts.rule.gradients(trace, targets).items():
            require(name in weights, f"an update of '{name}', which is no block.parameter")
            _like(value, weights[name], f"the update of {name}")


def capturable(record: Record, stage: Stage) -> None:
    """A step reads no value of a tensor: no ``.item()``, no branch on one, no shape that depends on one."""
    parts, mode = stage.parts(stage.cast(record)), fake_mode()
    x, y = toy_batch(parts.network)
    fake(mode, *parts.modules)
    engine = stage.engine(parts)
    require_capturable("a training step", mode, lambda: engine.train_batch(mode.from_tensor(x), mode.from_tensor(y)))


def global_generator(record: Record, stage: Stage) -> None:
    """Neither building nor a step nor an evaluation draws from a global generator."""
    with global_generators_rest("building"):
        parts, engine = built(record, stage)
    x, y = toy_batch(parts.network)
    with global_generators_rest("a training step"):
        engine.train_batch(x, y)
    parts.network.eval()
    with global_generators_rest("an evaluation"):
        parts.network(x)


def targets_change_nothing(record: Record, stage: Stage) -> None:
    """Computing displacements and updates moves no weight and no buffer."""
    parts = stage.parts(stage.cast(record))
    batch = Batch(*toy_batch(parts.network), parts.loss, parts.output)
    trace = parts.network.trace(batch.x)
    with nothing_changes("computing targets", parts.network, parts.feedback):
        targets = parts.rule.displacements(trace, parts.feedback, batch, _draw(stage))
        parts.rule.gradients(trace, targets)


def normed(stage: Stage) -> Network:
    """The toy network with batch norm, always the same."""
    with seeded(0):
        return normed_network().to(device=stage.device, dtype=torch.float64)


def _draw(stage: Stage) -> Draw:
    return Streams(0, stage.device).draw("rule")


def _of(parameter: str, block: str) -> bool:
    return parameter.startswith(f"{block}.")


def _like(value: Tensor, reference: Tensor, what: str) -> None:
    require(value.shape == reference.shape, f"{what} has the shape {tuple(value.shape)}, not {tuple(reference.shape)}")
    require(value.dtype == reference.dtype, f"{what} is {value.dtype}, not {reference.dtype}")
    require(value.isfinite().all(), f"{what} is not finite")


CHECKS = (
    declarations,
    null,
    tied_oracle,
    locality,
    shapes_and_dtypes,
    capturable,
    global_generator,
    targets_change_nothing,
)
