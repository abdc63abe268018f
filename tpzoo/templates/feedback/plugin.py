"""The record that tpzoo collects. Nothing here loads torch."""

from collections.abc import Iterator
from dataclasses import dataclass

from tpzoo import Component, FeedbackPath, component, hookimpl


@dataclass(frozen=True)
class MyEntrySettings:
    """Settings of ``my_entry``."""

    map: Component = component("map", "dense", help="what sits on every edge")


@hookimpl
def tpzoo_feedback_paths() -> Iterator[FeedbackPath]:
    """Yield ``my_entry``."""
    yield FeedbackPath(
        name="my_entry",
        summary="from the output to the last hidden block, and from there to every other hidden block",
        config=MyEntrySettings,
        build="tpzoo.templates.feedback.feedback:build",
        provides=("feedback", "maps"),
    )
