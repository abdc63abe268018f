"""The bars of the null-space ratio."""

from __future__ import annotations

import math
from pathlib import Path

import pytest
from matplotlib.container import BarContainer

from tests.support.run_folders import write_run
from tpzoo.report import null_space
from tpzoo.report.methods import Method, make_methods
from tpzoo.report.runs import find_runs


def methods_in(folder: Path) -> list[Method]:
    return make_methods(find_runs([folder]).runs)[0]


def test_bars_are_means_over_seeds_of_means_over_steps(tmp_path: Path) -> None:
    # fc1 of a: (0, 0.5) -> 0.25 and 1 -> mean 0.625; the second method has no fc2
    probes = [{1: 0.0, 2: 0.5}, {1: 1.0, 2: math.nan}]
    for seed, values in enumerate(probes):
        both = {"null_space_ratio/fc1": values, "null_space_ratio/fc2": {1: 0.25}}
        write_run(tmp_path / "a" / str(seed), name="a", seed=seed, probes=both)
    write_run(tmp_path / "b", name="b", probes={"null_space_ratio/fc1": {1: 0.75}})
    section = null_space.section(methods_in(tmp_path))
    assert section.left_out == []
    assert section.tables[0].rows == [
        ["null_space_ratio", "fc1", "a", 0.625, pytest.approx(0.75 / math.sqrt(2)), 2],
        ["null_space_ratio", "fc1", "b", 0.75, None, 1],
        ["null_space_ratio", "fc2", "a", 0.25, 0.0, 2],
    ]
    (axes,) = section.figures[0].draw().axes
    bars = [container for container in axes.containers if isinstance(container, BarContainer)]
    assert [[bar.get_height() for bar in each] for each in bars] == [[0.625, 0.25], [0.75]]
    assert [bars[0].get_label(), bars[1].get_label()] == ["a", "b"]
    left, right = bars[0][0], bars[1][0]
    assert left.get_x() + left.get_width() <= right.get_x()  # side by side
    assert (left.get_x() + right.get_x() + right.get_width()) / 2 == pytest.approx(0)  # around the block's tick
    assert [tick.get_text() for tick in axes.get_xticklabels()] == ["fc1", "fc2"]


def test_runs_that_are_not_done_are_in_no_bar(tmp_path: Path) -> None:
    for seed, (status, value) in enumerate([("done", 0.25), ("interrupted", 1.0), ("done", 0.75)]):
        probes = {"null_space_ratio/fc1": {1: value}}
        write_run(tmp_path / str(seed), seed=seed, status=status, probes=probes)
    rows = null_space.section(methods_in(tmp_path)).tables[0].rows
    assert rows == [["null_space_ratio", "fc1", "demo", 0.5, pytest.approx(math.sqrt(0.125)), 2]]


def test_without_the_probe_it_is_said(tmp_path: Path) -> None:
    write_run(tmp_path / "run")
    section = null_space.section(methods_in(tmp_path))
    assert section.is_empty
    assert section.left_out == ["null-space bars: no run has the probe null_space_ratio"]
