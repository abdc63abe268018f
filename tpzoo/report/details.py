"""What stands behind the last test score of each method: recalls and confusions of classes, errors and R^2 of targets.

A run logs them once, after its last epoch. Recalls, errors and R^2 are means over the seeds, confusions sums.
"""

from __future__ import annotations

from collections.abc import Sequence

from tpzoo.report.document import DASH, Cell, Grid, Section, Table, fixed, short
from tpzoo.report.methods import Method
from tpzoo.report.runs import natural
from tpzoo.report.statistics import Moments, moments

MOST_CLASSES = 12
"""Of more classes the confusion matrix is in the file alone."""

KINDS = {"recall": "recall of each class", "rmse": "root of the mean squared error of each target", "r2": "R^2 of each"}


def section(methods: Sequence[Method]) -> Section:
    """A table for each kind of detail that some run has."""
    made = Section("Details of the last test score")
    for kind, title in KINDS.items():
        _add(made, kind, title, methods)
    for method in methods:
        _add_confusion(made, method)
    if not made.tables:
        made.left_out.append("details: no run that counts has logged any; a run does so after its last epoch")
    return made


def _add(made: Section, kind: str, title: str, methods: Sequence[Method]) -> None:
    prefix = f"test_{kind}/"
    known = {name for method in methods for run in method.counted for name in run.details}
    names = sorted((name.removeprefix(prefix) for name in known if name.startswith(prefix)), key=natural)
    if not names:
        return
    found = {(name, m.index): _over_seeds(m, prefix + name) for name in names for m in methods}
    rows: list[list[Cell]] = [
        [name, m.label, each.mean, each.sd, each.n]
        for name in names
        for m in methods
        if (each := found[name, m.index]).n
    ]
    made.tables.append(Table(f"details_{kind}", f"{title}: one row for a class or target and method", COLUMNS, rows))
    kept = [m for m in methods if any(found[name, m.index].n for name in names)]
    shown = [[name, *(_cell(kind, found[name, m.index]) for m in kept)] for name in names]
    unit = ", in per cent" if kind == "recall" else ""
    made.grids.append(
        Grid(["class" if kind == "recall" else "target", *(m.label for m in kept)], shown, f"{title}{unit}:")
    )


COLUMNS = ("of", "method", "mean", "sd", "n")


def _over_seeds(method: Method, name: str) -> Moments:
    return moments(run.details[name].values[-1] for run in method.counted if name in run.details)


def _cell(kind: str, found: Moments) -> str:
    if found.mean is None:
        return DASH
    return fixed(100 * found.mean) if kind == "recall" else short(found.mean)


def _add_confusion(made: Section, method: Method) -> None:
    counts: dict[tuple[int, int], float] = {}
    for run in method.counted:
        for name, series in run.details.items():
            parts = name.split("/")
            if parts[0] == "test_confusion" and len(parts) == 3:
                place = int(parts[1]), int(parts[2])
                counts[place] = counts.get(place, 0.0) + series.values[-1]
    if not counts:
        return
    rows: list[list[Cell]] = [[label, output, int(count)] for (label, output), count in sorted(counts.items())]
    title = f"confusions of {method.label}"
    made.tables.append(
        Table(f"details_confusion_{method.index}", f"{title}: counts above 0", ("label", "output", "count"), rows)
    )
    size = 1 + max(max(place) for place in counts)
    if size <= MOST_CLASSES:
        shown = [[str(i), *(str(int(counts.get((i, j), 0))) for j in range(size))] for i in range(size)]
        made.grids.append(
            Grid(["label", *map(str, range(size))], shown, f"{title}, rows by the label, summed over seeds:")
        )
