"""Means and deviations over seeds; what is not finite is left out, and what cannot be known is None or NaN."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Numbers = NDArray[np.float64]


@dataclass(frozen=True)
class Moments:
    """Mean, standard deviation (n - 1 in the denominator) and count; None where there are too few values."""

    mean: float | None
    sd: float | None
    n: int


def moments(values: Iterable[float | None]) -> Moments:
    """The moments of the finite values."""
    kept = np.array([value for value in values if value is not None and math.isfinite(value)], dtype=np.float64)
    n = len(kept)
    return Moments(float(kept.mean()) if n else None, float(kept.std(ddof=1)) if n > 1 else None, n)


def over_seeds(seeds: Iterable[Iterable[float | None]]) -> Moments:
    """The moments over seeds of each seed's own mean: what varies within a seed is no part of the deviation.

    Args:
        seeds: the values of each; a seed without a finite one does not count.
    """
    return moments(moments(values).mean for values in seeds)


@dataclass(frozen=True)
class Curve:
    """Mean, standard deviation and count over seeds at every x; NaN where there are too few values.

    All are arrays of one length, of shape (points,).
    """

    x: NDArray[np.int64]
    mean: Numbers
    sd: Numbers
    n: NDArray[np.int64]


def curve(seeds: Sequence[tuple[Sequence[int], Sequence[float]]], smooth: int = 1) -> Curve:
    """The moments over the seeds at every x.

    A seed counts only where it has a finite value; where it has several values at one x, the last is taken.

    Args:
        seeds: x and values of each.
        smooth: each seed's line is first replaced by the mean over its own last so many points, fewer at its beginning.
    """
    x = np.unique(np.concatenate([np.asarray(steps, dtype=np.int64) for steps, _ in seeds]))
    table = np.full((len(x), len(seeds)), np.nan)
    for column, (steps, values) in enumerate(seeds):
        found = {int(step): value for step, value in zip(steps, values, strict=True)}
        own = np.array(sorted(step for step, value in found.items() if math.isfinite(value)), dtype=np.int64)
        line = np.array([found[step] for step in own.tolist()], dtype=np.float64)
        table[np.searchsorted(x, own), column] = rolling_mean(line, smooth) if smooth > 1 else line
    known = np.isfinite(table)
    n = known.sum(axis=1)
    with np.errstate(invalid="ignore", divide="ignore"):
        mean = np.where(known, table, 0).sum(axis=1) / n
        squares = np.where(known, table - mean[:, None], 0) ** 2
        sd = np.sqrt(squares.sum(axis=1) / (n - 1))
    return Curve(x, np.where(n > 0, mean, np.nan), np.where(n > 1, sd, np.nan), n.astype(np.int64))


def rolling_mean(line: Numbers, points: int) -> Numbers:
    """The mean of every value and those before it, ``points`` in all, fewer at the beginning; shape (n,)."""
    return np.array([line[max(0, i + 1 - points) : i + 1].mean() for i in range(len(line))], dtype=np.float64)


def smoothing(points: int) -> str:
    """What a caption says of it; nothing where there is none."""
    return f" Smoothed: rolling means over the last {points} points of each seed." if points > 1 else ""
