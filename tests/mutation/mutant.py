"""What a mutant is."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Mutant:
    """One change of one file.

    Attributes:
        name: what is wrong with it, for the table.
        file: where, below ``tpzoo``.
        edits: texts that stand there exactly once, and what takes their place.
        tests: the tests that are run, relative to ``tests``; one of them must fail.
    """

    name: str
    file: str
    edits: tuple[tuple[str, str], ...]
    tests: tuple[str, ...]


def mutant(name: str, file: str, old: str, new: str, *tests: str) -> Mutant:
    return Mutant(name, file, ((old, new),), tests)
