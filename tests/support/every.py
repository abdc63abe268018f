"""One case that looks at many files: all that fail are named at once."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Collection
from typing import Any

import pytest

Test = Callable[..., None]


def for_every(argument: str, items: Collection[Any], name: Callable[[Any], str] = str) -> Callable[[Test], Test]:
    """Run a test with ``argument`` set to each item in turn, as one case.

    As ``pytest.mark.parametrize``, for checks that are quick and many; fixtures are shared by all items. A failure
    names every item that fails and shows the traceback of each. No items at all is a failure.
    """

    def decorate(test: Test) -> Test:
        @functools.wraps(test)
        def run(**fixtures: Any) -> None:
            assert items, f"there is no {argument} to look at"
            failed: dict[str, BaseException] = {}
            for item in items:
                try:
                    test(**fixtures, **{argument: item})
                except (Exception, pytest.fail.Exception) as error:
                    error.add_note(f"{argument}: {name(item)}")
                    failed[name(item)] = error
            if failed:
                summary = f"{len(failed)} of {len(items)} fail: {', '.join(failed)}"
                raise BaseExceptionGroup(summary, list(failed.values()))

        signature = inspect.signature(test)
        others = [parameter for parameter in signature.parameters.values() if parameter.name != argument]
        run.__signature__ = signature.replace(parameters=others)  # type: ignore[attr-defined]
        return run

    return decorate
