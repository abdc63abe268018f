"""The built-in target rules."""

from collections.abc import Iterator
from dataclasses import dataclass

from tpzoo import PerName, TargetRule, hookimpl, per_block, setting
from tpzoo.zoo.papers import BENGIO_2014, LEE_2015, MEULEMANS_2020


@dataclass(frozen=True)
class UpdateSettings:
    """How a rule that gives displacements turns them into updates."""

    local_loss: PerName[str] = per_block(
        "half_sum",
        choices=("half_sum", "sum", "mean"),
        help="a block's loss of its squared displacement: half the sum over units, the sum, or the mean over units",
    )
    update: str = setting(
        "gradient",
        choices=("gradient", "minimal_norm"),
        help="the gradient of that loss, or the least change of a dense block that moves its pre-activation by s'(a) d",
    )
    norm_ratio: float = setting(
        1.0,
        minimum=0,
        help="minimal_norm: squared change of a bias that costs as much as one of a weight; 0: no bias moves",
    )


@dataclass(frozen=True)
class GaussNewtonSettings(UpdateSettings):
    """Settings of ``gauss_newton``."""

    damping: PerName[float] = per_block(0.0, minimum=0, help="lambda; 0: the pseudo-inverse")


@hookimpl
def tpzoo_target_rules() -> Iterator[TargetRule]:
    """Yield the built-in target rules."""
    yield TargetRule(
        name="bp",
        summary="backpropagation, end to end: the baseline",
        build="tpzoo.zoo.rules.bp:BP",
        uses_feedback=False,
        uses_output=False,
        provides=("tied_oracle",),
    )
    yield TargetRule(
        name="tp",
        summary="target propagation: the target below is the feedback map of the target above",
        config=UpdateSettings,
        build="tpzoo.zoo.rules.tp:TP",
        paper=BENGIO_2014,
        requires=("feedback",),
        expected_failures={"null": "sends the reconstruction error down even when the output should not move"},
    )
    yield TargetRule(
        name="dtp",
        summary="difference target propagation: targets corrected by what the feedback map makes of the activity",
        config=UpdateSettings,
        build="tpzoo.zoo.rules.dtp:DTP",
        paper=LEE_2015,
        requires=("feedback",),
        provides=("tied_oracle",),
    )
    yield TargetRule(
        name="gauss_newton",
        summary="exact damped Gauss-Newton targets of every sample, without a feedback path",
        config=GaussNewtonSettings,
        build="tpzoo.zoo.rules.gauss_newton:GaussNewton",
        paper=MEULEMANS_2020,
        uses_feedback=False,
        expected_failures={"buffers_untouched": "refuses batch norm: a sample has no Jacobian of its own there"},
    )
