"""Probes that measure every block: angles to backpropagation or to Gauss-Newton, alignment, reconstruction losses.

Meulemans et al. 2020, figures 4 and S4 to S7: one panel for a block, without the output block. The bands are of the
seeds alone; the paper's rolling means over 30 logged steps are ``--smooth 30``.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from tpzoo.report import last_epoch
from tpzoo.report.document import Cell, ReportFigure, Section, Table
from tpzoo.report.methods import Method
from tpzoo.report.metrics import Series
from tpzoo.report.plotting import MOST_COLUMNS, draw_curve, legend, logarithmic, panels
from tpzoo.report.runs import Run, natural
from tpzoo.report.statistics import Curve, curve, smoothing

if TYPE_CHECKING:
    from matplotlib.figure import Figure

OWN_FIGURE = ("null_space_ratio", "output_step", "gnt_damping_search")
"""Probes that are shown in another way."""

OF_EVERY_BLOCK = ("bp_angle", "gn_angle", "null_space_ratio")
"""Probes that name every block that is trained, the output block included."""

SIDE = ("se", "samples", "cut")
"""Ends of what stands beside a figure: standard errors, samples behind it, singular values that count as zero."""

FIRST, LAST = ("stem", "input", "embed", "patch"), ("head", "output", "out", "classifier")
"""Names of blocks that stand first or last, for runs whose folder does not list the blocks in order."""

NETWORK = "network: "
"""Stands before the name of a figure that is of the whole network, where a block would stand."""

MOST_PANELS = 36


@dataclass(frozen=True)
class Measure:
    """One quantity that a probe measures of every block.

    Attributes:
        probe: what the configs call it.
        kind: the probe's name in the catalogue.
        quantity: what stands after the block, such as ``bias`` or ``angle``; may be empty.
        learner: whose loss it is, of kind ``reconstruction``: losses of two learners are not alike.
    """

    probe: str
    kind: str
    quantity: str
    learner: str = ""

    @property
    def title(self) -> str:
        """``bp_angle``, ``weight_alignment: distance`` or ``reconstruction of drl``."""
        probe = f"{self.probe} of {self.learner}" if self.learner else self.probe
        return f"{probe}: {self.quantity}" if self.quantity else probe

    @property
    def file(self) -> str:
        """The title as the name of a file."""
        return self.title.replace(": ", "_").replace("/", "_").replace(" ", "_")

    @property
    def is_side(self) -> bool:
        """Whether it only says how sure another quantity is: it stands in a table of its own and nowhere else."""
        return self.quantity.rsplit("/", 1)[-1].endswith(SIDE)

    @property
    def is_angle(self) -> bool:
        """Whether its values are degrees."""
        own = self.quantity.rsplit("/", 1)[-1]
        if self.is_side:
            return False
        return own.endswith("angle") or (self.kind.endswith("angle") and own not in ("ratio", "distance"))

    @property
    def is_of_updates(self) -> bool:
        """Whether it is an angle of a block's update or target, which the paper draws without the output block."""
        return self.kind.endswith("angle") and self.is_angle

    @property
    def unit(self) -> str:
        """What stands at the axis."""
        return "degrees" if self.is_angle else "loss" if self.kind == "reconstruction" else self.quantity or self.probe


def split(name: str) -> tuple[str, str, str]:
    """``probe/block/quantity`` in its parts; the last may be empty."""
    probe, _, rest = name.partition("/")
    block, _, quantity = rest.partition("/")
    return probe, block, quantity


def measure_of(run: Run, name: str) -> Measure:
    """What a run's metric ``probe/block/quantity`` is one value of."""
    probe, _, quantity = split(name)
    kind = run.kind(probe)
    return Measure(probe, kind, quantity, run.learner if kind == "reconstruction" else "")


