"""Which value a block or an edge gets from a plain value, a list, or a mapping from names and patterns."""

from __future__ import annotations

import itertools
from collections.abc import Collection
from fnmatch import fnmatchcase

import pytest

from tpzoo import PerName, SettingError
from tpzoo.plugin.settings import matching

NAMES = ("conv1", "fc1", "fc2")
PATTERNS = ("*", "fc1", "fc2", "fc*", "*1", "conv?", "stage*")


def outcome(patterns: Collection[str]) -> dict[str, str] | str:
    """By name the pattern that decided it, or the message."""
    try:
        return PerName({pattern: pattern for pattern in patterns}).resolve(NAMES, "sigma")
    except SettingError as error:
        return str(error)


def expected(patterns: Collection[str]) -> dict[str, str] | None:
    """The definition, by ranks: a name 2, a pattern 1, ``*`` alone 0; None where it must be refused."""
    found = {}
    for name in NAMES:
        ranked = sorted((2 if p == name else int(p != "*"), p) for p in patterns if fnmatchcase(name, p))
        if not ranked or len([p for rank, p in ranked if rank == ranked[-1][0]]) > 1:
            return None
        found[name] = ranked[-1][1]
    return found if set(found.values()) == set(patterns) else None  # every entry decides something


SUBSETS = [patterns for size in range(1, 5) for patterns in itertools.combinations(PATTERNS, size)]


@pytest.mark.parametrize("size", [1, 2, 3, 4])
def test_every_choice_of_patterns_means_the_same_in_every_order(size: int) -> None:
    accepted = 0
    for patterns in itertools.combinations(PATTERNS, size):
        found = [outcome(order) for order in itertools.permutations(patterns)]
        assert all(each == found[0] for each in found), patterns
        reference = expected(patterns)
        assert isinstance(found[0], str) if reference is None else found[0] == reference, patterns
        accepted += reference is not None
    assert (accepted > 0) == (size <= len(NAMES))  # every entry decides a name of its own


def test_asking_for_one_name_gives_what_resolving_all_gives() -> None:
    for patterns in SUBSETS:
        values = PerName({pattern: pattern for pattern in patterns})
        if isinstance(resolved := outcome(patterns), dict):
            assert {name: values[name] for name in NAMES} == resolved


@pytest.mark.parametrize(
    ("value", "parts"),
    [
        ({"fc*": 1, "*1": 2, "conv1": 3}, ["sigma", "'*1' and 'fc*' both match fc1", "entry of its own"]),
        ({"*": 1, "stage*": 2}, ["'stage*' matches none of conv1, fc1, fc2"]),
        ({"*": 1, "fc9": 2}, ["'fc9' matches none of conv1, fc1, fc2"]),
        ({"fc*": 1, "fc1": 2, "fc2": 3, "conv1": 4}, ["'fc*' decides nothing", "fc1, fc2", "leave it out"]),
        ({"*": 1, "fc*": 2, "conv?": 3}, ["'*' decides nothing"]),
        ({"fc1": 1}, ["no pattern covers conv1, fc2", "'*' entry"]),
        ([1, 2], ["sigma lists 2 values for 3 names (conv1, fc1, fc2)"]),
    ],
)
def test_what_decides_nothing_or_not_alone_is_refused(value: dict[str, int] | list[int], parts: list[str]) -> None:
    with pytest.raises(SettingError) as caught:
        PerName(value).resolve(NAMES, "sigma")
    for part in parts:
        assert part in str(caught.value)


def test_a_name_is_stronger_than_a_pattern_that_stands_after_it() -> None:
    for value in ({"fc2": 5.0, "*": 0.1}, {"*": 0.1, "fc2": 5.0}):
        assert PerName(value).resolve(NAMES) == {"conv1": 0.1, "fc1": 0.1, "fc2": 5.0}


def test_a_list_has_the_order_of_the_names() -> None:
    assert PerName([1, 2, 3]).resolve(NAMES) == {"conv1": 1, "fc1": 2, "fc2": 3}
    with pytest.raises(SettingError, match="before it is resolved"):
        PerName([1, 2, 3])["fc1"]


def test_two_patterns_for_one_name_are_refused_where_only_that_name_is_asked_for() -> None:
    values = PerName({"fc*": 1, "*1": 2})
    assert values["fc2"] == 1
    with pytest.raises(SettingError, match="both match fc1"):
        values["fc1"]


def test_with_nobody_to_ask_nothing_is_refused() -> None:
    assert PerName({"fc1": 1}).resolve(()) == {}


def test_what_is_trained_is_what_any_of_the_patterns_matches() -> None:
    assert matching(["fc1", "fc*"], NAMES, "train") == {"fc1", "fc2"}
    assert matching([], NAMES, "train") == set()
    with pytest.raises(SettingError, match="'fc9' matches none"):
        matching(["*", "fc9"], NAMES, "train")


@pytest.mark.parametrize(
    ("value", "varies"), [(1, False), ("sum", False), ({"*": 1}, False), ({"*": 1, "fc1": 2}, True), ([1, 2], True)]
)
def test_a_value_varies_where_names_may_get_different_ones(value: object, varies: bool) -> None:
    assert PerName(value).varies is varies
