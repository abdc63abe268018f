"""The figure of steps in output space: arrows over the contours of the squared error, one panel for a sample.

The change of the output is drawn half as long as the way from the output to the label (Meulemans et al. 2020).
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from tpzoo.report.methods import Method
from tpzoo.report.plotting import MOST_COLUMNS, arrow, colour, legend, panels, plain
from tpzoo.report.runs import Run
from tpzoo.report.statistics import Numbers

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

LEVELS = 9


@dataclass(frozen=True, eq=False)
class Step:
    """What one method did to one sample; arrays of shape (2,): the first two outputs, NaN where they are not known.

    Attributes:
        place: the training step at which it was measured, and the sample of its batch.
        counts: whether its run counts for the method.
        logged_angle: in degrees, over all outputs; None if the run did not log it.
    """

    method: Method
    run: Run
    counts: bool
    place: tuple[int, str]
    output: Numbers
    label: Numbers
    change: Numbers
    logged_angle: float | None

    @property
    def is_known(self) -> bool:
        """Whether it can be drawn."""
        return bool(np.isfinite([self.output, self.label, self.change]).all())

    @property
    def arrow(self) -> Numbers | None:
        """The change, rescaled to half the distance from the output to the label; None if nothing changed."""
        length = float(np.hypot(*self.change))
        return self.change / length * np.hypot(*(self.label - self.output)) / 2 if length > 0 else None

    @property
    def angle(self) -> float:
        """Degrees between the change and the way to the label; NaN if one of them is zero or not known."""
        if self.logged_angle is not None:
            return self.logged_angle
        (x, y), (a, b) = self.change.tolist(), (self.label - self.output).tolist()
        exists = math.hypot(x, y) > 0 and math.hypot(a, b) > 0  # neither if it is not known
        return abs(math.degrees(math.atan2(a * y - b * x, a * x + b * y))) if exists else math.nan


def draw(samples: Mapping[tuple[int, str], Sequence[Step]]) -> Figure:
    """One panel for each sample."""
    figure, axes = panels([f"step {at}, sample {sample}" for at, sample in samples], size=(3.4, 3.3))
    for i, (each, steps) in enumerate(zip(axes, samples.values(), strict=True)):
        _draw_sample(each, steps)
        each.set_xlabel("first output")
        if i % MOST_COLUMNS == 0:
            each.set_ylabel("second output")
    legend(figure, axes)
    return figure


def _draw_sample(axes: Axes, steps: Sequence[Step]) -> None:
    label = steps[0].label
    low, high = _view(steps)
    x, y = np.meshgrid(*(np.linspace(low[i], high[i], 120) for i in (0, 1)))
    error = (x - label[0]) ** 2 + (y - label[1]) ** 2
    # the outermost level lies inside the view, so that all are seen
    axes.contour(x, y, error, levels=np.linspace(0, error.max(), LEVELS + 2)[1:-1], colors="0.75", linewidths=0.8)
    same = all(np.allclose(step.output, steps[0].output, rtol=1e-4, atol=1e-6) for step in steps)
    for step in steps:
        tone, moved = colour(step.method), step.arrow
        if moved is not None:
            axes.quiver(
                *step.output, *moved, **arrow(step.method), angles="xy", scale_units="xy", scale=1, width=0.012,
                label=plain(step.method.label), zorder=3,
            )  # fmt: skip
        axes.plot(*step.output, "o", color="black" if same else tone, markersize=5, zorder=4)
    axes.plot(*label, "x", color="black", markersize=8, markeredgewidth=2, zorder=4)
    axes.set(xlim=(low[0], high[0]), ylim=(low[1], high[1]), aspect="equal")
    axes.grid(visible=False)


def _view(steps: Sequence[Step]) -> tuple[Numbers, Numbers]:
    """A square around outputs, labels and arrows, with a margin."""
    points = [point for step in steps for point in (step.output, step.label, step.output + _or_zero(step.arrow))]
    low, high = np.min(points, axis=0), np.max(points, axis=0)
    reach = max(float((high - low).max()), 1e-9) * 0.65
    middle = (low + high) / 2
    return middle - reach, middle + reach


def _or_zero(arrow: Numbers | None) -> Numbers:
    return np.zeros(2) if arrow is None else arrow
