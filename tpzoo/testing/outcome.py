"""How a check speaks: it returns, or raises :class:`ConformanceError`, or skips with a reason."""

from __future__ import annotations

import unittest
from collections.abc import Callable
from typing import TYPE_CHECKING, NoReturn

if TYPE_CHECKING:
    from tpzoo.plugin.records import Record
    from tpzoo.testing.stage import Stage

    Check = Callable[[Record, Stage], None]


class ConformanceError(AssertionError):
    """An entry does not keep its contract; the message says where and how."""


def require(condition: object, message: str) -> None:
    """Raise :class:`ConformanceError` unless ``condition`` holds."""
    if not condition:
        raise ConformanceError(message)


def skip(reason: str) -> NoReturn:
    """Leave a check that cannot be made here. pytest understands it too."""
    raise unittest.SkipTest(reason)


def only_if(condition: Callable[[Record], bool]) -> Callable[[Check], Check]:
    """Make a check one that is only for records that fulfil ``condition``; others are not even listed."""

    def mark(function: Check) -> Check:
        function.applies = condition  # type: ignore[attr-defined]
        return function

    return mark


def if_provided(capability: str) -> Callable[[Check], Check]:
    """Make a check one that is only for records that provide ``capability``."""
    return only_if(lambda record: capability in record.provides)


def applies(function: Check, record: Record) -> bool:
    """Whether a check is for ``record``."""
    condition: Callable[[Record], bool] | None = getattr(function, "applies", None)
    return condition is None or condition(record)
