"""A case for many files fails as clearly as a case for each would."""

from __future__ import annotations

import pytest

from tests.support.every import for_every


def test_all_that_fail_are_named_at_once() -> None:
    seen: list[int] = []

    @for_every("number", (1, 2, 3, 4), lambda number: f"n{number}")
    def check(number: int, limit: int) -> None:
        seen.append(number)
        with pytest.raises(ZeroDivisionError):
            assert number / (number - 3) < limit

    with pytest.raises(BaseExceptionGroup, match="3 of 4 fail: n1, n2, n4") as caught:
        check(limit=3)
    assert seen == [1, 2, 3, 4]
    assert caught.value.exceptions[0].__notes__ == ["number: n1"]


@for_every("word", ("a", "b"))
def test_fixtures_are_given(tmp_path: object, word: str) -> None:
    assert tmp_path
    assert word in "ab"


def test_nothing_to_look_at_is_a_failure() -> None:
    with pytest.raises(AssertionError, match="there is no path to look at"):
        for_every("path", ())(lambda path: None)()
