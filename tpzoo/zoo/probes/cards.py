"""The built-in probes and what they can be set to."""

from collections.abc import Iterator
from dataclasses import dataclass

from tpzoo import MetricProbe, ProbeSettings, hookimpl, setting
from tpzoo.zoo.papers import MEULEMANS_2020


@dataclass(frozen=True)
class AngleSettings(ProbeSettings):
    """Settings of ``bp_angle``."""

    biases: bool = setting(False, help="measure the angle of the biases too")


@hookimpl
def tpzoo_probes() -> Iterator[MetricProbe]:
    """Yield the built-in probes."""
    yield MetricProbe(
        name="bp_angle",
        summary="angle between every block's update and backpropagation's, in degrees",
        config=AngleSettings,
        build="tpzoo.zoo.probes.bp_angle:BackpropAngle",
        paper=MEULEMANS_2020,
        smallest={"every": 1},
    )
    yield MetricProbe(
        name="reconstruction",
        summary="the feedback learner's loss of every edge, on fresh noise",
        config=ProbeSettings,
        build="tpzoo.zoo.probes.reconstruction:ReconstructionLoss",
        smallest={"every": 1},
    )
