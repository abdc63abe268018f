"""Moments and lines, against sums done by hand."""

from __future__ import annotations

import math
from statistics import mean

import numpy as np
import pytest

from tpzoo.report.statistics import Moments, curve, moments, over_seeds, rolling_mean


def test_moments_by_hand() -> None:
    found = moments([1.0, 2.0, 6.0])  # deviations -2, -1, 3: squares 14, over n - 1 = 2
    assert found == Moments(3.0, pytest.approx(math.sqrt(7)), 3)


def test_what_is_not_finite_does_not_count() -> None:
    assert moments([1.0, math.nan, None, math.inf, 3.0]) == Moments(2.0, pytest.approx(math.sqrt(2)), 2)


def test_one_value_has_no_spread_and_none_has_no_mean() -> None:
    assert moments([4.0]) == Moments(4.0, None, 1)
    assert moments([]) == Moments(None, None, 0)


def test_a_line_is_of_the_seeds_alone() -> None:
    seeds = [([1, 2, 3], [0.0, 2.0, 4.0]), ([1, 2, 3], [2.0, 4.0, math.nan])]
    found = curve(seeds)
    assert found.n.tolist() == [2, 2, 1]
    assert found.mean.tolist() == [1.0, 3.0, 4.0]
    assert found.sd[:2].tolist() == pytest.approx([math.sqrt(2), math.sqrt(2)])
    assert math.isnan(found.sd[2])
    smooth = curve(seeds, smooth=2)  # 0, 1, 3 and 2, 3
    assert smooth.mean.tolist() == [1.0, 2.0, 3.0]
    assert smooth.sd[:2].tolist() == pytest.approx([math.sqrt(2), math.sqrt(2)])
    assert smooth.n.tolist() == [2, 2, 1]


def test_moments_over_seeds_hold_nothing_of_what_varies_within_one() -> None:
    found = over_seeds([[0.0, 10.0, math.nan], [4.0], [math.nan], []])
    assert found == Moments(4.5, pytest.approx(math.sqrt(0.5)), 2)
    assert over_seeds([[0.0, 10.0]]) == Moments(5.0, None, 1)


def test_seeds_need_not_have_the_same_points() -> None:
    found = curve([([1, 3], [1.0, 3.0]), ([2, 3], [5.0, 7.0])])
    assert found.x.tolist() == [1, 2, 3]
    assert found.mean.tolist() == [1.0, 5.0, 5.0]
    assert found.n.tolist() == [1, 1, 2]
    assert np.isnan(found.sd[:2]).all()
    assert found.sd[2] == pytest.approx(math.sqrt(8))


def test_of_several_values_at_one_point_the_last_counts() -> None:
    assert curve([([1, 1], [3.0, 8.0])]).mean.tolist() == [8.0]


def test_a_rolling_mean_is_the_mean_of_every_window() -> None:
    values = np.random.default_rng(0).normal(89.0, 1e-6, 50)
    found = rolling_mean(values, 30)
    for i in (0, 1, 28, 29, 30, 49):
        assert found[i] == pytest.approx(mean(values[max(0, i - 29) : i + 1].tolist()), rel=1e-14)
