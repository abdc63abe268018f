"""Whether a value keeps to the limits of its setting, element by element."""

from __future__ import annotations

import math
import operator
import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from tpzoo.plugin.settings import PerName
from tpzoo.plugin.suggest import did_you_mean

LARGEST = 2**63 - 1

BOUNDS: dict[str, tuple[Callable[[float, float], bool], str]] = {
    "minimum": (operator.ge, "at least"),
    "above": (operator.gt, "above"),
    "maximum": (operator.le, "at most"),
    "below": (operator.lt, "below"),
}
"""Limits of numbers: what must hold, and how it is said."""


def broken_limits(value: Any, limits: Mapping[str, Any]) -> Iterator[str]:
    """Yield a message for each element of ``value`` that breaks one of ``limits``."""
    if isinstance(value, PerName):
        yield from broken_limits(value.value, limits)
    elif isinstance(value, Mapping | list | tuple):
        for item in value.values() if isinstance(value, Mapping) else value:
            yield from broken_limits(item, limits)
    elif isinstance(value, str):
        yield from _text(value, limits)
    elif isinstance(value, int | float) and not isinstance(value, bool):
        yield from _number(value, limits)


def _number(value: float, limits: Mapping[str, Any]) -> Iterator[str]:
    if math.isnan(value):
        yield "is not a number (nan)"
    elif isinstance(value, int) and abs(value) > LARGEST:
        yield "is too large"
    else:
        for key, (holds, said) in BOUNDS.items():
            if key in limits and not holds(value, limits[key]):
                yield f"must be {said} {limits[key]}, got {value}"


def _text(value: str, limits: Mapping[str, Any]) -> Iterator[str]:
    choices = limits.get("choices")
    if choices and value not in choices:
        yield f"must be one of {', '.join(choices)}, got '{value}'. {did_you_mean(value, choices)}".strip()
    pattern = limits.get("pattern")
    if pattern and not re.fullmatch(pattern, value):
        yield f"'{value}' is not allowed here: {limits.get('help') or 'it must match ' + pattern}"
