"""The damping with the least angle."""

from __future__ import annotations

from pathlib import Path

from tests.support.run_folders import write_run
from tpzoo.report import damping
from tpzoo.report.document import DASH
from tpzoo.report.methods import Method, make_methods
from tpzoo.report.runs import find_runs


def methods_in(folder: Path) -> list[Method]:
    return make_methods(find_runs([folder]).runs)[0]


def test_the_least_mean_angle_decides_over_steps_and_seeds(tmp_path: Path) -> None:
    # fc1: damping 0 has the least value (10) but mean 40, 0.1 has mean 30; fc2: 10 and 1e-05 are equal
    probe = "gnt_damping_search"
    for seed, (at_zero, at_tenth) in enumerate([(10.0, 20.0), (70.0, 40.0)]):
        probes = {
            f"{probe}/fc1/0": {1: at_zero}, f"{probe}/fc1/0.1": {1: at_tenth}, f"{probe}/fc1/nothing": {1: 1.0},
            f"{probe}/fc2/10": {1: 5.0}, f"{probe}/fc2/1e-05": {1: 5.0, 2: float("nan")},
        }  # fmt: skip
        write_run(tmp_path / "a" / str(seed), name="a", seed=seed, probes=probes)
    write_run(tmp_path / "b", name="b", probes={f"{probe}/fc2/1": {1: float("nan")}})
    write_run(tmp_path / "c", name="c")
    section = damping.section(methods_in(tmp_path))
    (grid,) = section.grids
    assert grid.columns == ["method", "fc1", "fc2"]
    assert grid.rows == [["a", "0.1 (30.0°)", "1e-05 (5.0°)"], ["b", DASH, DASH]]
    assert section.left_out == ["gnt_damping_search/fc1/nothing of a: its last part is no damping"]
    rows = [dict(zip(damping.COLUMNS, row, strict=True)) for row in section.tables[0].rows]
    assert [(row["block"], row["damping"], row["mean_angle"], row["n"], row["best"]) for row in rows] == [
        ("fc1", 0.0, 40.0, 2, 0), ("fc1", 0.1, 30.0, 2, 1),
        ("fc2", 1e-05, 5.0, 2, 1), ("fc2", 10.0, 5.0, 2, 0),
        ("fc2", 1.0, None, 0, 0),
    ]  # fmt: skip


def test_runs_that_are_not_done_choose_no_damping(tmp_path: Path) -> None:
    for seed, (status, angles) in enumerate([("done", (20.0, 30.0)), ("failed", (90.0, 10.0))]):
        probes = {f"gnt_damping_search/fc1/{each}": {1: angle} for each, angle in zip((0, 1), angles, strict=True)}
        write_run(tmp_path / str(seed), seed=seed, status=status, probes=probes)
    (grid,) = damping.section(methods_in(tmp_path)).grids
    assert grid.rows == [["demo", "0 (20.0°)"]]


def test_without_the_probe_it_is_said(tmp_path: Path) -> None:
    write_run(tmp_path / "run")
    section = damping.section(methods_in(tmp_path))
    assert section.is_empty
    assert section.left_out == ["table of dampings: no run has the probe gnt_damping_search"]
