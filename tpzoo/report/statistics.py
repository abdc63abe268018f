"""Means, spreads and rolling windows; what is not finite is left out, and what cannot be known is None or NaN."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Numbers = NDArray[np.float64]

WINDOW = 30
"""Points of the rolling mean in the figures of Meulemans et al. 2020."""

CHUNK = 4096
"""Windows that are worked on at once: a bound on memory, without effect on the result."""


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


@dataclass(frozen=True)
class Curve:
    """Mean, standard deviation and count over seeds at every x; NaN where there are too few values.

    All are arrays of one length, of shape (points,).
    """

    x: NDArray[np.int64]
    mean: Numbers
    sd: Numbers
    n: NDArray[np.int64]


def curve(seeds: Sequence[tuple[Sequence[int], Sequence[float]]], window: int = 1) -> Curve:
    """The moments at every x over the last ``window`` points of all seeds together.

    The first points have windows that are not full yet. A seed counts only where it has a finite value; where it has
    several values at one x, the last is taken.

    Args:
        seeds: x and values of each.
    """
    x = np.unique(np.concatenate([np.asarray(steps, dtype=np.int64) for steps, _ in seeds]))
    table = np.full((len(x), len(seeds)), np.nan)
    for column, (steps, values) in enumerate(seeds):
        table[np.searchsorted(x, np.asarray(steps, dtype=np.int64)), column] = values
    table[~np.isfinite(table)] = np.nan
    padded = np.concatenate([np.full((window - 1, len(seeds)), np.nan), table])
    windows = np.lib.stride_tricks.sliding_window_view(padded, window, axis=0)
    parts = [_row_moments(windows[i : i + CHUNK].reshape(-1, window * len(seeds))) for i in range(0, len(x), CHUNK)]
    mean, sd, n = (np.concatenate(each) for each in zip(*parts, strict=True))
    return Curve(x, mean, sd, n.astype(np.int64))


def _row_moments(rows: Numbers) -> tuple[Numbers, Numbers, Numbers]:
    known = np.isfinite(rows)
    n = known.sum(axis=1).astype(np.float64)
    with np.errstate(invalid="ignore", divide="ignore"):
        mean = np.where(known, rows, 0).sum(axis=1) / n
        squares = np.where(known, rows - mean[:, None], 0) ** 2
        sd = np.sqrt(squares.sum(axis=1) / (n - 1))
    return np.where(n > 0, mean, np.nan), np.where(n > 1, sd, np.nan), n
