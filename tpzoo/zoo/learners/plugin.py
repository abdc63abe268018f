"""The built-in feedback learners and what they can be set to."""

from collections.abc import Iterator
from dataclasses import dataclass

from tpzoo import FeedbackLearner, PerName, SettingError, hookimpl, per_edge, setting
from tpzoo.zoo.papers import ERNOULT_2022, LEE_2015, MEULEMANS_2020, SHIBUYA_2023

REDUCTIONS = ("mean", "sum")
NOISE = "standard deviation of the noise on the activation at the target: h~ = h + sigma eps, eps ~ N(0, 1)"
REDUCTION = "|.|^2 of the loss: mean or sum over units; over the batch always the mean"
BOTH_ENDS = (
    "standard deviation of the noise at both ends of an edge: dx, dy ~ N(0, sigma^2), dx on the target s, dy on the"
    " source s'; loss = -2 <dx, G(F(s + dx)) - r> + |G(s' + dy) - r|^2, with s' = F(s) and r = G(s')"
)


@dataclass(frozen=True)
class ReconstructionSettings:
    """Settings of ``reconstruction``."""

    sigma: PerName[float] = per_edge(0.1, minimum=0, help=NOISE)
    target: str = setting(
        "noisy", choices=("noisy", "clean"), help="t in loss = c |g(F(h~)) - t|^2: the noisy h~, or the clean h"
    )
    reduction: str = setting("mean", choices=REDUCTIONS, help=REDUCTION)
    scale: str = setting(
        "inverse_variance",
        choices=("inverse_variance", "none"),
        help="c in loss = c |g(F(h~)) - t|^2: 1 / max(sigma, sigma_floor)^2, which must not be 1 / 0, or 1",
    )
    sigma_floor: float = setting(0.0, minimum=0, help="c = 1 / max(sigma, sigma_floor)^2 (Meulemans et al. 2020: 0.02)")

    def __post_init__(self) -> None:
        if self.scale == "inverse_variance" and self.sigma_floor == 0 and 0 in self.sigma.values():
            raise SettingError("sigma 0 has no 1 / sigma^2", "set scale=none, or a sigma_floor above 0")


@dataclass(frozen=True)
class DrlSettings:
    """Settings of ``drl``."""

    sigma: PerName[float] = per_edge(
        0.1, above=0, help=f"{NOISE}; loss = |g_diff(F(h~)) - sigma eps|^2 / sigma^2, g_diff from the output to h"
    )
    reduction: str = setting("mean", choices=REDUCTIONS, help=REDUCTION)


@dataclass(frozen=True)
class LdrlSettings:
    """Settings of ``ldrl``."""

    sigma: PerName[float] = per_edge(0.1, above=0, help=BOTH_ENDS)
    samples: int = setting(1, minimum=1, help="noise samples in each step; their losses are averaged")
    indices: str = setting(
        "noisy",
        choices=("noisy", "clean"),
        help="pool indices of the noisy pass, as published, or of the clean one: with a max-pool, noisy ones lead"
        " the map away from the transposed Jacobian at any noise, clean ones only where the noise often moves the"
        " winner",
    )


@dataclass(frozen=True)
class RidgeSettings:
    """Settings of ``ridge``."""

    sigma: PerName[float] = per_edge(0.1, above=0, help=NOISE)
    damping: PerName[float] = per_edge(
        0.01,
        above=0,
        help="lambda in Q = (sum sigma eps do^T) (sum do do^T + lambda I)^-1, about J^T (J J^T + lambda I)^-1",
    )
    decay: float = setting(
        0.9, minimum=0, maximum=1, help="sums = decay sums + those of the batch; 1: all batches count alike"
    )


@hookimpl
def tpzoo_learners() -> Iterator[FeedbackLearner]:
    """Yield the built-in learners."""
    yield FeedbackLearner(
        name="reconstruction",
        summary="maps learn to reconstruct a noisy activation from what the blocks above make of it",
        config=ReconstructionSettings,
        build="tpzoo.zoo.learners.reconstruction:Reconstruction",
        paper=LEE_2015,
        requires=("maps",),
    )
    yield FeedbackLearner(
        name="drl",
        summary="difference reconstruction loss: maps learn to send a change of the output back to the change below it",
        config=DrlSettings,
        build="tpzoo.zoo.learners.drl:DRL",
        paper=MEULEMANS_2020,
        requires=("maps",),
    )
    yield FeedbackLearner(
        name="ridge",
        summary="the drl of linear maps solved in closed form from sums over batches; not the published schedule",
        config=RidgeSettings,
        build="tpzoo.zoo.learners.ridge:Ridge",
        paper=MEULEMANS_2020,
        requires=("maps", "linear_map"),
    )
    yield FeedbackLearner(
        name="ldrl",
        summary="local difference reconstruction loss: maps learn the transposed Jacobian of a block without a"
        " max-pool",
        config=LdrlSettings,
        build="tpzoo.zoo.learners.ldrl:LDRL",
        paper=ERNOULT_2022,
        requires=("maps",),
    )
    yield FeedbackLearner(
        name="frozen",
        summary="the maps keep their initial weights",
        build="tpzoo.zoo.learners.frozen:Frozen",
        paper=SHIBUYA_2023,
        requires=("maps",),
    )
    yield FeedbackLearner(
        name="none",
        summary="nothing to learn, for feedback paths without weights",
        build="tpzoo.zoo.learners.frozen:Frozen",
        requires=("no_maps",),
    )
