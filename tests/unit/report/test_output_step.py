"""Steps in output space: arrows, contours and which sample is whose."""

from __future__ import annotations

import io
import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from matplotlib.contour import ContourSet
from matplotlib.quiver import Quiver

from tests.support.run_folders import write_run
from tpzoo.report import output_step
from tpzoo.report.document import Section
from tpzoo.report.methods import Method, make_methods
from tpzoo.report.runs import find_runs

Pair = tuple[float, float]


def methods_in(folder: Path) -> list[Method]:
    return make_methods(find_runs([folder]).runs)[0]


def sample(
    number: int, output: Pair, label: Pair, change: Pair, at: int = 3, angle: float | None = None
) -> dict[str, dict[int, float]]:
    """One sample of one step; without an angle, as runs of earlier versions log it."""
    parts = {"output": output, "label": label, "change": change}
    found = {f"output_step/{number}/{part}_{i}": {at: pair[i]} for part, pair in parts.items() for i in (0, 1)}
    return found if angle is None else {**found, f"output_step/{number}/angle": {at: angle}}


def logged(*samples: dict[str, dict[int, float]]) -> dict[str, dict[int, float]]:
    """Several of them in one run."""
    found: dict[str, dict[int, float]] = {}
    for each in samples:
        for name, values in each.items():
            found.setdefault(name, {}).update(values)
    return found


def rows(section: Section, table: int) -> list[dict[str, Any]]:
    made = section.tables[table]
    return [dict(zip(made.columns, row, strict=True)) for row in made.rows]


def angles_of(section: Section) -> dict[tuple[str, str], tuple[Any, ...]]:
    return {
        (row["method"], row["angle_over"]): (row["mean_angle"], row["sd"], row["n"], row["samples"])
        for row in rows(section, 1)
    }


def test_arrows_are_half_as_long_as_the_way_to_the_label(tmp_path: Path) -> None:
    # from (1, 1) to (4, 5) is 5; the change (3e-6, 4e-6) of length 5e-6 becomes (1.5, 2)
    write_run(tmp_path / "a", name="a", probes=sample(0, (1, 1), (4, 5), (3e-6, 4e-6)))
    write_run(tmp_path / "b", name="b", probes=sample(0, (1, 1), (4, 5), (0, -2e-9)))
    section = output_step.section(methods_in(tmp_path))
    assert section.left_out == []
    (axes,) = section.figures[0].draw().axes
    arrows = [each for each in axes.collections if isinstance(each, Quiver)]
    found = [(*each.XY[0].tolist(), *np.ravel([each.U, each.V]).tolist()) for each in arrows]
    assert found == [pytest.approx((1, 1, 1.5, 2.0)), pytest.approx((1, 1, 0, -2.5))]
    dots = [tuple(np.ravel([line.get_xdata(), line.get_ydata()])) for line in axes.lines]
    assert dots == [(1, 1), (1, 1), (4, 5)]  # outputs, then the label
    numbers = (1.0, 1.0, 4.0, 5.0, 3e-6, 4e-6, pytest.approx(0, abs=1e-12))
    assert section.tables[0].rows[0] == ["0", "a", 0, 0, 3, *numbers, "first two outputs", 1]


def test_nine_contours_are_circles_around_the_label(tmp_path: Path) -> None:
    write_run(tmp_path / "a", probes=sample(0, (1, 1), (4, 5), (1e-6, 0)))
    (axes,) = output_step.section(methods_in(tmp_path)).figures[0].draw().axes
    (contours,) = [each for each in axes.collections if isinstance(each, ContourSet)]
    assert len(contours.levels) == 9
    assert all(len(path.vertices) for path in contours.get_paths())
    for level, path in zip(contours.levels, contours.get_paths(), strict=True):
        radii = np.hypot(*(np.asarray(path.vertices) - (4, 5)).T)
        assert radii == pytest.approx(np.sqrt(level), rel=1e-3)
    assert axes.get_aspect() == 1.0


