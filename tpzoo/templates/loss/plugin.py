"""The record that tpzoo collects. Nothing here loads torch."""

from collections.abc import Iterator
from dataclasses import dataclass

from tpzoo import LossFunction, hookimpl, setting


@dataclass(frozen=True)
class MyEntrySettings:
    """Settings of ``my_entry``."""

    delta: float = setting(1.0, above=0, help="where the square turns into a straight line")


@hookimpl
def tpzoo_losses() -> Iterator[LossFunction]:
    """Yield ``my_entry``."""
    yield LossFunction(
        name="my_entry",
        summary="Huber's loss: squared error with linear tails; class labels become one-hot vectors",
        config=MyEntrySettings,
        build="tpzoo.templates.loss.loss:build",
    )
