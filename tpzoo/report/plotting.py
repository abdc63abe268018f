"""How every figure looks: colours, panels, legend."""

from __future__ import annotations

import math
import textwrap
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import numpy as np

from tpzoo.report.methods import Method
from tpzoo.report.statistics import Curve

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000")
"""Okabe and Ito's palette, which colour-blind readers can tell apart; without yellow, which paper swallows."""

DASHES = ("-", "--", ":", "-.")
HATCHES = ("", "//", "..", "xx")

MOST_COLUMNS = 3
PANEL = (3.4, 2.6)
"""Width and height in inches."""

POINTS = 600
"""Points that are drawn of a longer line; the tables hold all."""


@contextmanager
def style() -> Iterator[None]:
    """The report's style; equal figures become equal files."""
    import matplotlib

    settings: Any = {
        "font.size": 9,
        "axes.titlesize": 10,
        "axes.spines.top": False,
        "axes.spines.right": False,
        "axes.grid": True,
        "grid.alpha": 0.25,
        "lines.linewidth": 1.5,
        "legend.frameon": False,
        "svg.hashsalt": "tpzoo",
        "figure.facecolor": "white",
        "savefig.facecolor": "white",
    }
    with matplotlib.rc_context():
        matplotlib.rcdefaults()
        matplotlib.rcParams.update(settings)
        yield


def colour(method: Method) -> str:
    """The colour of a method, the same in every figure."""
    return COLOURS[method.index % len(COLOURS)]


def dashes(method: Method) -> str:
    """The line style of a method: where colours repeat, it differs."""
    return DASHES[method.index // len(COLOURS) % len(DASHES)]


def arrow(method: Method) -> dict[str, Any]:
    """The look of a method's arrows: where colours repeat, they are hollow."""
    cycle = method.index // len(COLOURS)
    look = {"edgecolor": colour(method), "linewidth": 0.8, "linestyle": DASHES[max(0, cycle - 1) % len(DASHES)]}
    return {"facecolor": "white" if cycle else colour(method), **look}


def hatch(method: Method) -> str:
    """The pattern of a method's bars: where colours repeat, it differs."""
    return HATCHES[method.index // len(COLOURS) % len(HATCHES)]


def panels(
    titles: Sequence[str], share_y: bool = False, size: tuple[float, float] = PANEL
) -> tuple[Figure, list[Axes]]:
    """A figure with one panel for each title, in rows of at most three."""
    from matplotlib.figure import Figure

    columns = min(len(titles), MOST_COLUMNS)
    rows = math.ceil(len(titles) / columns)
    width = max(columns * size[0], 1.5 * PANEL[0])
    figure = Figure(figsize=(width, rows * size[1]), layout="constrained")
    grid = figure.subplots(rows, columns, squeeze=False, sharey=share_y)
    axes = [each for row in grid for each in row]
    for spare in axes[len(titles) :]:
        spare.remove()
    for each, title in zip(axes, titles, strict=False):
        each.set_title(plain(title))
    return figure, axes[: len(titles)]


def legend(figure: Figure, axes: Sequence[Axes]) -> None:
    """One legend for all panels, below them."""
    found: dict[str, Any] = {}
    for each in axes:
        handles, labels = each.get_legend_handles_labels()
        for handle, label in zip(handles, labels, strict=True):
            found.setdefault(label, handle)
    if not found:
        return
    labels = [wrapped(label) for label in found]
    longest = max(len(line) for label in labels for line in label.splitlines())
    fitting = int(figure.get_figwidth() * 72 / (longest * 5.2 + 36))
    columns = max(1, min(fitting, len(labels)))
    lines = max(label.count("\n") + 1 for label in labels) * math.ceil(len(labels) / columns)
    figure.set_figheight(figure.get_figheight() + 0.2 + 0.19 * lines)  # so that it takes nothing from the panels
    figure.legend(list(found.values()), labels, loc="outside lower center", ncols=columns)


def wrapped(label: str, width: int = 40) -> str:
    """A label in lines that fit a legend."""
    return textwrap.fill(label, width, break_long_words=False, break_on_hyphens=False)


def plain(text: str) -> str:
    """Text that matplotlib takes for neither mathematics nor, as a label, for a secret."""
    return f" {text}".replace("$", "\\$") if text.startswith("_") else text.replace("$", "\\$")


def draw_curve(axes: Axes, line: Curve, method: Method, marker: str = "") -> None:
    """A line with a band of one standard deviation."""
    shown = np.unique(np.linspace(0, len(line.x) - 1, POINTS).round().astype(int))
    x, mean, sd = line.x[shown], line.mean[shown], line.sd[shown]
    lonely = np.isfinite(mean).sum() == 1  # a line of one point would be invisible
    axes.plot(
        x, mean, color=colour(method), linestyle=dashes(method), label=plain(method.label),
        marker="o" if lonely else marker, markersize=3,
    )  # fmt: skip
    axes.fill_between(x, mean - sd, mean + sd, color=colour(method), alpha=0.18, linewidth=0)


def logarithmic(axes: Axes, lines: Sequence[Curve], span: float = 30.0) -> None:
    """A logarithmic axis where positive means span more than a factor of ``span``."""
    means = np.concatenate([line.mean[np.isfinite(line.mean)] for line in lines] or [np.zeros(0)])
    if len(means) and means.min() > 0 and means.max() > span * means.min():
        axes.set_yscale("log", nonpositive="clip")