def by_block(methods: Sequence[Method], measure: Measure) -> dict[str, dict[int, list[Series]]]:
    """The series of one quantity by block, then by the method's index: one for a seed.

    What is of no block is of the whole network, and stands as ``network: name``.
    """
    found: dict[str, dict[int, list[Series]]] = {}
    for block, method, _, series in by_run(methods, measure):
        found.setdefault(block, {}).setdefault(method.index, []).append(series)
    return found


def by_run(methods: Sequence[Method], measure: Measure) -> Iterator[tuple[str, Method, Run, Series]]:
    """The series of one quantity with its block, its method and its run."""
    whole = _of_the_network(methods)
    for method in methods:
        for run in method.counted:
            for name, series in run.probes.items():
                part, block, _ = split(name)
                if measure_of(run, name) == measure:
                    of_all = (part, block) in whole and not _is_block(block, run)
                    yield f"{NETWORK}{block}" if of_all else block, method, run, series


def _of_the_network(methods: Iterable[Method]) -> set[tuple[str, str]]:
    """Probes and names that are of no block, by the runs whose folders list their blocks."""
    runs = [run for method in methods for run in method.runs if run.blocks]
    return {split(name)[:2] for run in runs for name in run.probes if not _is_block(split(name)[1], run)}


def _is_block(name: str, run: Run) -> bool:
    """Whether it is a block, or a layer ``block.layer`` of one."""
    return name.split(".")[0] in run.blocks


def blocks_of(run: Run) -> list[str]:
    """The blocks of a run from input to output; empty if nothing tells them.

    Where the folder does not list them, they are those that some probes name, in the order that their names suggest.
    """
    if run.blocks:
        return list(run.blocks)
    named = {split(name)[1] for name in run.probes if run.kind(split(name)[0]) in OF_EVERY_BLOCK}
    return sorted(named, key=_sense) if len(named) > 1 else []  # the only one that is trained need not be the last


def _sense(block: str) -> tuple[int, list[tuple[bool, int, str]]]:
    return block.startswith(LAST) - block.startswith(FIRST), natural(block)


def in_order(blocks: Iterable[str], methods: Iterable[Method]) -> list[str]:
    """Blocks from input to output; a layer ``block.layer`` stands where its block does."""
    known = list(dict.fromkeys(block for method in methods for run in method.runs for block in run.blocks))
    places = {block: i for i, block in enumerate(known)}
    return sorted(blocks, key=lambda each: (places.get(each.split(".")[0], len(places)), _sense(each)))


def without_output(methods: Sequence[Method], found: dict[str, dict[int, list[Series]]]) -> dict[str, set[int]]:
    """The methods' indices by block, without each method's output block."""
    last = {method.index: blocks[-1] for method in methods if (blocks := blocks_of(method.counted[0]))}
    kept = {
        block: {index for index in lines if last.get(index) != block.split(".")[0]} for block, lines in found.items()
    }
    return {block: indices for block, indices in kept.items() if indices}


def measures(methods: Iterable[Method]) -> list[Measure]:
    """Everything that a probe measures of every block, in the order of the configs."""
    found: dict[Measure, None] = {}
    for method in methods:
        for run in method.counted:
            for name in run.probes:
                found[measure_of(run, name)] = None
    return list(found)


def measures_of(methods: Iterable[Method], kind: str) -> list[Measure]:
    """What one kind of probe measures."""
    return [measure for measure in measures(methods) if measure.kind == kind]


def sections(methods: Sequence[Method], smooth: int = 1) -> list[Section]:
    """Angles, reconstruction losses, and what other probes measure."""
    found = [measure for measure in measures(methods) if measure.kind not in OWN_FIGURE]
    losses = [measure for measure in found if measure.kind == "reconstruction"]
    angles = [measure for measure in found if measure.is_angle]
    others = [measure for measure in found if measure not in losses and measure not in angles]
    return [
        _section(
            "Alignment of the blocks", angles, methods, "angles: no run has a probe of angles, such as bp_angle", smooth
        ),
        _section(
            "Reconstruction losses",
            losses,
            methods,
            "reconstruction losses: no run has the probe reconstruction",
            smooth,
        ),
        _section("Other probes", others, methods, "", smooth),
    ]


