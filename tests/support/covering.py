"""A few rows that hold every combination of some columns of a table: a covering array, found greedily.

What goes wrong between components goes wrong between two or three of them, hardly ever between seven: rows that show
every triple of values once find it with a tenth of the table (Kuhn, Wallace and Gallo, 2004, "Software fault
interactions and implications for software testing").
"""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Sequence
from itertools import combinations

Row = tuple[Hashable, ...]
Part = tuple[tuple[int, Hashable], ...]
"""Some columns of a row, each with its value."""


def parts(row: Row, size: int) -> set[Part]:
    """Every choice of ``size`` columns of a row, with their values."""
    return set(combinations(enumerate(row), size))


def covering(rows: Iterable[Row], size: int, whole: Sequence[int] = ()) -> list[Row]:
    """Choose rows of a table, so that each part of ``size`` columns that stands in it stands in a chosen row.

    Args:
        rows: the table; the choice depends on nothing else, the order included.
        size: 2 for all pairs of values of two columns, 3 for all triples.
        whole: columns of which every combination in the table is held too, however many they are.

    Returns:
        The chosen rows, in the order of the table.
    """
    of_row = {row: parts(row, size) for row in rows}
    missing = set[Part]().union(*of_row.values())
    groups: dict[Row, list[Row]] = {}
    for row in of_row:
        groups.setdefault(tuple(row[column] for column in whole), []).append(row)
    chosen: list[Row] = []
    for group in groups.values() if whole else ():
        chosen.append(max(group, key=lambda row: len(of_row[row] & missing)))
        missing -= of_row[chosen[-1]]
    while missing:
        chosen.append(max(of_row, key=lambda row: len(of_row[row] & missing)))
        missing -= of_row[chosen[-1]]
    return [row for row in of_row if row in set(chosen)]
