"""Checks of target rules that take several training steps, or steps of several sizes."""

from __future__ import annotations

from torch import Tensor

from tpzoo.engine import Streams
from tpzoo.plugin.records import Record
from tpzoo.testing.applies import only_if
from tpzoo.testing.outcome import require
from tpzoo.testing.rules import built, normed, recorded_step
from tpzoo.testing.stage import Stage
from tpzoo.testing.toys import toy_batch
from tpzoo.testing.watching import alike, changed, copied, state

STEPS = 5


def trains_everything(record: Record, stage: Stage) -> None:
    """Every weight that is to be trained has changed after a few steps, and is finite."""
    parts, engine = built(record, stage)
    before = state(parts.network.blocks)
    for step in range(STEPS):
        engine.train_batch(*toy_batch(parts.network, 12, seed=step))
    after = state(parts.network.blocks)
    still = before.keys() - changed(before, after)
    require(not still, f"never trained: {', '.join(sorted(name.split('.', 1)[1] for name in still))}")
    broken = [name for name, value in after.items() if not value.isfinite().all()]
    require(not broken, f"not finite after {STEPS} steps: {', '.join(broken)}")


def frozen_stays(record: Record, stage: Stage) -> None:
    """Blocks that are not to be trained stay bit for bit the same."""
    parts, _ = built(record, stage)
    first = next(iter(parts.network.blocks))
    engine, before = stage.engine(parts, blocks=[first]), state(parts.network.blocks)
    for step in range(STEPS):
        engine.train_batch(*toy_batch(parts.network, seed=step))
    moved = changed(before, state(parts.network.blocks))
    outside = [name.split(".", 1)[1] for name in moved if name.split(".")[1] != first]
    require(not outside, f"only '{first}' is to be trained, and these moved: {', '.join(outside)}")


def same_seed(record: Record, stage: Stage) -> None:
    """The same seed gives bit for bit the same weights."""
    first, second = (_after_steps(record, stage, STEPS) for _ in range(2))
    moved = changed(first, second)
    require(not moved, f"two runs with one seed differ in {', '.join(moved)}")


def stop_and_resume(record: Record, stage: Stage) -> None:
    """Weights, buffers and random streams are all there is: putting them back continues bit for bit."""
    parts, engine = built(record, stage)
    for step in range(2):
        engine.train_batch(*toy_batch(parts.network, seed=step))
    saved, streams = (
        [copied(module.state_dict()) for module in parts.modules.values()],
        copied(engine.streams.state_dict()),
    )
    other, resumed = built(record, stage)
    for module, values in zip(other.modules.values(), saved, strict=True):
        module.load_state_dict(values)
    resumed.streams = Streams(0, stage.device)
    resumed.streams.load_state_dict(streams)
    for each in (engine, resumed):
        for step in range(2, 4):
            each.train_batch(*toy_batch(parts.network, seed=step))
    moved = changed(state(*parts.modules.values()), state(*other.modules.values()))
    require(not moved, f"a resumed run differs in {', '.join(moved)}: keep state in buffers, which are saved")


def batch_sizes(record: Record, stage: Stage) -> None:
    """One sample, and an odd number of them, can be trained on."""
    for count in (1, 7):
        _, engine = built(record, stage)
        for gradients in recorded_step(engine, count).forward:
            broken = [name for name, value in gradients.items() if not value.isfinite().all()]
            require(not broken, f"with {count} samples these updates are not finite: {', '.join(broken)}")


@only_if(lambda record: not set(record.requires) & {"images"})
def buffers_untouched(record: Record, stage: Stage) -> None:
    """One step moves running statistics as one training pass does: once."""
    method = stage.method(record)
    reference = normed(stage)
    x, y = toy_batch(reference)
    reference.trace(x)
    parts = stage.parts(method, network=normed(stage))
    stage.engine(parts, rate=1e-300).train_batch(x, y)
    ours, theirs = dict(parts.network.named_buffers()), dict(reference.named_buffers())
    moved = [name for name, value in theirs.items() if not alike(ours[name], value, 1e-12)]
    require(not moved, f"a step moves {', '.join(moved)} otherwise than one training pass does")


def _after_steps(record: Record, stage: Stage, steps: int) -> dict[str, Tensor]:
    parts, engine = built(record, stage)
    for step in range(steps):
        engine.train_batch(*toy_batch(parts.network, seed=step))
    return state(*parts.modules.values())


CHECKS = (trains_everything, frozen_stays, same_seed, stop_and_resume, batch_sizes, buffers_untouched)
