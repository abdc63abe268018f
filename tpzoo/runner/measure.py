"""Probes on a network at rest: what each would say on every batch of a split, with nothing moving in between."""

from __future__ import annotations

import math
import statistics
from collections.abc import Mapping
from dataclasses import dataclass

import torch

from tpzoo.engine.at_rest import at_rest
from tpzoo.engine.data import Split
from tpzoo.engine.probe import FeedbackSnapshot, Snapshot, looks_at_feedback, named_values
from tpzoo.runner.build import Built


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

    def observe(snapshot: Snapshot) -> None:
        for name, probe in built.probes.items():
            note(named_values(name, probe.measure(snapshot)))

    def observe_feedback(snapshot: FeedbackSnapshot) -> None:
        for name in of_maps:
            note(named_values(name, built.probes[name].measure_feedback(snapshot)))

    def note(values: Mapping[str, float]) -> None:
        measured.update({key: value for key, value in values.items() if key not in measured})

    of_maps = [name for name, probe in built.probes.items() if looks_at_feedback(probe)]
    training = engine.network.training
    try:
        engine.network.train()
        for x, y in zip(torch.split(split.x, batch_size), torch.split(split.y, batch_size), strict=True):
            measured: dict[str, float] = {}
            x, y = built.data.prepare(x, built.dtype), built.data.labels(y)
            with at_rest(engine, streams=False):
                engine.train_batch(x, y, None, observe, observe_feedback if of_maps else None)
            for key, value in measured.items():
                found.setdefault(key, []).append(value)
    finally:
        engine.network.train(training)
    return {key: _moments(values) for key, values in found.items()}


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
