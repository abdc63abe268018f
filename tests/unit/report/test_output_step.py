"""Steps in output space: arrows, contours and which sample is whose."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import pytest
from matplotlib.contour import ContourSet
from matplotlib.quiver import Quiver

from tests.helpers.run_folders import write_run
from tpzoo.report import output_step
from tpzoo.report.methods import Method, make_methods
from tpzoo.report.runs import find_runs

Pair = tuple[float, float]


def methods_in(folder: Path) -> list[Method]:
    return make_methods(find_runs([folder]).runs)[0]


def sample(number: int, output: Pair, label: Pair, change: Pair, first: int = 3) -> dict[str, dict[int, float]]:
    """Logged twice; only the first step is to be shown."""
    parts = {"output": output, "label": label, "change": change}
    return {
        f"output_step/{number}/{part}_{i}": {first: pair[i], first + 5: 77.0}
        for part, pair in parts.items()
        for i in (0, 1)
    }


def test_arrows_are_half_as_long_as_the_way_to_the_label(tmp_path: Path) -> None:
    # from (1, 1) to (4, 5) is 5; the change (3e-6, 4e-6) of length 5e-6 becomes (1.5, 2)
    write_run(tmp_path / "a", name="a", probes=sample(0, (1, 1), (4, 5), (3e-6, 4e-6)))
    write_run(tmp_path / "b", name="b", probes=sample(0, (1, 1), (4, 5), (0, -2e-9)))
    section = output_step.section(methods_in(tmp_path))
    assert section.left_out == []
    (axes,) = section.pictures[0].draw().axes
    arrows = [each for each in axes.collections if isinstance(each, Quiver)]
    found = [(*each.XY[0].tolist(), *np.ravel([each.U, each.V]).tolist()) for each in arrows]
    assert found == [pytest.approx((1, 1, 1.5, 2.0)), pytest.approx((1, 1, 0, -2.5))]
    dots = [tuple(np.ravel([line.get_xdata(), line.get_ydata()])) for line in axes.lines]
    assert dots == [(1, 1), (1, 1), (4, 5)]  # outputs, then the label
    assert section.tables[0].rows[0] == ["0", "a", 0, 3, 1.0, 1.0, 4.0, 5.0, 3e-6, 4e-6]


def test_nine_contours_are_circles_around_the_label(tmp_path: Path) -> None:
    write_run(tmp_path / "a", probes=sample(0, (1, 1), (4, 5), (1e-6, 0)))
    (axes,) = output_step.section(methods_in(tmp_path)).pictures[0].draw().axes
    (contours,) = [each for each in axes.collections if isinstance(each, ContourSet)]
    assert len(contours.levels) == 9 and all(len(path.vertices) for path in contours.get_paths())
    for level, path in zip(contours.levels, contours.get_paths(), strict=True):
        radii = np.hypot(*(np.asarray(path.vertices) - (4, 5)).T)
        assert radii == pytest.approx(np.sqrt(level), rel=1e-3)
    assert axes.get_aspect() == 1.0


def test_one_panel_for_each_sample_in_their_order(tmp_path: Path) -> None:
    probes = {}
    for number in (10, 2, 0):
        probes |= sample(number, (0, 0), (1, number), (1e-6, 0))
    write_run(tmp_path / "a", probes=probes)
    figure = output_step.section(methods_in(tmp_path)).pictures[0].draw()
    assert [axes.get_title() for axes in figure.axes] == ["sample 0", "sample 2", "sample 10"]


def test_the_first_seed_speaks_for_a_method(tmp_path: Path) -> None:
    write_run(tmp_path / "0", seed=0)
    for seed in (1, 2):
        write_run(tmp_path / str(seed), seed=seed, probes=sample(0, (seed, 0), (9, 9), (1, 0)))
    rows = output_step.section(methods_in(tmp_path)).tables[0].rows
    assert [row[2:5] for row in rows] == [[1, 3, 1.0]]


def test_what_cannot_be_drawn_is_said(tmp_path: Path) -> None:
    write_run(tmp_path / "a", name="a", probes=sample(0, (0, 0), (1, 1), (1, 0)))
    write_run(tmp_path / "b", name="b", probes=sample(0, (0, 0), (2, 2), (1, 0)))
    write_run(tmp_path / "c", name="c", probes=sample(0, (0, 0), (1, 1), (0, 0)))
    write_run(tmp_path / "d", name="d", probes=sample(0, (0, 0), (1, 1), (float("nan"), 0)))
    write_run(tmp_path / "e", name="e", probes={"output_step/0/output_0": {1: 1.0}})
    section = output_step.section(methods_in(tmp_path))
    assert sorted(section.left_out) == [
        "arrow of b in sample 0: its label is another",
        "arrow of c in sample 0: the output did not change",
        "output step of sample 0 of d: two outputs are not all known",
        "output step of sample 0 of e: two outputs are not all known",
    ]
    (axes,) = section.pictures[0].draw().axes
    assert len([each for each in axes.collections if isinstance(each, Quiver)]) == 1


def test_an_output_on_its_label_can_be_drawn(tmp_path: Path) -> None:
    write_run(tmp_path / "a", probes=sample(0, (1, 1), (1, 1), (1, 0)))
    with io.BytesIO() as file:
        output_step.section(methods_in(tmp_path)).pictures[0].draw().savefig(file, format="svg")
        assert b"NaN" not in file.getvalue() and b"</svg>" in file.getvalue()


def test_without_the_probe_it_is_said(tmp_path: Path) -> None:
    write_run(tmp_path / "run")
    section = output_step.section(methods_in(tmp_path))
    assert section.is_empty
    assert section.left_out == ["output-space figure: no run has the probe output_step with two outputs"]
