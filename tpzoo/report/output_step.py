"""Where each method's step moves the output, and how far from the way to the label (Meulemans et al. 2020, figure S3).

The probe ``output_step`` logs ``sample/output_i``, ``sample/label_i`` and ``sample/change_i`` for the first two
outputs, and ``sample/angle`` over all; runs of earlier versions have no angle, and get that of the first two outputs.
The change is what a small step on all weights does to the output. One sample may show the opposite of the mean, so that
several are drawn, and every method gets the mean of its angles over all that was logged.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np

from tpzoo.report.blocks import split
from tpzoo.report.document import Cell, Grid, ReportFigure, Section, Table, fixed
from tpzoo.report.methods import Method
from tpzoo.report.output_space import Step, draw
from tpzoo.report.runs import Run, natural
from tpzoo.report.statistics import moments, over_seeds

KIND = "output_step"
PARTS = tuple(f"{part}_{i}" for part in ("output", "label", "change") for i in (0, 1))
ALL, FIRST_TWO = "all outputs", "first two outputs"
MOST_DRAWN = 6
COLUMNS = ("sample", "method", "seed", "split_seed", "step", *PARTS, "angle", "angle_over", "counted")
ANGLE_COLUMNS = ("method", "mean_angle", "sd", "n", "samples", "angle_over")

Place = tuple[int, str]
"""A training step and a sample of its batch."""


def section(methods: Sequence[Method]) -> Section:
    """A few samples as panels, and the mean angle of every method."""
    made = Section("Steps in output space")
    steps = [step for method in methods for run in method.runs for step in steps_of(method, run)]
    if not steps:
        made.left_out.append(f"output-space figure: no run has the probe {KIND}")
        return made
    angles = list(_angles(methods, steps))
    shown = [[label, fixed(mean), fixed(sd), str(n), str(count), over] for label, mean, sd, n, count, over in angles]
    caption = "Angle between the change of the output and the way to its label: each seed's mean, moments over seeds"
    heads = ("method", "mean angle (°)", "standard deviation (°)", "seeds", "samples", "over")
    made.grids.append(Grid(heads, shown, f"{caption}."))
    rows = [row for _, row in sorted(((_order(step.place), i), _row(step)) for i, step in enumerate(steps))]
    made.tables.append(Table("output_step", "one row for a sample of a logged step and a run", COLUMNS, rows))
    made.tables.append(Table("output_step_angle", f"{caption}: one row for a method", ANGLE_COLUMNS, angles))
    _add_figure(made, steps)
    return made


def steps_of(method: Method, run: Run) -> Iterator[Step]:
    """Every sample of every logged step of a run, in their order; what was not logged is NaN."""
    counts = run in method.counted
    found: dict[Place, dict[str, float]] = {}
    for name, series in run.probes.items():
        probe, sample, part = split(name)
        if run.kind(probe) == KIND and part in (*PARTS, "angle"):
            for at, value in zip(series.steps, series.values, strict=True):
                found.setdefault((at, sample), {}).setdefault(part, value)
    for place in sorted(found, key=_order):
        values = found[place]
        output, label, change = np.array([values.get(part, math.nan) for part in PARTS]).reshape(3, 2)
        yield Step(method, run, counts, place, output, label, change, values.get("angle"))


def _order(place: Place) -> tuple[int, list[tuple[bool, int, str]]]:
    return place[0], natural(place[1])


def _over(step: Step) -> str:
    return FIRST_TWO if step.logged_angle is None else ALL


def _row(step: Step) -> list[Cell]:
    at, sample = step.place
    numbers = np.concatenate([step.output, step.label, step.change]).tolist()
    return [sample, step.method.label, *step.run.seed, at, *numbers, step.angle, _over(step), int(step.counts)]


def _angles(
    methods: Sequence[Method], steps: Sequence[Step]
) -> Iterator[tuple[str, float | None, float | None, int, int, str]]:
    """Of each seed's mean angle: mean, deviation and count, and how many samples are behind it.

    Angles over all outputs and over two are kept apart.
    """
    for method in methods:
        own = [step for step in steps if step.method is method and step.counts]
        for over in dict.fromkeys(map(_over, own)):
            chosen = [step for step in own if _over(step) == over]
            by_seed: dict[Path, list[float]] = {}
            for step in chosen:
                by_seed.setdefault(step.run.folder, []).append(step.angle)
            found, samples = over_seeds(by_seed.values()), moments(step.angle for step in chosen)
            yield method.label, found.mean, found.sd, found.n, samples.n, over


def _add_figure(made: Section, steps: Sequence[Step]) -> None:
    unknown = Counter(step.method.label for step in steps if not step.is_known)
    made.left_out.extend(
        f"arrows of {label} in {count} samples of output space: two outputs are not all known"
        for label, count in unknown.items()
    )
    chosen = _one_run_each([step for step in steps if step.is_known and step.counts])
    places = Counter(step.place for step in chosen)
    if not places:
        made.left_out.append(f"output-space figure: no run has the probe {KIND} with two outputs")
        return
    most = sorted(sorted(places, key=_order), key=lambda place: -places[place])[:MOST_DRAWN]
    drawn = {place: [step for step in chosen if step.place == place] for place in sorted(most, key=_order)}
    drawn = _alike(drawn, made.left_out)
    made.figures.append(ReportFigure("output_step", _caption(drawn, len(places)), lambda: draw(drawn)))


def _one_run_each(steps: Sequence[Step]) -> list[Step]:
    """The steps of one run of each method: of the seed that most methods have, so that they meet the same samples."""
    runs = {(step.method.index, step.run.folder): step.run for step in steps}
    seeds = Counter(run.seed for run in runs.values())
    chosen: dict[int, Run] = {}
    for (index, _), run in runs.items():
        if index not in chosen or seeds[run.seed] > seeds[chosen[index].seed]:
            chosen[index] = run
    return [step for step in steps if step.run is chosen[step.method.index]]


def _alike(drawn: dict[Place, list[Step]], left_out: list[str]) -> dict[Place, list[Step]]:
    """The steps whose label is that of the first: a panel has one label."""
    missing: Counter[tuple[str, str]] = Counter()
    kept = {}
    for place, steps in drawn.items():
        kept[place] = [step for step in steps if np.allclose(step.label, steps[0].label, rtol=1e-4, atol=1e-6)]
        missing.update((step.method.label, "its label is another") for step in steps if step not in kept[place])
        missing.update((step.method.label, "the output did not change") for step in kept[place] if step.arrow is None)
    left_out += [
        f"arrow of {label} in {count} of {len(drawn)} panels of output space: {why}"
        for (label, why), count in missing.items()
    ]
    return kept


def _caption(drawn: dict[Place, list[Step]], count: int) -> str:
    seeds = {step.method.label: step.run.seed[0] for steps in drawn.values() for step in steps}
    same = len(set(map(str, seeds.values()))) == 1
    of = f"seed {next(iter(seeds.values()))}" if same else ", ".join(f"{k}: seed {seed}" for k, seed in seeds.items())
    steps = {sample: [str(at) for at, other in drawn if other == sample] for _, sample in drawn}
    places = "; ".join(f"sample {sample} of the batch at step {', '.join(each)}" for sample, each in steps.items())
    return (
        "Contours of the squared error over the first two outputs; the dot is the output, the cross the label. Arrows"
        " show each method's change of the output, rescaled to half the distance to the label. Drawn, of"
        f" {count} logged samples ({of}), are the first that most methods have: {places}. The table of angles is over"
        " all."
    )
