"""Where each method's step moves the output of one example (Meulemans et al. 2020, figure S3).

The probe ``output_step`` logs ``sample/output_i``, ``sample/label_i`` and ``sample/change_i`` for the first two
outputs. The change is what a small step on all weights does to the output; it is drawn half as long as the way from the
output to the label, over the contours of the squared error.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from tpzoo.report.blocks import split
from tpzoo.report.document import Cell, Picture, Section, Table
from tpzoo.report.methods import Method
from tpzoo.report.plotting import MOST_COLUMNS, arrow, colour, legend, panels, plain
from tpzoo.report.runs import Run, natural
from tpzoo.report.statistics import Numbers

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

KIND = "output_step"
PARTS = ("output", "label", "change")
LEVELS = 9
COLUMNS = ("sample", "method", "seed", "step", "output_0", "output_1", "label_0", "label_1", "change_0", "change_1")


@dataclass(frozen=True)
class Step:
    """What one method did to one example; arrays of shape (2,).

    Attributes:
        at: the training step at which it was measured.
    """

    method: Method
    run: Run
    at: int
    output: Numbers
    label: Numbers
    change: Numbers

    @property
    def arrow(self) -> Numbers | None:
        """The change, rescaled to half the distance from the output to the label; None if nothing changed."""
        length = float(np.hypot(*self.change))
        return self.change / length * np.hypot(*(self.label - self.output)) / 2 if length > 0 else None


def section(methods: Sequence[Method]) -> Section:
    """One panel for each sample."""
    made = Section("Steps in output space")
    found = [(sample, step) for method in methods for sample, step in steps_of(method, made.left_out)]
    samples = {name: [step for own, step in found if own == name] for name, _ in found}
    samples = {name: samples[name] for name in sorted(samples, key=natural)}
    if not samples:
        made.left_out.append(f"output-space figure: no run has the probe {KIND} with two outputs")
        return made
    made.tables.append(Table("output_step", "one row for a sample and method", COLUMNS, list(_rows(samples))))
    drawn = {name: _alike(name, steps, made.left_out) for name, steps in samples.items()}
    caption = (
        "Contours of the squared error over the first two outputs; the dot is the output, the cross the label. Arrows"
        " show each method's change of the output, rescaled to half the distance to the label: of its first run, at"
        " the first logged step."
    )
    made.pictures.append(Picture("output_step", caption, lambda: draw(drawn)))
    return made


def steps_of(method: Method, left_out: list[str]) -> Iterator[tuple[str, Step]]:
    """The samples of a method's first run that has some, at the first logged step."""
    for run in method.runs:
        names = [name for name in run.probes if run.kind(split(name)[0]) == KIND]
        samples = dict.fromkeys(split(name)[:2] for name in names)
        for probe, sample in samples:
            series = {part: [run.probes.get(f"{probe}/{sample}/{part}_{i}") for i in (0, 1)] for part in PARTS}
            values = {part: [each.values[0] for each in pair if each is not None] for part, pair in series.items()}
            if any(len(pair) < 2 or not np.isfinite(pair).all() for pair in values.values()):
                left_out.append(f"output step of sample {sample} of {method.label}: two outputs are not all known")
                continue
            output, label, change = (np.array(values[part]) for part in PARTS)
            first = run.probes[f"{probe}/{sample}/output_0"]
            yield sample, Step(method, run, first.steps[0], output, label, change)
        if samples:
            return


def _alike(sample: str, steps: Sequence[Step], left_out: list[str]) -> list[Step]:
    """The steps whose label is that of the first: a panel has one label."""
    alike = [step for step in steps if np.allclose(step.label, steps[0].label, rtol=1e-4, atol=1e-6)]
    for step in steps:
        if step not in alike:
            left_out.append(f"arrow of {step.method.label} in sample {sample}: its label is another")
        elif step.arrow is None:
            left_out.append(f"arrow of {step.method.label} in sample {sample}: the output did not change")
    return alike


def _rows(samples: dict[str, list[Step]]) -> Iterator[list[Cell]]:
    for sample, steps in samples.items():
        for each in steps:
            numbers = np.concatenate([each.output, each.label, each.change]).tolist()
            yield [sample, each.method.label, each.run.seed[0], each.at, *numbers]


def draw(samples: dict[str, list[Step]]) -> Figure:
    """One panel for each sample."""
    figure, axes = panels([f"sample {plain(sample)}" for sample in samples], size=(3.4, 3.3))
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
