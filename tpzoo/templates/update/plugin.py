"""The record that tpzoo collects. Nothing here loads torch."""

from collections.abc import Iterator
from dataclasses import dataclass

from tpzoo import WeightUpdate, hookimpl, setting


@dataclass(frozen=True)
class MyEntrySettings:
    """Settings of ``my_entry``."""

    limit: float = setting(0.1, above=0, help="the longest displacement, relative to the activation: |d| <= limit |h|")


@hookimpl
def tpzoo_updates() -> Iterator[WeightUpdate]:
    """Yield ``my_entry``."""
    yield WeightUpdate(
        name="my_entry",
        summary="the gradient of every block's own loss, for displacements that are cut short",
        config=MyEntrySettings,
        build="tpzoo.templates.update.update:MyEntryUpdate",
    )
