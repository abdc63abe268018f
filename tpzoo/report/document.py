"""What a report is made of, before it is written as Markdown or HTML."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from matplotlib.figure import Figure

Cell = str | int | float | None

DASH = "–"  # noqa: RUF001  (what stands for a number that does not exist)


@dataclass(frozen=True)
class Table:
    """A file of ``tables/``; what does not exist is an empty cell.

    Attributes:
        name: of the file, without its ending.
        caption: one line that says what a row is.
    """

    name: str
    caption: str
    columns: Sequence[str]
    rows: Sequence[Sequence[Cell]]


@dataclass(frozen=True)
class Grid:
    """A table on the page, for people."""

    columns: Sequence[str]
    rows: Sequence[Sequence[str]]
    caption: str = ""


@dataclass(frozen=True)
class ReportFigure:
    """A figure: a file of ``figures/`` for every format.

    Attributes:
        name: of the files, without their ending.
        draw: makes the figure; called once, with the report's style in force.
    """

    name: str
    caption: str
    draw: Callable[[], Figure]


@dataclass(frozen=True)
class Section:
    """A part of the report.

    Attributes:
        notes: what is said below the tables.
        left_out: one sentence for each thing that could have been here, and why it is not.
    """

    title: str
    text: list[str] = field(default_factory=list)
    grids: list[Grid] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    figures: list[ReportFigure] = field(default_factory=list)
    tables: list[Table] = field(default_factory=list)
    left_out: list[str] = field(default_factory=list)

    @property
    def is_empty(self) -> bool:
        """Whether there is nothing to show."""
        return not (self.grids or self.figures or self.tables)


@dataclass(frozen=True)
class Report:
    """The whole.

    Attributes:
        notes: what a reader must know about the runs: what was skipped, what is odd.
    """

    title: str
    introduction: list[str]
    sections: list[Section]
    notes: list[str]

    @property
    def left_out(self) -> list[str]:
        """What is not in the report, and why."""
        return [each for section in self.sections for each in section.left_out]


def fixed(value: float | None, digits: int = 2) -> str:
    """A number with so many decimals; a dash for none."""
    return DASH if value is None or not math.isfinite(value) else f"{value:.{digits}f}"


def short(value: float | None, digits: int = 4) -> str:
    """A number with so many significant digits; a dash for none."""
    return DASH if value is None or not math.isfinite(value) else f"{value:.{digits}g}"
