"""Whether a value keeps to the limits of its setting, element by element."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Mapping
from typing import Any

from tpzoo.plugin.settings import PerName
from tpzoo.plugin.suggest import did_you_mean

LARGEST = 2**63 - 1


def broken_limits(value: Any, limits: Mapping[str, Any]) -> Iterator[str]:
    """Yield a message for each element of ``value`` that breaks one of ``limits``."""
    if isinstance(value, PerName):
        yield from broken_limits(value.value, limits)
    elif isinstance(value, Mapping):
        for item in value.values():
            yield from broken_limits(item, limits)
    elif isinstance(value, list | tuple):
        for item in value:
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
    elif "minimum" in limits and value < limits["minimum"]:
        yield f"must be at least {limits['minimum']}, got {value}"
    elif "maximum" in limits and value > limits["maximum"]:
        yield f"must be at most {limits['maximum']}, got {value}"
    elif "above" in limits and value <= limits["above"]:
        yield f"must be above {limits['above']}, got {value}"
    elif "below" in limits and value >= limits["below"]:
        yield f"must be below {limits['below']}, got {value}"


def _text(value: str, limits: Mapping[str, Any]) -> Iterator[str]:
    choices = limits.get("choices")
    if choices and value not in choices:
        yield f"must be one of {', '.join(choices)}, got '{value}'. {did_you_mean(value, choices)}".strip()
    pattern = limits.get("pattern")
    if pattern and not re.fullmatch(pattern, value):
        yield f"'{value}' is not allowed here: {limits.get('help') or 'it must match ' + pattern}"
