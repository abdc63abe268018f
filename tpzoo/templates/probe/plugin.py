"""The record that tpzoo collects. Nothing here loads torch."""

from collections.abc import Iterator
from dataclasses import dataclass

from tpzoo import MetricProbe, ProbeSettings, hookimpl, setting


@dataclass(frozen=True)
class MyEntrySettings(ProbeSettings):
    """Settings of ``my_entry``, beside those that all probes share."""

    biases: bool = setting(False, help="count biases as well as weights")


@hookimpl
def tpzoo_probes() -> Iterator[MetricProbe]:
    """Yield ``my_entry``."""
    yield MetricProbe(
        name="my_entry",
        summary="how large the update of every block is, relative to its weights",
        config=MyEntrySettings,
        build="tpzoo.templates.probe.probe:MyEntryProbe",
        smallest={"every": 1},
    )
