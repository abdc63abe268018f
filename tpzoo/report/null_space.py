"""How much of an update has no effect on the output (Meulemans et al. 2020, figure 2)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np

from tpzoo.report import last_epoch
from tpzoo.report.blocks import by_block, in_order, measures_of, steps_table
from tpzoo.report.document import Cell, ReportFigure, Section, Table
from tpzoo.report.methods import Method
from tpzoo.report.plotting import MOST_COLUMNS, PANEL, colour, hatch, legend, panels, plain
from tpzoo.report.statistics import Moments, over_seeds

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

KIND = "null_space_ratio"
COLUMNS = ("probe", "block", "method", "mean", "sd", "n")

Bars = Mapping[str, Mapping[int, Moments]]


def section(methods: Sequence[Method]) -> Section:
    """One group of bars for a block, one bar for a method: each seed's mean over its steps, moments over the seeds."""
    made = Section("Null-space component of the updates")
    rows: list[list[Cell]] = []
    titles: dict[str, Bars] = {}
    for measure in measures_of(methods, KIND):
        found = by_block(methods, measure)
        if measure.is_side:
            made.tables.append(steps_table(measure, methods))
            continue
        ordered = in_order(found, methods)
        bars = {
            block: {i: over_seeds(each.at_intervals[1] for each in seeds) for i, seeds in found[block].items()}
            for block in ordered
        }
        titles[measure.title] = bars
        series = {block: found[block] for block in ordered}
        table, grids = last_epoch.tables(measure.title, measure.file, series, methods)
        made.tables.append(table)
        made.grids.extend(grids)
        for block, by_method in bars.items():
            for i, bar in by_method.items():
                rows.append([measure.title, block, methods[i].label, bar.mean, bar.sd, bar.n])
    if not titles:
        made.left_out.append(f"null-space bars: no run has the probe {KIND}")
        return made
    made.tables.insert(0, Table("null_space_ratio", "one row for a block and method", COLUMNS, rows))
    caption = "Share of each update that lies in the null space of the output's Jacobian: each seed's mean over"
    made.figures.append(
        ReportFigure(
            "null_space_ratio",
            f"{caption} what was measured at the probe's intervals, mean and standard deviation over the seeds.",
            lambda: draw(titles, methods),
        )
    )
    return made


def draw(titles: Mapping[str, Bars], methods: Sequence[Method]) -> Figure:
    """One panel for a probe."""
    groups = max(len(bars) for bars in titles.values())
    count = len({i for bars in titles.values() for each in bars.values() for i in each})
    widest = PANEL[0] * MOST_COLUMNS / min(len(titles), MOST_COLUMNS)
    width = max(PANEL[0], min(widest, 0.6 + groups * (0.3 + 0.16 * count)))
    figure, axes = panels(list(titles), size=(width, PANEL[1]))
    for each, bars in zip(axes, titles.values(), strict=True):
        _draw_bars(each, bars, methods)
    legend(figure, axes)
    return figure


def _draw_bars(axes: Axes, bars: Bars, methods: Sequence[Method]) -> None:
    shown = sorted({i for each in bars.values() for i in each})
    width = 0.8 / len(shown)
    for place, i in enumerate(shown):
        method = methods[i]
        x = [group + (place - (len(shown) - 1) / 2) * width for group, each in enumerate(bars.values()) if i in each]
        found = [each[i] for each in bars.values() if i in each]
        heights = [np.nan if bar.mean is None else bar.mean for bar in found]
        spread = [bar.sd or 0.0 for bar in found]
        axes.bar(
            x, heights, 0.9 * width, yerr=spread, label=plain(method.label), color=colour(method), hatch=hatch(method),
            error_kw={"elinewidth": 1, "capsize": 2},
        )  # fmt: skip
    axes.set_xticks(range(len(bars)), [plain(block) for block in bars])
    axes.grid(axis="x", visible=False)
    axes.set_ylabel("null-space ratio")
    axes.set_ylim(bottom=0)
