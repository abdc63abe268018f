"""The record that tpzoo collects. Nothing here loads torch."""

from collections.abc import Iterator
from dataclasses import dataclass

from tpzoo import DataSet, DataSettings, hookimpl, setting


@dataclass(frozen=True)
class MyEntrySettings(DataSettings):
    """Settings of ``my_entry``, beside those that all data sets share; it is computed, so `root` has no effect."""

    turns: float = setting(1.0, above=0, help="turns of each arm")
    count: int = setting(2000, minimum=10, help="examples, a fifth of them to test")
    noise: float = setting(0.02, minimum=0, help="standard deviation of the noise on every coordinate")


@hookimpl
def tpzoo_datasets() -> Iterator[DataSet]:
    """Yield ``my_entry``."""
    yield DataSet(
        name="my_entry",
        summary="points on two interleaved spirals",
        config=MyEntrySettings,
        build="tpzoo.templates.dataset.dataset:build",
        provides=("classification",),
        smallest={"count": 50},
    )
