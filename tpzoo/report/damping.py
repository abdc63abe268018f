"""The damping of Gauss-Newton targets that brings each method's angles down most (Meulemans et al. 2020).

The probe ``gnt_damping_search`` logs ``block/damping``: an angle in degrees. The paper reports angles at the damping
that is most favourable to each method and block.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

from tpzoo.report.blocks import in_order, split
from tpzoo.report.document import DASH, Cell, Grid, Section, Table, fixed
from tpzoo.report.methods import Method
from tpzoo.report.statistics import Moments, over_seeds

KIND = "gnt_damping_search"
COLUMNS = ("method", "probe", "block", "damping", "mean_angle", "sd", "n", "best")

Angles = dict[str, dict[float, Moments]]


def section(methods: Sequence[Method]) -> Section:
    """For every method and block the damping with the least mean angle."""
    made = Section("Damping with the least Gauss-Newton angle")
    runs = [run for method in methods for run in method.counted]
    probes = list(dict.fromkeys(each for run in runs for each in map(_probe, run.probes) if run.kind(each) == KIND))
    if not probes:
        made.left_out.append(f"table of dampings: no run has the probe {KIND}")
        return made
    rows: list[list[Cell]] = []
    for probe in probes:
        found = {method.index: search(method, probe, made.left_out) for method in methods}
        blocks = in_order({block for each in found.values() for block in each}, methods)
        kept = [method for method in methods if found[method.index]]
        shown = [
            [method.label, *(_best_cell(found[method.index].get(block, {})) for block in blocks)] for method in kept
        ]
        caption = f"{probe}: the damping, and in brackets the mean angle in degrees."
        made.grids.append(Grid(["method", *blocks], shown, caption))
        rows += [row for method in kept for row in _rows(method, probe, found[method.index], blocks)]
    made.text.append(
        "Each seed's mean over what was measured at the probe's intervals, mean over the seeds; of equal angles the"
        " smallest damping counts."
    )
    made.tables.append(Table("damping", "one row for a method, block and damping", COLUMNS, rows))
    return made


def _probe(name: str) -> str:
    return name.partition("/")[0]


def search(method: Method, probe: str, left_out: list[str]) -> Angles:
    """The angles of a method by block and damping; a name that holds no damping is noted in ``left_out``."""
    values: dict[str, dict[float, list[list[float]]]] = {}
    odd = set()
    for run in method.counted:
        for name, series in run.probes.items():
            own, block, damping = split(name)
            if own != probe or run.kind(probe) != KIND:
                continue
            try:
                values.setdefault(block, {}).setdefault(float(damping), []).append(series.at_intervals[1])
            except ValueError:
                odd.add(name)
    left_out += [f"{name} of {method.label}: its last part is no damping" for name in sorted(odd)]
    return {
        block: {each: over_seeds(found) for each, found in sorted(by.items())} for block, by in values.items() if by
    }


def best(angles: dict[float, Moments]) -> float | None:
    """The damping with the least mean angle; of equal ones the smallest."""
    known = [(found.mean, damping) for damping, found in angles.items() if found.mean is not None]
    return min(known)[1] if known else None


def _best_cell(angles: dict[float, Moments]) -> str:
    chosen = best(angles)
    return DASH if chosen is None else f"{chosen:g} ({fixed(angles[chosen].mean, 1)}°)"


def _rows(method: Method, probe: str, found: Angles, blocks: Sequence[str]) -> list[list[Cell]]:
    return [
        [method.label, probe, block, damping, each.mean, each.sd, each.n, int(damping == best(found[block]))]
        for block in blocks
        for damping, each in found.get(block, {}).items()
        if not math.isnan(damping)
    ]
