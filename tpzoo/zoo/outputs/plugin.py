"""The built-in output targets and what they can be set to."""

from collections.abc import Iterator
from dataclasses import dataclass

from tpzoo import OutputTarget, hookimpl, setting
from tpzoo.zoo.papers import BARTUNOV_2018, MEULEMANS_2020


@dataclass(frozen=True)
class GradientSettings:
    """Settings of ``gradient``."""

    step_size: float = setting(0.1, above=0, help="d_L = -step_size dloss/dh_L of every sample")
    reduction: str = setting(
        "sum",
        choices=("sum", "mean"),
        help="loss of that step: each sample's own, or the mean of the batch (1 / batch of it)",
    )


@hookimpl
def tpzoo_outputs() -> Iterator[OutputTarget]:
    """Yield the built-in output targets."""
    yield OutputTarget(
        name="gradient",
        summary="a step of each sample's own loss down its gradient",
        config=GradientSettings,
        build="tpzoo.zoo.outputs.gradient:Gradient",
        paper=MEULEMANS_2020,
        provides=("backprop_units",),
    )
    yield OutputTarget(
        name="argmin",
        summary="all the way to the output of least loss: the one-hot label",
        build="tpzoo.zoo.outputs.argmin:Argmin",
        paper=BARTUNOV_2018,
    )
