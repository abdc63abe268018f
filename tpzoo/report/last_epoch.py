"""What probes measured in the last epoch of each run: where training came to, without the way there."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from tpzoo.report.document import DASH, Cell, Grid, Table, short
from tpzoo.report.methods import Method
from tpzoo.report.metrics import Series
from tpzoo.report.statistics import Moments, over_seeds

COLUMNS = ("block", "method", "mean", "sd", "n")
MOST_COLUMNS = 12
"""Blocks that fit on a page side by side."""


def of_last_epoch(series: Series) -> list[float]:
    """The values of the last epoch that has any, of those at the probe's intervals."""
    epochs, values = series.at_intervals
    return [value for epoch, value in zip(epochs, values, strict=True) if epoch == epochs[-1]]


def tables(
    title: str, name: str, found: Mapping[str, Mapping[int, Sequence[Series]]], methods: Sequence[Method]
) -> tuple[Table, list[Grid]]:
    """The file, and for the page one row for a method and one column for a block, unless those are too many.

    Args:
        found: the series of all seeds by block, in order, and by the method's index.
    """
    means: dict[str, dict[int, Moments]] = {
        block: {i: over_seeds(of_last_epoch(each) for each in seeds) for i, seeds in by_method.items()}
        for block, by_method in found.items()
    }
    rows: list[list[Cell]] = [
        [block, methods[i].label, each.mean, each.sd, each.n]
        for block, by_method in means.items()
        for i, each in by_method.items()
    ]
    table = Table(
        f"{name}_last_epoch",
        f"{title} in the last epoch, moments over the seeds: one row for a block and method",
        COLUMNS,
        rows,
    )
    if not 0 < len(means) <= MOST_COLUMNS:
        return table, []
    caption = (
        f"{title}, each seed's mean over what was measured in its last epoch (at the probe's intervals, without the row"
        " of the very last step), mean over the seeds:"
    )
    return table, [Grid(["method", *means], list(_lines(means, methods)), caption)]


def _lines(means: Mapping[str, Mapping[int, Moments]], methods: Sequence[Method]) -> Iterable[list[str]]:
    for method in methods:
        if any(method.index in by_method for by_method in means.values()):
            cells = [by_method.get(method.index) for by_method in means.values()]
            yield [method.label, *(DASH if each is None else short(each.mean, 3) for each in cells)]
