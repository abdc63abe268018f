"""Reading ``metrics.csv`` back as series."""

from __future__ import annotations

import csv
from dataclasses import dataclass
from pathlib import Path

from tpzoo.errors import DataError


@dataclass(frozen=True)
class Series:
    """One figure over the run: the epoch and step of each value, and the values."""

    epochs: list[int]
    steps: list[int]
    values: list[float]


def read_metrics(run: Path, event: str | None = None) -> dict[str, Series]:
    """Every figure of a run by name, in the order of the file; only those of one ``event`` if it is given.

    Raises:
        DataError: the run has no metrics, or the file is not one of tpzoo's.
    """
    path = run / "metrics.csv"
    found: dict[str, Series] = {}
    try:
        with path.open(newline="", encoding="utf-8") as file:
            for row in csv.DictReader(file):
                if event is None or row["event"] == event:
                    series = found.setdefault(row["name"], Series([], [], []))
                    series.epochs.append(int(row["epoch"]))
                    series.steps.append(int(row["step"]))
                    series.values.append(float(row["value"]))
    except FileNotFoundError as error:
        raise DataError(f"{run} holds no metrics.csv", "give the folder of a run with the logger csv") from error
    except (KeyError, TypeError, ValueError) as error:
        raise DataError(f"{path} is not a file of the logger csv: {error}") from error
    return found
