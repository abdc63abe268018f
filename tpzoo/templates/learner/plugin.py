"""The record that tpzoo collects. Nothing here loads torch."""

from collections.abc import Iterator
from dataclasses import dataclass

from tpzoo import FeedbackLearner, PerName, hookimpl, per_edge


@dataclass(frozen=True)
class MyEntrySettings:
    """Settings of ``my_entry``."""

    sigma: PerName[float] = per_edge(0.1, above=0, help="standard deviation of the noise: h~ = h + sigma eps")


@hookimpl
def tpzoo_learners() -> Iterator[FeedbackLearner]:
    """Yield ``my_entry``."""
    yield FeedbackLearner(
        name="my_entry",
        summary="maps learn to reconstruct a noisy activation, relative to its size",
        config=MyEntrySettings,
        build="tpzoo.templates.learner.learner:MyEntryLearner",
        requires=("maps",),
    )
