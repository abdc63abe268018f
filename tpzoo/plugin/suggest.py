"""Did you mean ...? The nearest of the names that would have worked."""

from __future__ import annotations

import difflib
from collections.abc import Iterable


def did_you_mean(word: str, options: Iterable[str]) -> str:
    """Return ``"Did you mean 'x'?"``, or an empty string if nothing is near."""
    cutoff = 0.6 if len(word) > 3 else 0.5  # two swapped letters of a short name are half of it
    near = difflib.get_close_matches(word, list(options), n=1, cutoff=cutoff)
    return f"Did you mean '{near[0]}'?" if near else ""


def name_hint(word: str, options: Iterable[str], limit: int = 12) -> str:
    """Return :func:`did_you_mean`, or else what there is to choose from."""
    known = sorted(set(options))
    near = did_you_mean(word, known)
    if near or not known:
        return near
    rest = f" and {len(known) - limit} more" if len(known) > limit else ""
    return f"There is {', '.join(known[:limit])}{rest}."
