"""Moments and rolling windows, against sums done by hand."""

from __future__ import annotations

import math
from statistics import mean, stdev

import numpy as np
import pytest

from tpzoo.report import statistics
from tpzoo.report.statistics import Moments, curve, moments


def test_moments_by_hand() -> None:
    found = moments([1.0, 2.0, 6.0])  # deviations -2, -1, 3: squares 14, over n - 1 = 2
    assert found == Moments(3.0, pytest.approx(math.sqrt(7)), 3)


def test_what_is_not_finite_does_not_count() -> None:
    assert moments([1.0, math.nan, None, math.inf, 3.0]) == Moments(2.0, pytest.approx(math.sqrt(2)), 2)


def test_one_value_has_no_spread_and_none_has_no_mean() -> None:
    assert moments([4.0]) == Moments(4.0, None, 1)
    assert moments([]) == Moments(None, None, 0)


def test_a_window_holds_the_last_points_of_all_seeds() -> None:
    found = curve([([1, 2, 3], [0.0, 2.0, 4.0]), ([1, 2, 3], [2.0, 4.0, math.nan])], window=2)
    assert found.x.tolist() == [1, 2, 3]
    assert found.n.tolist() == [2, 4, 3]  # {0, 2}, {0, 2, 2, 4}, {2, 4, 4}
    assert found.mean.tolist() == pytest.approx([1.0, 2.0, 10 / 3])
    assert found.sd.tolist() == pytest.approx([math.sqrt(2), math.sqrt(8 / 3), math.sqrt(4 / 3)])


def test_seeds_need_not_have_the_same_points() -> None:
    found = curve([([1, 3], [1.0, 3.0]), ([2, 3], [5.0, 7.0])])
    assert found.x.tolist() == [1, 2, 3]
    assert found.mean.tolist() == [1.0, 5.0, 5.0]
    assert found.n.tolist() == [1, 1, 2]
    assert np.isnan(found.sd[:2]).all()
    assert found.sd[2] == pytest.approx(math.sqrt(8))


def test_of_several_values_at_one_point_the_last_counts() -> None:
    assert curve([([1, 1], [3.0, 8.0])]).mean.tolist() == [8.0]


@pytest.mark.parametrize("chunk", [1, 7, 4096])
def test_a_rolling_mean_is_the_mean_of_every_window(monkeypatch: pytest.MonkeyPatch, chunk: int) -> None:
    monkeypatch.setattr(statistics, "CHUNK", chunk)
    values = np.random.default_rng(0).normal(89.0, 1e-6, 50).tolist()  # a running sum would lose the spread
    found = curve([(range(50), values)], window=30)
    for i in (1, 28, 29, 30, 49):
        window = values[max(0, i - 29) : i + 1]
        assert found.mean[i] == pytest.approx(mean(window), rel=1e-14)
        assert found.sd[i] == pytest.approx(stdev(window), rel=1e-6)
        assert found.n[i] == len(window)
