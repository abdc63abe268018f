"""How a check speaks: it returns, or raises :class:`ConformanceError`, or skips with a reason."""

from __future__ import annotations

import unittest
from typing import NoReturn


class ConformanceError(AssertionError):
    """An entry does not keep its contract; the message says where and how."""


def require(condition: object, message: str) -> None:
    """Raise :class:`ConformanceError` unless ``condition`` holds."""
    if not condition:
        raise ConformanceError(message)


def skip(reason: str) -> NoReturn:
    """Leave a check that cannot be made here. pytest understands it too."""
    raise unittest.SkipTest(reason)