def test_one_panel_for_each_sample_in_their_order(tmp_path: Path) -> None:
    probes = {}
    for number in (10, 2, 0):
        probes |= sample(number, (0, 0), (1, number), (1e-6, 0))
    write_run(tmp_path / "a", probes=probes)
    figure = output_step.section(methods_in(tmp_path)).figures[0].draw()
    assert [axes.get_title() for axes in figure.axes] == ["step 3, sample 0", "step 3, sample 2", "step 3, sample 10"]


def test_every_logged_step_is_in_the_table_and_in_the_mean_angle(tmp_path: Path) -> None:
    # to the label it is (1, 0): changes at 45, -45 and 180 degrees; the other method at 0, 90, 90; means 90 and 60
    turned = {
        "bp": [(1, 1), (1, -1), (-1, 0)],
        "gn": [(2, 0), (0, 3), (0, -1)],
    }  # fmt: skip
    for name, changes in turned.items():
        steps = [sample(0, (at, 0), (at + 1, 0), change, at=at) for at, change in enumerate(changes)]
        write_run(tmp_path / name, name=name, probes=logged(*steps))
    section = output_step.section(methods_in(tmp_path))
    made = rows(section, 0)
    assert [(row["step"], row["method"]) for row in made] == [(at, name) for at in range(3) for name in ("bp", "gn")]
    assert [row["angle"] for row in made] == pytest.approx([45, 0, 45, 90, 180, 90])
    assert [row["output_0"] for row in made] == [0, 0, 1, 1, 2, 2]
    bp, gn = (angles_of(section)[name, "first two outputs"] for name in ("bp", "gn"))
    assert bp == (pytest.approx(90), None, 1, 3)
    assert gn == (pytest.approx(60), None, 1, 3)
    (grid,) = section.grids
    assert grid.rows[0] == ["bp", "90.00", "\N{EN DASH}", "1", "3", "first two outputs"]
    assert len(section.figures[0].draw().axes) == 3


def test_a_logged_angle_is_over_all_outputs_and_is_kept_apart(tmp_path: Path) -> None:
    way: tuple[Pair, Pair] = ((0, 0), (1, 0))
    write_run(tmp_path / "0", seed=0, probes=sample(0, *way, (0, 1)))
    write_run(tmp_path / "1", seed=1, probes=logged(*(sample(0, *way, (0, 1), at=at, angle=40.0) for at in (1, 2))))
    section = output_step.section(methods_in(tmp_path))
    assert angles_of(section) == {
        ("demo", "first two outputs"): (pytest.approx(90), None, 1, 1), ("demo", "all outputs"): (40, None, 1, 2),
    }  # fmt: skip


def test_an_angle_that_does_not_exist_is_in_no_mean(tmp_path: Path) -> None:
    steps = [sample(0, (0, 0), (1, 0), (0, 0)), sample(0, (1, 0), (1, 0), (1, 1), at=4)]
    steps += [sample(0, (0, 0), (1, 0), (0, 2), at=5), sample(1, (0, 0), (1, 0), (math.nan, 2), at=5)]
    write_run(tmp_path / "a", probes=logged(*steps))
    section = output_step.section(methods_in(tmp_path))
    assert angles_of(section)["demo", "first two outputs"] == (pytest.approx(90), None, 1, 1)
    assert [math.isnan(row["angle"]) for row in rows(section, 0)] == [True, True, False, True]


def test_angles_of_a_single_output_have_no_figure(tmp_path: Path) -> None:
    write_run(tmp_path / "a", probes={"output_step/0/output_0": {1: 1.0}, "output_step/0/angle": {1: 180.0}})
    section = output_step.section(methods_in(tmp_path))
    assert angles_of(section) == {("demo", "all outputs"): (180, None, 1, 1)}
    assert section.figures == []
    assert section.left_out == [
        "arrows of demo in 1 samples of output space: two outputs are not all known",
        "output-space figure: no run has the probe output_step with two outputs",
    ]


