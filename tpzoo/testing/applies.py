"""Which records a check is for."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

from tpzoo.plugin.records import Record

F = TypeVar("F", bound=Callable[..., None])


def only_if(condition: Callable[[Record], bool]) -> Callable[[F], F]:
    """Make a check one that is only for records that fulfil ``condition``; others are not even listed."""

    def mark(function: F) -> F:
        function.applies = condition  # type: ignore[attr-defined]
        return function

    return mark


def if_provided(capability: str) -> Callable[[F], F]:
    """Make a check one that is only for records that provide ``capability``."""
    return only_if(lambda record: capability in record.provides)


def applies(function: Callable[..., Any], record: Record) -> bool:
    """Whether a check is for ``record``."""
    condition: Callable[[Record], bool] | None = getattr(function, "applies", None)
    return condition is None or condition(record)
