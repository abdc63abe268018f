"""Reading ``metrics.csv`` back as series."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import TextIO

from tpzoo.errors import DataError

COLUMNS = ("event", "epoch", "step", "name", "value", "seconds")


@dataclass(frozen=True)
class Series:
    """One metric over the run: the epoch and step of each value, the values, and the seconds since the run began.

    Attributes:
        every: of a probe, how many steps are from one measurement to the next; the last step is measured beside these.
    """

    epochs: list[int]
    steps: list[int]
    values: list[float]
    seconds: list[float] = field(default_factory=list)
    every: int = 1

    @property
    def at_intervals(self) -> tuple[list[int], list[float]]:
        """Epochs and values that means are of: without the row of the last step where it is off the interval.

        Where that would leave the first step alone, the untrained network, the first one is left out in its place.
        """
        rows = list(zip(self.epochs, self.steps, self.values, strict=True))
        if len(rows) > 1 and (rows[-1][1] - 1) % self.every:
            rows = rows[1:] if len(rows) == 2 and rows[0][1] == 1 else rows[:-1]
        return [row[0] for row in rows], [row[2] for row in rows]


@dataclass(frozen=True)
class Metrics:
    """What a ``metrics.csv`` holds.

    Attributes:
        events: the series by event (``step``, ``probe``, ``epoch``), then by name, in the order of the file.
        cut: whether the last row ends before its end, as a kill leaves it; such a row is left out.
        unconfirmed: whether rows were left out that no checkpoint counts on.
    """

    events: dict[str, dict[str, Series]]
    cut: bool = False
    unconfirmed: bool = False


def read_metrics(run: Path, event: str | None = None) -> dict[str, Series]:
    """Every metric of a run by name, in the order of the file; only those of one ``event`` if it is given.

    Raises:
        DataError: the run has no metrics, or the file is not one of tpzoo's.
    """
    events = read_events(run, None if event is None else (event,)).events
    if event is not None:
        return events.get(event, {})
    found: dict[str, Series] = {}
    for series_by_name in events.values():
        for name, series in series_by_name.items():
            into = found.setdefault(name, Series([], [], [], []))
            for part in ("epochs", "steps", "values", "seconds"):
                getattr(into, part).extend(getattr(series, part))
    return found


def read_events(run: Path, events: tuple[str, ...] | None = None, confirmed: int | None = None) -> Metrics:
    """Every metric of a run by event and name; only those of ``events`` if they are given.

    Args:
        confirmed: how many bytes of the file count; None: all.

    Raises:
        DataError: the run has no metrics, or the file is not one of tpzoo's.
    """
    path = run / "metrics.csv"
    try:
        with path.open("rb") as file:
            content = file.read(-1 if confirmed is None else confirmed)
            more = bool(file.read(1))
        metrics = _read(io.StringIO(content.decode("utf-8"), newline=""), events)
        return Metrics(metrics.events, metrics.cut, more)
    except FileNotFoundError as error:
        raise DataError(f"{run} holds no metrics.csv", "give the folder of a run with the logger csv") from error
    except (ValueError, csv.Error) as error:
        raise DataError(f"{path} is not a file of the logger csv: {error}") from error


def _read(file: TextIO, events: tuple[str, ...] | None) -> Metrics:
    lines = _Lines(file)
    rows = csv.reader(lines)
    if tuple(next(rows, ())) != COLUMNS:
        raise ValueError(f"its first line is not {','.join(COLUMNS)}")
    found: dict[str, dict[str, Series]] = {}
    for row in rows:
        try:
            event, epoch, step, name, value, seconds = row
            if events is None or event in events:
                by_name = found.get(event) or found.setdefault(event, {})
                series = by_name.get(name) or by_name.setdefault(name, Series([], [], [], []))
                numbers = int(epoch), int(step), float(value), float(seconds)
                series.epochs.append(numbers[0])
                series.steps.append(numbers[1])
                series.values.append(numbers[2])
                series.seconds.append(numbers[3])
        except ValueError as error:
            raise ValueError(f"line {rows.line_num}: {error}") from error
    return Metrics(found, lines.cut)


class _Lines:
    """The whole lines of a file; the logger ends every one, so a last one without an end was cut short."""

    def __init__(self, file: TextIO) -> None:
        self._file = file
        self.cut = False

    def __iter__(self) -> Iterator[str]:
        for line in self._file:
            if not line.endswith("\n"):
                self.cut = True
                return
            yield line