def test_the_first_steps_that_most_methods_have_are_drawn_and_named(tmp_path: Path) -> None:
    # of 1..9 and of 2, 4, ..., 18 both have 2, 4, 6, 8; then come the first of either
    for name, steps in (("a", range(1, 10)), ("b", range(2, 20, 2))):
        probes = logged(*(sample(0, (0, 0), (1, 1), (1, 0), at=at) for at in steps))
        write_run(tmp_path / name, name=name, seed=5, probes=probes)
    section = output_step.section(methods_in(tmp_path))
    shown = [axes.get_title() for axes in section.figures[0].draw().axes]
    assert shown == [f"step {at}, sample 0" for at in (1, 2, 3, 4, 6, 8)]
    assert "sample 0 of the batch at step 1, 2, 3, 4, 6, 8." in section.figures[0].caption
    assert "of 14 logged samples (seed 5)" in section.figures[0].caption
    assert len(section.tables[0].rows) == 18


def test_a_seed_that_most_methods_have_is_drawn_and_all_are_counted(tmp_path: Path) -> None:
    write_run(tmp_path / "a" / "0", name="a", seed=0)
    for name, seeds in (("a", (1, 2)), ("b", (2, 3))):
        for seed in seeds:
            probes = sample(0, (0, 0), (seed, 9), (seed, 0))
            write_run(tmp_path / name / str(seed), name=name, seed=seed, probes=probes)
    section = output_step.section(methods_in(tmp_path))
    assert section.left_out == []
    assert "(seed 2)" in section.figures[0].caption
    (axes,) = section.figures[0].draw().axes
    assert len([each for each in axes.collections if isinstance(each, Quiver)]) == 2
    assert [(row["method"], row["seed"]) for row in rows(section, 0)] == [("a", 1), ("a", 2), ("b", 2), ("b", 3)]
    assert [row["n"] for row in rows(section, 1)] == [2, 2]


def test_a_run_that_is_not_done_is_in_the_table_only(tmp_path: Path) -> None:
    write_run(tmp_path / "0", seed=0, status="failed", probes=sample(0, (0, 0), (1, 0), (0, 1)))
    write_run(tmp_path / "1", seed=1, probes=sample(0, (0, 0), (1, 0), (1, 1)))
    section = output_step.section(methods_in(tmp_path))
    assert [(row["seed"], row["counted"]) for row in rows(section, 0)] == [(0, 0), (1, 1)]
    assert angles_of(section)["demo", "first two outputs"] == (pytest.approx(45), None, 1, 1)
    assert "(seed 1)" in section.figures[0].caption


def test_what_cannot_be_drawn_is_said(tmp_path: Path) -> None:
    write_run(tmp_path / "a", name="a", probes=sample(0, (0, 0), (1, 1), (1, 0)))
    write_run(tmp_path / "b", name="b", probes=sample(0, (0, 0), (2, 2), (1, 0)))
    write_run(tmp_path / "c", name="c", probes=sample(0, (0, 0), (1, 1), (0, 0)))
    write_run(tmp_path / "d", name="d", probes=sample(0, (0, 0), (1, 1), (float("nan"), 0)))
    write_run(tmp_path / "e", name="e", probes={"output_step/0/output_0": {1: 1.0}})
    section = output_step.section(methods_in(tmp_path))
    assert sorted(section.left_out) == [
        "arrow of b in 1 of 1 panels of output space: its label is another",
        "arrow of c in 1 of 1 panels of output space: the output did not change",
        "arrows of d in 1 samples of output space: two outputs are not all known",
        "arrows of e in 1 samples of output space: two outputs are not all known",
    ]
    (axes,) = section.figures[0].draw().axes
    assert len([each for each in axes.collections if isinstance(each, Quiver)]) == 1


def test_an_output_on_its_label_can_be_drawn(tmp_path: Path) -> None:
    write_run(tmp_path / "a", probes=sample(0, (1, 1), (1, 1), (1, 0)))
    with io.BytesIO() as file:
        output_step.section(methods_in(tmp_path)).figures[0].draw().savefig(file, format="svg")
        assert b"NaN" not in file.getvalue()
        assert b"</svg>" in file.getvalue()


def test_without_the_probe_it_is_said(tmp_path: Path) -> None:
    write_run(tmp_path / "run")
    section = output_step.section(methods_in(tmp_path))
    assert section.is_empty
    assert section.left_out == ["output-space figure: no run has the probe output_step"]
