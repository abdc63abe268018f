"""The record that tpzoo collects. Nothing here loads torch."""

from collections.abc import Iterator
from dataclasses import dataclass

from tpzoo import MapForm, hookimpl, setting


@dataclass(frozen=True)
class MyEntrySettings:
    """Settings of ``my_entry``."""

    rank: int = setting(16, minimum=1, help="rank of the matrix")


@hookimpl
def tpzoo_feedback_maps() -> Iterator[MapForm]:
    """Yield ``my_entry``."""
    yield MapForm(
        name="my_entry",
        summary="a linear map of low rank",
        config=MyEntrySettings,
        build="tpzoo.templates.map.map:MyEntryMap",
        smallest={"rank": 2},
    )
