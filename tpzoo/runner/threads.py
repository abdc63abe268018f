"""How many threads compute: sums are taken in another order with another number, so it is part of a run."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager

import torch


@contextmanager
def using(threads: int | None) -> Iterator[None]:
    """Compute with so many threads; None leaves them as they are. They are put back."""
    before = torch.get_num_threads()
    if threads is not None and threads != before:
        torch.set_num_threads(threads)
    try:
        yield
    finally:
        if threads is not None and threads != before:
            torch.set_num_threads(before)


def to_go_on_with(recorded: object, asked: int | None, quiet: bool = False) -> int | None:
    """How many threads a run goes on with: those that were asked for, else those that it was started with.

    Args:
        recorded: what ``environment.json`` says.
        quiet: without the line that says so where this process would have used another number.
    """
    started_with = recorded if isinstance(recorded, int) and recorded > 0 else None
    chosen = asked or started_with
    own = torch.get_num_threads()
    if quiet or started_with is None:
        return chosen
    if asked and asked != started_with:
        print(
            f"threads: {asked}, and the run was started with {started_with}: its numbers will differ in rounding",
            file=sys.stderr,
        )
    elif started_with != own and not asked:
        print(f"threads: {started_with}, as the run was started with (here: {own})", file=sys.stderr)
    return chosen
