"""Probes on a network at rest: what each would say on every batch of a split, with nothing moving in between."""

from __future__ import annotations

import math
import statistics
from collections.abc import Mapping
from dataclasses import dataclass

import torch

from tpzoo.engine.at_rest import measured
from tpzoo.engine.data import Split
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
    training = engine.network.training
    try:
        engine.network.train()
        for x, y in zip(torch.split(split.x, batch_size), torch.split(split.y, batch_size), strict=True):
            x, y = built.data.prepare(x, built.dtype), built.data.labels(y)
            for key, value in measured(engine, built.probes, x, y, streams=False).items():
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
