"""The figures of the last epoch: what they are means of, and where they stand."""

from __future__ import annotations

import pytest

from tpzoo.report.last_epoch import MOST_COLUMNS, of_last_epoch, tables
from tpzoo.report.methods import Method
from tpzoo.report.metrics import Series

METHODS = [Method("a", 0, []), Method("b", 1, []), Method("c", 2, [])]


def series(*values: float, epochs: list[int]) -> Series:
    return Series(epochs, [10 * i for i in range(len(values))], list(values))


def test_only_the_last_epoch_that_was_measured_counts() -> None:
    assert of_last_epoch(series(1, 2, 3, 4, epochs=[1, 1, 3, 3])) == [3, 4]


@pytest.mark.parametrize(
    ("steps", "epochs", "kept"),
    [
        ([1, 31, 61, 70], [1, 1, 2, 2], [3]),  # the last step is off the interval
        ([1, 31, 61], [1, 1, 2], [3]),  # it is on it
        ([1, 31, 40], [1, 1, 2], [1, 2]),  # nothing else was measured in its epoch: the epoch before counts
        ([1, 24], [1, 1], [2]),  # a run shorter than the interval: not the untrained network
        ([1], [1], [1]),
    ],
)
def test_the_row_of_the_very_last_step_is_in_no_mean(steps: list[int], epochs: list[int], kept: list[float]) -> None:
    values = [float(i) for i in range(1, len(steps) + 1)]
    assert of_last_epoch(Series(epochs, steps, values, every=30)) == kept


def test_means_are_over_seeds_of_means_over_steps_and_a_dash_stands_for_no_figure() -> None:
    seeds = [series(90, 10, 30, epochs=[1, 2, 2]), series(90, 50, epochs=[1, 2])]
    found = {"fc1": {0: seeds, 1: [series(5, epochs=[1])]}, "fc2": {1: [series(float("nan"), 7, epochs=[2, 2])]}}
    table, (grid,) = tables("angle", "angle", found, METHODS)
    spread = pytest.approx(15 * 2**0.5)  # of 20 and 50
    assert table.rows == [["fc1", "a", 35.0, spread, 2], ["fc1", "b", 5.0, None, 1], ["fc2", "b", 7.0, None, 1]]
    assert [grid.columns, *grid.rows] == [["method", "fc1", "fc2"], ["a", "35", "\N{EN DASH}"], ["b", "5", "7"]]


def test_many_blocks_are_in_the_file_only() -> None:
    found = {f"fc{i}": {0: [series(1, epochs=[1])]} for i in range(MOST_COLUMNS + 1)}
    table, grids = tables("angle", "angle", found, METHODS)
    assert len(table.rows) == MOST_COLUMNS + 1
    assert grids == []
