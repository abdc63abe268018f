"""The record that tpzoo collects. Nothing here loads torch."""

from collections.abc import Iterator
from dataclasses import dataclass

from tpzoo import OutputTarget, hookimpl, setting


@dataclass(frozen=True)
class MyEntrySettings:
    """Settings of ``my_entry``."""

    length: float = setting(0.1, above=0, help="how far the output of every sample should move")


@hookimpl
def tpzoo_outputs() -> Iterator[OutputTarget]:
    """Yield ``my_entry``."""
    yield OutputTarget(
        name="my_entry",
        summary="a step of each sample's own loss down its gradient, no longer than a length",
        config=MyEntrySettings,
        build="tpzoo.templates.output.output:MyEntryOutput",
    )
