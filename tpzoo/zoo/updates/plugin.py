"""The built-in updates: how a displacement becomes a change of the weights."""

from collections.abc import Iterator
from dataclasses import dataclass

from tpzoo import PerName, WeightUpdate, hookimpl, per_block, setting
from tpzoo.zoo.papers import MEULEMANS_2020


@dataclass(frozen=True)
class GradientSettings:
    """Settings of update ``gradient``."""

    local_loss: PerName[str] = per_block(
        "half_sum",
        choices=("half_sum", "sum", "mean"),
        help="a block's loss of its displacement d: |d|^2 / 2, |d|^2 (sum over units), or its mean over units",
    )


@dataclass(frozen=True)
class MinimalNormSettings:
    """Settings of update ``minimal_norm``."""

    norm_ratio: float = setting(
        1.0,
        minimum=0,
        help="rho in dW = D h^T / (|h|^2 + rho), db = rho D / (|h|^2 + rho), with D = s'(a) d; 0: no bias moves",
    )


@hookimpl
def tpzoo_updates() -> Iterator[WeightUpdate]:
    """Yield the built-in updates."""
    yield WeightUpdate(
        name="gradient",
        summary="the gradient of every block's own loss of its squared displacement",
        config=GradientSettings,
        build="tpzoo.zoo.updates.gradient:Gradient",
        provides=("backprop_units",),
    )
    yield WeightUpdate(
        name="minimal_norm",
        summary="the least change of a dense block that moves its pre-activation by s'(a) d",
        config=MinimalNormSettings,
        build="tpzoo.zoo.updates.minimal_norm:MinimalNorm",
        paper=MEULEMANS_2020,
        requires=("dense_blocks",),
    )
