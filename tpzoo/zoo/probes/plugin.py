"""The built-in probes and what they can be set to."""

from collections.abc import Iterator
from dataclasses import dataclass

from tpzoo import MetricProbe, PerName, ProbeSettings, SettingError, hookimpl, per_block, setting
from tpzoo.zoo.papers import ERNOULT_2022, MEULEMANS_2020, MEULEMANS_2021

TARGET_DAMPING = "lambda in J^T (J J^T + lambda I)^-1 d_L, J = dh_L/dh of a sample; 0: the pseudo-inverse"
STEP_DAMPING = "lambda in J^T (J J^T + lambda I)^-1 dloss/dh_L, J for the block's weights; 0: the pseudo-inverse"
REFERENCE = "d_L of Gauss-Newton: the negative gradient of the loss, as published, or what the output target makes"
MAX_ENTRIES = 100_000_000  # 800 MB in float64
MAX_ENTRIES_HELP = "refuse a matrix of more entries than this: (batch outputs)^2, or (batch outputs) x parameters"
DAMPINGS = (0.0, 1e-5, 1e-4, 1e-3, 1e-2, 0.1, 1.0, 10.0)


@dataclass(frozen=True)
class AngleSettings(ProbeSettings):
    """Settings of ``bp_angle``."""

    biases: bool = setting(False, help="measure the angle of the biases too")


@dataclass(frozen=True)
class JacobianSettings(ProbeSettings):
    """Settings of ``jacobian_alignment``."""

    exact_up_to: int = setting(64, minimum=0, help="a source no wider than this is measured exactly, by unit vectors")
    vectors: int = setting(32, minimum=2, help="random d in E <J_G d, J_F^T d> where the source is wider")
    epsilon: float = setting(1e-3, above=0, help="size of d in J_G d, in standard deviations of the activation")


@dataclass(frozen=True)
class ReconstructionLossSettings(ProbeSettings):
    """Settings of ``reconstruction``."""

    draws: int = setting(4, minimum=2, help="draws of noise, whose mean is taken")


@dataclass(frozen=True)
class GaussNewtonAngleSettings(ProbeSettings):
    """Settings of ``gn_angle``."""

    damping: PerName[float] = per_block(0.0, minimum=0, help=STEP_DAMPING)
    max_entries: int = setting(MAX_ENTRIES, minimum=1, help=MAX_ENTRIES_HELP)


@dataclass(frozen=True)
class GntAngleSettings(AngleSettings):
    """Settings of ``gnt_angle``."""

    damping: PerName[float] = per_block(0.0, minimum=0, help=TARGET_DAMPING)
    reference: str = setting("loss", choices=("loss", "output"), help=REFERENCE)


@dataclass(frozen=True)
class DampingSearchSettings(ProbeSettings):
    """Settings of ``gnt_damping_search``."""

    dampings: tuple[float, ...] = setting(DAMPINGS, minimum=0, help="each lambda of gnt_angle to try, at every block")
    reference: str = setting("loss", choices=("loss", "output"), help=REFERENCE)

    def __post_init__(self) -> None:
        if not self.dampings:
            raise SettingError("dampings is empty", "list the dampings to try")


@dataclass(frozen=True)
class ActivationAngleSettings(ProbeSettings):
    """Settings of ``activation_angle``."""

    damping: PerName[float] = per_block(0.0, minimum=0, help=TARGET_DAMPING)
    reference: str = setting("loss", choices=("loss", "output"), help=REFERENCE)


@dataclass(frozen=True)
class NullSpaceSettings(ProbeSettings):
    """Settings of ``null_space_ratio``."""

    max_entries: int = setting(MAX_ENTRIES, minimum=1, help=MAX_ENTRIES_HELP)


@dataclass(frozen=True)
class ConditionTwoSettings(ProbeSettings):
    """Settings of ``condition_two``."""

    space: str = setting("out", choices=("out", "pre"), help="activations h, or pre-activations a: s' times J and Q")
    epsilon: float = setting(1e-3, above=0, help="size of d_L in Q d_L, by which Q is measured")


@dataclass(frozen=True)
class OutputStepSettings(ProbeSettings):
    """Settings of ``output_step``."""

    samples: int = setting(1, minimum=1, help="how many samples of the batch, from the first")


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
        config=ReconstructionLossSettings,
        build="tpzoo.zoo.probes.reconstruction:ReconstructionLoss",
        smallest={"every": 1},
    )
    yield MetricProbe(
        name="gn_angle",
        summary="angle between every block's update and the Gauss-Newton step of its own parameters, in degrees",
        config=GaussNewtonAngleSettings,
        build="tpzoo.zoo.probes.gn_angle:GaussNewtonAngle",
        paper=MEULEMANS_2020,
        smallest={"every": 1},
    )
    yield MetricProbe(
        name="gnt_angle",
        summary="angle between every hidden block's update and that of exact Gauss-Newton targets, in degrees",
        config=GntAngleSettings,
        build="tpzoo.zoo.probes.gnt_angle:GntAngle",
        paper=MEULEMANS_2020,
        smallest={"every": 1},
    )
    yield MetricProbe(
        name="gnt_damping_search",
        summary="the angle of gnt_angle at many dampings",
        config=DampingSearchSettings,
        build="tpzoo.zoo.probes.gnt_damping_search:GntDampingSearch",
        paper=MEULEMANS_2020,
        smallest={"every": 1},
    )
    yield MetricProbe(
        name="activation_angle",
        summary="angle between displacements and those of backpropagation and Gauss-Newton, in degrees",
        config=ActivationAngleSettings,
        build="tpzoo.zoo.probes.activation_angle:ActivationAngle",
        paper=MEULEMANS_2020,
        smallest={"every": 1},
    )
    yield MetricProbe(
        name="null_space_ratio",
        summary="the part of every block's update that changes no output of the batch",
        config=NullSpaceSettings,
        build="tpzoo.zoo.probes.null_space_ratio:NullSpaceRatio",
        paper=MEULEMANS_2020,
        smallest={"every": 1},
    )
    yield MetricProbe(
        name="condition_two",
        summary="the part of the feedback that lies in the row space of the network's Jacobian",
        config=ConditionTwoSettings,
        build="tpzoo.zoo.probes.condition_two:ConditionTwo",
        paper=MEULEMANS_2021,
        requires=("feedback",),
        smallest={"every": 1},
    )
    yield MetricProbe(
        name="output_step",
        summary="where the update moves the output of the first samples, for a figure of output space",
        config=OutputStepSettings,
        build="tpzoo.zoo.probes.output_step:OutputStep",
        paper=MEULEMANS_2020,
        smallest={"every": 1},
    )
    yield MetricProbe(
        name="local_loss",
        summary="half the squared distance of every block's output to its target",
        config=ProbeSettings,
        build="tpzoo.zoo.probes.local_loss:LocalLoss",
        paper=MEULEMANS_2020,
        smallest={"every": 1},
    )
    yield MetricProbe(
        name="feedback_loss",
        summary="the loss that every feedback map is trained with, and the norm of its gradient",
        config=ProbeSettings,
        build="tpzoo.zoo.probes.feedback_loss:FeedbackLoss",
        requires=("feedback",),
        smallest={"every": 1},
    )
