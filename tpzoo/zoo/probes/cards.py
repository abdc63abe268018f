"""The built-in probes and what they can be set to."""

from collections.abc import Iterator
from dataclasses import dataclass

from tpzoo import MetricProbe, ProbeSettings, hookimpl, setting
from tpzoo.zoo.papers import ERNOULT_2022, MEULEMANS_2020


@dataclass(frozen=True)
class AngleSettings(ProbeSettings):
    """Settings of ``bp_angle``."""

    biases: bool = setting(False, help="measure the angle of the biases too")


@dataclass(frozen=True)
class JacobianSettings(ProbeSettings):
    """Settings of ``jacobian_alignment``."""

    vectors: int = setting(8, minimum=1, help="random displacements by which both Jacobians are compared")
    epsilon: float = setting(1e-3, above=0, help="their size, against the standard deviation of the activation")


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
        name="weight_alignment",
        summary="angle and distance between feedback weights and the forward weights that they mirror",
        config=ProbeSettings,
        build="tpzoo.zoo.probes.weight_alignment:WeightAlignment",
        paper=ERNOULT_2022,
        smallest={"every": 1},
    )
    yield MetricProbe(
        name="jacobian_alignment",
        summary="angle between a feedback map's Jacobian and the transposed Jacobian of what it inverts, in degrees",
        config=JacobianSettings,
        build="tpzoo.zoo.probes.jacobian_alignment:JacobianAlignment",
        paper=ERNOULT_2022,
        smallest={"every": 1},
    )
    yield MetricProbe(
        name="reconstruction",
        summary="the feedback learner's loss of every edge, on fresh noise",
        config=ProbeSettings,
        build="tpzoo.zoo.probes.reconstruction:ReconstructionLoss",
        smallest={"every": 1},
    )