def _section(title: str, chosen: Sequence[Measure], methods: Sequence[Method], otherwise: str, smooth: int) -> Section:
    made = Section(title)
    if not chosen and otherwise:
        made.left_out.append(otherwise)
    for measure in chosen:
        _add(made, measure, methods, smooth)
    if made.tables:
        made.text.append(
            "Means over the seeds; the bands are one standard deviation over the seeds, none for one seed."
        )
    if any(measure.is_of_updates for measure in chosen):
        made.text.append("Angles of updates are drawn without the output block, which the tables hold.")
    return made


def _add(made: Section, measure: Measure, methods: Sequence[Method], smooth: int) -> None:
    if measure.is_side:
        made.tables.append(steps_table(measure, methods))
        return
    found = by_block(methods, measure)
    lines = {
        block: {index: curve([(each.steps, each.values) for each in seeds], smooth) for index, seeds in each.items()}
        for block in in_order(found, methods)
        for each in [found[block]]
    }
    name = measure.file
    made.tables.append(steps_table(measure, methods))
    table, grids = last_epoch.tables(measure.title, name, {block: found[block] for block in lines}, methods)
    made.tables.append(table)
    made.grids.extend(grids if measure.is_of_updates else [])
    kept = without_output(methods, found) if measure.is_of_updates else {block: set(found[block]) for block in lines}
    drawn = {block: {i: lines[block][i] for i in lines[block] if i in kept[block]} for block in lines if block in kept}
    missing = {method.index for method in methods} - {index for each in found.values() for index in each}
    if missing:
        labels = ", ".join(methods[index].label for index in sorted(missing))
        made.left_out.append(f"{measure.title}: was not measured for {labels}")
    if not drawn or len(drawn) > MOST_PANELS:
        why = f"{len(drawn)} panels are too many" if drawn else "only the output block was measured"
        made.left_out.append(f"figure of {measure.title}: {why}; see tables/{name}.csv")
        return
    caption = f"{measure.title}, over the training steps.{smoothing(smooth)}"
    made.figures.append(ReportFigure(name, caption, lambda: draw(measure, drawn, methods)))


COLUMNS = ("block", "method", "seed", "split_seed", "epoch", "step", "value")


def steps_table(measure: Measure, methods: Sequence[Method]) -> Table:
    """What every run logged, block by block; the last step of a run included."""
    rows = list(_rows(measure, methods))
    return Table(measure.file, f"{measure.title}: one row for a block, run and step", COLUMNS, rows)


def _rows(measure: Measure, methods: Sequence[Method]) -> Iterator[list[Cell]]:
    found = list(by_run(methods, measure))
    for block in in_order({each[0] for each in found}, methods):
        for _, method, run, series in (each for each in found if each[0] == block):
            for values in zip(series.epochs, series.steps, series.values, strict=True):
                yield [block, method.label, *run.seed, *values]


def draw(measure: Measure, lines: dict[str, dict[int, Curve]], methods: Sequence[Method]) -> Figure:
    """One panel for a block, one line for a method."""
    figure, axes = panels(list(lines), share_y=measure.is_angle)
    for i, (each, curves) in enumerate(zip(axes, lines.values(), strict=True)):
        for index, line in curves.items():
            draw_curve(each, line, methods[index])
        each.set_xlabel("training step")
        each.locator_params(axis="x", nbins=5)
        if i % MOST_COLUMNS == 0:
            each.set_ylabel(measure.unit)
        if measure.is_angle:
            each.axhline(90, color="grey", linestyle=":", linewidth=1, zorder=0)
        else:
            logarithmic(each, list(curves.values()))
    if measure.is_angle:
        axes[0].set_ylim(-3, max(95, axes[0].get_ylim()[1]))  # of all panels: a line at 0 is to be seen
    legend(figure, axes)
    return figure
