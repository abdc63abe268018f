"""The built-in target rules."""

from collections.abc import Iterator
from dataclasses import dataclass

from tpzoo import PerName, RuleSettings, TargetRule, hookimpl, per_block
from tpzoo.zoo.papers import BENGIO_2014, LEE_2015, MEULEMANS_2020


@dataclass(frozen=True)
class GaussNewtonSettings(RuleSettings):
    """Settings of ``gauss_newton``."""

    damping: PerName[float] = per_block(
        0.0, minimum=0, help="lambda in d_i = J_i^T (J_i J_i^T + lambda I)^-1 d_L; 0: the pseudo-inverse"
    )


@hookimpl
def tpzoo_target_rules() -> Iterator[TargetRule]:
    """Yield the built-in target rules."""
    yield TargetRule(
        name="bp",
        summary="backpropagation, end to end: the baseline",
        build="tpzoo.zoo.rules.bp:BP",
        uses_feedback=False,
        makes_displacements=False,
        provides=("tied_oracle", "backprop_units"),
    )
    yield TargetRule(
        name="tp",
        summary="target propagation: the target below is the feedback map of the target above",
        build="tpzoo.zoo.rules.tp:TP",
        paper=BENGIO_2014,
        requires=("feedback",),
        expected_failures={"null": "sends the reconstruction error down even when the output should not move"},
        notices={
            "output gradient": "small steps of the output drown in the reconstruction error, and it trains to chance;"
            " output=argmin aims at the labels"
        },
    )
    yield TargetRule(
        name="dtp",
        summary="difference target propagation: targets corrected by what the feedback map makes of the activity",
        build="tpzoo.zoo.rules.dtp:DTP",
        paper=LEE_2015,
        requires=("feedback",),
        provides=("tied_oracle", "backprop_units"),
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
