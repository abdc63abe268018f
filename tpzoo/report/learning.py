"""Learning curves: validation and test errors and the training loss over the epochs."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING

from tpzoo.report.document import Cell, Picture, Section, Table
from tpzoo.report.methods import Method
from tpzoo.report.plotting import draw_curve, legend, logarithmic, panels
from tpzoo.report.results import errors, is_regression, values
from tpzoo.report.runs import Run
from tpzoo.report.statistics import Curve, curve

if TYPE_CHECKING:
    from matplotlib.figure import Figure

MEASURES = {
    "validation error (%)": ("valid_accuracy", False),
    "test error (%)": ("test_accuracy", False),
    "validation loss": ("valid_loss", True),
    "test loss": ("test_loss", True),
    "train loss": ("train_loss", None),
}
"""By title: the figure, and whether it is for regressions; None: for all."""


def section(methods: Sequence[Method]) -> Section:
    """One panel for each measure, one line for a method."""
    left_out = []
    found: dict[str, list[tuple[Method, Curve]]] = {}
    for title, (name, regression) in MEASURES.items():
        lines = [(method, line) for method in methods if (line := _line(method, name, regression)) is not None]
        if lines:
            found[title] = lines
    if not found:
        left_out.append("learning curves: no run has figures of an epoch")
    elif not any(title.startswith("validation") for title in found):
        left_out.append("validation curves: no run has validation data")
    pictures = [Picture("learning_curves", "Means over the seeds; the bands are one standard deviation.",
                        lambda: draw(found))] if found else []  # fmt: skip
    tables = [Table("learning_curves", "one row for a measure, method and epoch", COLUMNS, list(_rows(found)))]
    return Section("Learning curves", pictures=pictures, tables=tables if found else [], left_out=left_out)


COLUMNS = ("measure", "method", "epoch", "mean", "sd", "n")


def _line(method: Method, name: str, regression: bool | None) -> Curve | None:
    if regression is not None and is_regression(method.counted[0]) != regression:
        return None
    seeds = [(list(each), list(each.values())) for run in method.counted if (each := _values(run, name))]
    return curve(seeds) if seeds else None


def _values(run: Run, name: str) -> dict[int, float]:
    found = values(run, name)
    return errors(found) if name.endswith("accuracy") else found


def draw(found: Mapping[str, Sequence[tuple[Method, Curve]]]) -> Figure:
    """Draw the lines by title."""
    from matplotlib.ticker import MaxNLocator

    figure, axes = panels(list(found))
    for each, lines in zip(axes, found.values(), strict=True):
        for method, line in lines:
            draw_curve(each, line, method, "." if len(line.x) <= 30 else "")
        logarithmic(each, [line for _, line in lines])
        each.set_xlabel("epoch")
        each.xaxis.set_major_locator(MaxNLocator(integer=True))
    legend(figure, axes)
    return figure


def _rows(found: Mapping[str, Sequence[tuple[Method, Curve]]]) -> Iterator[list[Cell]]:
    for title, lines in found.items():
        for method, line in lines:
            for i, epoch in enumerate(line.x.tolist()):
                yield [title, method.label, epoch, float(line.mean[i]), float(line.sd[i]), int(line.n[i])]
