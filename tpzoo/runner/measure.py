"""Probes on a network at rest: what each would say on every batch of a split, with nothing moving in between."""

from __future__ import annotations

import math
import statistics
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass

import torch

from tpzoo.engine.data import Split
from tpzoo.engine.optimise import WeightStepper
from tpzoo.engine.probe import Snapshot, named_values
from tpzoo.runner.build import Built
from tpzoo.runner.session import modules_of


@dataclass(frozen=True)
class Moments:
    """One figure of a probe over the batches.

    Attributes:
        mean, sd: over the batches in which it is a number, each counting once; NaN where there are too few.
        batches: how many those are.
    """

    mean: float
    sd: float
    batches: int


def measure(built: Built, split: Split, batch_size: int) -> dict[str, Moments]:
    """Every probe of ``built`` on each batch of ``split``, in the stored order and without augmentation.

    Each batch makes the training step that the run would make, up to the moment before the weights move. No weight, map
    or running statistic is other after it than before.
    """
    engine, found = built.engine, dict[str, list[float]]()
    forward, backward = engine.forward_weights, engine.feedback_weights

    def observe(snapshot: Snapshot) -> None:
        if measured:
            return  # a rule may step many times in one batch
        for name, probe in built.probes.items():
            measured.update(named_values(name, probe.measure(snapshot)))

    engine.forward_weights = WeightStepper(dict(engine.network.blocks.items()), None)
    engine.feedback_weights = WeightStepper(dict(engine.feedback.maps.items()), None)
    training = engine.network.training
    try:
        engine.network.train()
        for x, y in zip(torch.split(split.x, batch_size), torch.split(split.y, batch_size), strict=True):
            measured: dict[str, float] = {}
            with _buffers_rest(built):
                engine.train_batch(built.data.prepare(x, built.dtype), built.data.labels(y), observe=observe)
            for key, value in measured.items():
                found.setdefault(key, []).append(value)
    finally:
        engine.network.train(training)
        engine.forward_weights, engine.feedback_weights = forward, backward
    return {key: _moments(values) for key, values in found.items()}


@contextmanager
def _buffers_rest(built: Built) -> Iterator[None]:
    buffers = [buffer for module in modules_of(built).values() for buffer in module.buffers()]
    kept = [buffer.clone() for buffer in buffers]
    try:
        yield
    finally:
        for buffer, value in zip(buffers, kept, strict=True):
            buffer.copy_(value)


def _moments(values: list[float]) -> Moments:
    known = [value for value in values if not math.isnan(value)]
    mean = statistics.fmean(known) if known else math.nan
    return Moments(mean, statistics.stdev(known) if len(known) > 1 else math.nan, len(known))


def plain(found: Mapping[str, Moments]) -> dict[str, dict[str, float | int | None]]:
    """As JSON has it: NaN is null."""
    return {
        key: {"mean": _finite(each.mean), "sd": _finite(each.sd), "batches": each.batches}
        for key, each in found.items()
    }


def _finite(value: float) -> float | None:
    return value if math.isfinite(value) else None
