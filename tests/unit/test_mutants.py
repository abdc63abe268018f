"""The mutants of ``tests/mutation`` still fit the code, so that running them proves something."""

from __future__ import annotations

from pathlib import Path

from tests.mutation.mutant import Mutant
from tests.mutation.mutants import MUTANTS
from tests.mutation.run import misplaced
from tests.support.every import for_every

TESTS = Path(__file__).parents[1]


@for_every("mutant", MUTANTS, lambda mutant: mutant.name)
def test_their_text_is_there_once_and_their_tests_exist(mutant: Mutant) -> None:
    assert misplaced(mutant) == ""
    assert mutant.tests
    assert all((TESTS / test).is_file() for test in mutant.tests)
    assert all(old != new for old, new in mutant.edits)


def test_names_are_unique() -> None:
    assert len({mutant.name for mutant in MUTANTS}) == len(MUTANTS) >= 86
