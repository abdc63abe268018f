"""Covering arrays: every part is held, by few rows, the same ones each time."""

from __future__ import annotations

from itertools import combinations, product

import pytest

from tests.support.covering import covering

TABLE = [row for row in product("abc", "de", "fgh", "ij") if row[:2] != ("a", "d")]


@pytest.mark.parametrize("size", [1, 2, 3, 4])
def test_every_choice_of_values_that_stands_in_the_table_stands_in_the_cover(size: int) -> None:
    found = covering(TABLE, size)
    for columns in combinations(range(4), size):
        held, there = ({tuple(row[i] for i in columns) for row in rows} for rows in (found, TABLE))
        assert held == there
    assert found == [row for row in TABLE if row in found]
    assert (len(found) < len(TABLE)) == (size < 4)


def test_chosen_columns_are_held_whole() -> None:
    assert {row[:3] for row in covering(TABLE, 1, whole=(0, 1, 2))} == {row[:3] for row in TABLE}
    assert {row[:3] for row in covering(TABLE, 1)} != {row[:3] for row in TABLE}


def test_the_same_table_gives_the_same_cover() -> None:
    assert covering(TABLE, 2, (0, 3)) == covering(iter(TABLE), 2, (0, 3))
