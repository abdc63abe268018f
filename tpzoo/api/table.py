"""Columns of numbers, as arrays: what a run measured, and what many runs came to."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from tpzoo.report.metrics import read_events

Array = np.ndarray[Any, Any]
FIXED = ("epoch", "step", "seconds")


class Table(Mapping[str, Array]):
    """A table: arrays of one length by the name of their column. What a row has not is NaN.

    ``table["epoch"]``, ``list(table)``, ``len(table)`` as of any mapping, ``table.rows`` its length.
    """

    def __init__(self, columns: Mapping[str, Array]) -> None:
        self._columns = dict(columns)

    def __getitem__(self, name: str) -> Array:
        if name not in self._columns:
            raise KeyError(f"there is no column '{name}'; there are {', '.join(self._columns) or 'none'}")
        return self._columns[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._columns)

    def __len__(self) -> int:
        return len(self._columns)

    @property
    def rows(self) -> int:
        """How many rows each column has."""
        return len(next(iter(self._columns.values()), ()))

    def to_pandas(self) -> Any:
        """The same as a ``pandas.DataFrame``; pandas must be installed."""
        import pandas

        return pandas.DataFrame(self._columns)

    def __repr__(self) -> str:
        return f"Table({self.rows} rows: {', '.join(self._columns)})"


def metrics_table(run: Path, event: str) -> Table:
    """What ``metrics.csv`` of a run holds of one event, a row for each step at which anything was logged.

    Raises:
        DataError: the run has no metrics.
    """
    by_name = read_events(run, (event,)).events.get(event, {})
    places: dict[tuple[int, int], float] = {}
    for series in by_name.values():
        for epoch, step, seconds in zip(series.epochs, series.steps, series.seconds, strict=True):
            places[epoch, step] = max(seconds, places.get((epoch, step), 0.0))
    order = sorted(places, key=lambda place: (place[1], place[0]))
    row_of = {place: row for row, place in enumerate(order)}
    fixed = ([epoch for epoch, _ in order], [step for _, step in order], [places[place] for place in order])
    columns: dict[str, Array] = {name: np.array(values) for name, values in zip(FIXED, fixed, strict=True)}
    for name, series in by_name.items():
        values = np.full(len(order), np.nan)
        for epoch, step, value in zip(series.epochs, series.steps, series.values, strict=True):
            values[row_of[epoch, step]] = value
        columns[name] = values
    return Table(columns)


def table_of(rows: Sequence[Mapping[str, Any]]) -> Table:
    """A table of rows that have the same names; numbers that are None are NaN."""
    names = list(dict.fromkeys(name for row in rows for name in row))
    return Table({name: _column([row.get(name) for row in rows]) for name in names})


def _column(values: list[Any]) -> Array:
    if all(value is None or (isinstance(value, int | float) and not isinstance(value, bool)) for value in values):
        missing = any(value is None for value in values)
        return np.array([np.nan if value is None else value for value in values], dtype=float if missing else None)
    return np.array(values, dtype=object)
