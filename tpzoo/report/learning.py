"""Learning curves: of methods, as a section of a report, and of one run, as a file of its own.

python -m tpzoo.report.learning RUN_FOLDER figure.png
"""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from tpzoo.errors import DataError, TpzooError
from tpzoo.report.document import Cell, ReportFigure, Section, Table
from tpzoo.report.methods import Method
from tpzoo.report.metrics import Series, read_metrics
from tpzoo.report.plotting import draw_curve, legend, logarithmic, panels
from tpzoo.report.results import errors, is_regression, values
from tpzoo.report.runs import Run
from tpzoo.report.statistics import Curve, curve, smoothing

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

ANGLE = "bp_angle/"
USAGE = "python -m tpzoo.report.learning RUN_FOLDER figure.png"
MEASURES = {
    "validation error (%)": ("valid_accuracy", False),
    "test error (%)": ("test_accuracy", False),
    "validation loss": ("valid_loss", True),
    "test loss": ("test_loss", True),
    "train loss": ("train_loss", None),
}
"""By title: the metric, and whether it is for regressions; None: for all."""


def section(methods: Sequence[Method], smooth: int = 1) -> Section:
    """One panel for each measure, one line for a method."""
    left_out = []
    found: dict[str, list[tuple[Method, Curve]]] = {}
    for title, (name, regression) in MEASURES.items():
        lines = [(method, line) for method in methods if (line := _line(method, name, regression, smooth)) is not None]
        if lines:
            found[title] = lines
    if not found:
        left_out.append("learning curves: no run has metrics of an epoch")
    elif not any(title.startswith("validation") for title in found):
        left_out.append("validation curves: no run has validation data")
    caption = f"{CAPTION}{smoothing(smooth)}"
    figures = [ReportFigure("learning_curves", caption, lambda: draw(found))] if found else []
    tables = [Table("learning_curves", "one row for a measure, run and epoch", COLUMNS, list(_rows(methods)))]
    return Section("Learning curves", figures=figures, tables=tables if found else [], left_out=left_out)


COLUMNS = ("measure", "method", "seed", "split_seed", "epoch", "value")
CAPTION = "Means over the seeds; the bands are one standard deviation over the seeds, none for one seed."


def _line(method: Method, name: str, regression: bool | None, smooth: int) -> Curve | None:
    if regression is not None and is_regression(method.counted[0]) != regression:
        return None
    seeds = [(list(each), list(each.values())) for run in method.counted if (each := _values(run, name))]
    return curve(seeds, smooth) if seeds else None


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


def _rows(methods: Sequence[Method]) -> Iterator[list[Cell]]:
    """What every run reached, measure by measure."""
    for title, (name, regression) in MEASURES.items():
        for method in methods:
            if regression is None or is_regression(method.counted[0]) == regression:
                for run in method.counted:
                    for epoch, value in _values(run, name).items():
                        yield [title, method.label, *run.seed, epoch, value]


def draw_run(run: Path, out: Path) -> Path:
    """Draw one run, that in folder ``run``: its learning curve, and the angles of ``bp_angle`` if it has them.

    The file is ``out``; its ending decides the format (png, svg, pdf).

    Raises:
        DataError: the run has no metrics, or matplotlib knows no such format.
    """
    import matplotlib

    matplotlib.use("Agg")  # no window is wanted, and none may be there
    from matplotlib import pyplot

    epochs, probes = read_metrics(run, "epoch"), read_metrics(run, "probe")
    angles = {name.removeprefix(ANGLE): series for name, series in probes.items() if name.startswith(ANGLE)}
    figure, axes = pyplot.subplots(1, 2 if angles else 1, figsize=(10 if angles else 5, 4), squeeze=False)
    try:
        draw_learning_curve(axes[0][0], epochs)
        if angles:
            draw_angles(axes[0][1], angles)
        figure.tight_layout()
        figure.savefig(out, dpi=120)
    except ValueError as error:
        raise DataError(f"{out} cannot be drawn: {error}", "let its name end in .png, .svg or .pdf") from error
    finally:
        pyplot.close(figure)
    return out


def draw_learning_curve(axes: Axes, series: Mapping[str, Series]) -> None:
    """Accuracies in per cent over the epochs; losses where there are no accuracies."""
    accuracies = {name: each for name, each in series.items() if name.endswith("accuracy")}
    chosen = accuracies or {name: each for name, each in series.items() if name.endswith("loss")}
    for name, each in chosen.items():
        scale = 100 if accuracies else 1
        label = name.replace("_accuracy", "").replace("_", " ")
        axes.plot(each.epochs, [scale * value for value in each.values], marker=".", label=label)
    axes.set(xlabel="epoch", ylabel="accuracy (%)" if accuracies else "loss", title="learning curve")
    axes.grid(alpha=0.3)
    if chosen:
        axes.legend()


def draw_angles(axes: Axes, series: Mapping[str, Series]) -> None:
    """Degrees by block over the training steps; 90 is no agreement at all."""
    for name, each in series.items():
        axes.plot(each.steps, each.values, label=name)
    axes.axhline(90, color="grey", linestyle=":", linewidth=1, label="no agreement")
    axes.set(xlabel="step", ylabel="degrees", title="angle of each block's update to backprop", ylim=(-3, None))
    axes.grid(alpha=0.3)
    axes.legend()


def main(arguments: list[str]) -> int:
    """The command line of this module; returns its exit code."""
    if len(arguments) != 2:
        print(USAGE, file=sys.stderr)
        return 2
    try:
        print(f"learning curve and angles: {draw_run(Path(arguments[0]), Path(arguments[1]))}")
    except TpzooError as error:
        print(f"Error: {error}", file=sys.stderr)
        return error.exit_code
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
