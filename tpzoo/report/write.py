"""From run folders to ``report.md``, ``report.html``, ``figures/`` and ``tables/``."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from tpzoo.errors import DataError
from tpzoo.report import blocks, damping, details, learning, null_space, output_step, results
from tpzoo.report.document import Report, ReportFigure, Section, Table
from tpzoo.report.markdown import markdown
from tpzoo.report.methods import Method, make_methods
from tpzoo.report.output import write_files
from tpzoo.report.page import page
from tpzoo.report.plotting import style
from tpzoo.report.runs import find_runs

FORMATS = ("png", "svg")
DPI = 150


@dataclass(frozen=True)
class Written:
    """What was written.

    Attributes:
        warnings: what was skipped, what is odd.
    """

    folder: Path
    methods: int
    runs: int
    figures: int
    tables: int
    warnings: list[str]


def write_report(
    places: Sequence[Path],
    out: Path,
    title: str | None = None,
    formats: Sequence[str] = FORMATS,
    smooth: int = 1,
    join_code: bool = False,
    with_details: bool = False,
) -> Written:
    """Report on the runs in ``places``: run folders, or folders that contain some.

    Args:
        out: the folder that is written; what is in it already stays, but the files of an earlier report.
        title: default: what is reported.
        join_code: runs that differ in code alone are one method; the report says so.
        with_details: recalls and confusion matrices of classes, errors and R^2 of targets too.
        smooth: lines of figures are rolling means over so many points of each seed; tables hold what was measured.
        formats: of the figures' files; the page shows SVG if it is among them.

    Raises:
        DataError: there is no run to report on, ``out`` cannot be a folder, or a file that is not a
            report's is in the way.
    """
    if any(each.exists() and not each.is_dir() for each in (out, *out.parents)):
        raise DataError(f"{out} cannot be made: a file stands where the folder should be")
    found = find_runs(places)
    methods, repeated = make_methods(found.runs, join_code)
    count = sum(len(method.runs) for method in methods)
    said = f"{_count(len(methods), 'method')}, {_count(count, 'run')}"
    sections = _named([*make_sections(methods, smooth), *([details.section(methods)] if with_details else [])])
    warnings = [*found.warnings, *repeated]
    report = Report(title or f"tpzoo: {said}", _introduction(said, methods), sections, warnings)
    images = _draw(sections, formats)
    tables = [table for section in sections for table in section.tables]
    shown = "svg" if "svg" in formats else formats[0]
    content: dict[str, str | bytes] = {
        **{f"figures/{name}.{ending}": drawn for name, each in images.items() for ending, drawn in each.items()},
        **{f"tables/{table.name}.csv": as_csv(table) for table in tables},
        "report.md": markdown(report, formats[0]),
        "report.html": page(report, {name: each[shown] for name, each in images.items()}, shown),
    }
    write_files(out, content)
    return Written(out, len(methods), count, len(images), len(tables), warnings)


def make_sections(methods: Sequence[Method], smooth: int = 1) -> list[Section]:
    """Every part of the report, empty ones included, which say why they are."""
    return [
        results.section(methods),
        learning.section(methods, smooth),
        *blocks.sections(methods, smooth),
        null_space.section(methods),
        output_step.section(methods),
        damping.section(methods),
    ]


def as_csv(table: Table) -> str:
    """The content of a table's file; numbers are written so that reading them gives the same float64."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(table.columns)
    writer.writerows([None if cell != cell else cell for cell in row] for row in table.rows)  # NaN is not itself
    return text.getvalue()


def _introduction(said: str, methods: Iterable[Method]) -> list[str]:
    methods = list(methods)
    listed = "; ".join(f"{method.label} ({_seeds(method)})" for method in methods)
    rule = (
        " Runs that are not done enter no mean, curve or bar of a method that has some which are; where none is, those"
        " with the most epochs count."
    )
    same = "Runs that differ in nothing but their seeds and probes are one method."
    return [f"{said}: {listed}. {same}{rule if any(method.unfinished for method in methods) else ''}"]


def _seeds(method: Method) -> str:
    open_, total = len(method.unfinished), len(method.runs)
    said = _count(total, "seed")
    return said if not open_ else f"{said}, {'none' if open_ == total else f'{total - open_} of them'} done"


def _count(number: int, what: str) -> str:
    return f"{number} {what}{'s' * (number != 1)}"


def _named(sections: Iterable[Section]) -> list[Section]:
    """The sections with names of files that are safe and unique; a plugin's probe may be called anything."""
    figures: set[str] = set()
    tables: set[str] = set()
    return [
        replace(
            section,
            figures=[replace(each, name=_safe(each.name, figures)) for each in section.figures],
            tables=[replace(each, name=_safe(each.name, tables)) for each in section.tables],
        )
        for section in sections
    ]


def _safe(name: str, taken: set[str]) -> str:
    stem = re.sub(r"[^\w.-]+", "_", name)[:80].strip(".") or "unnamed"
    number, safe = 1, stem
    while safe.casefold() in taken:
        number += 1
        safe = f"{stem}-{number}"
    taken.add(safe.casefold())
    return safe


def _draw(sections: Iterable[Section], formats: Sequence[str]) -> dict[str, dict[str, bytes]]:
    images = {}
    with style():
        for figure in (each for section in sections for each in section.figures):
            images[figure.name] = _draw_one(figure, formats)
    return images


def _draw_one(figure: ReportFigure, formats: Sequence[str]) -> dict[str, bytes]:
    drawing, drawn = figure.draw(), {}
    for ending in formats:
        file = io.BytesIO()
        drawing.savefig(file, format=ending, dpi=DPI, metadata={"Date": None} if ending == "svg" else None)
        drawn[ending] = file.getvalue()
    return drawn
