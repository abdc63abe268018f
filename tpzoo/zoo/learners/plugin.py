"""The built-in feedback learners and what they can be set to."""

from collections.abc import Iterator
from dataclasses import dataclass

from tpzoo import FeedbackLearner, PerName, hookimpl, per_edge, setting
from tpzoo.zoo.papers import ERNOULT_2022, LEE_2015, MEULEMANS_2020, SHIBUYA_2023

REDUCTIONS = ("mean", "sum")


@dataclass(frozen=True)
class ReconstructionSettings:
    """Settings of ``reconstruction``."""

    sigma: PerName[float] = per_edge(0.1, minimum=0, help="standard deviation of the noise on the activation")
    target: str = setting("noisy", choices=("noisy", "clean"), help="which activation is to be reconstructed")
    reduction: str = setting("mean", choices=REDUCTIONS, help="mean or sum over units; over the batch always the mean")
    scale: str = setting("inverse_variance", choices=("inverse_variance", "none"), help="factor 1 / sigma^2, or none")
    sigma_floor: float = setting(0.0, minimum=0, help="least sigma in that factor (Meulemans et al. 2020: 0.02)")


@dataclass(frozen=True)
class DrlSettings:
    """Settings of ``drl``."""

    sigma: PerName[float] = per_edge(0.1, above=0, help="standard deviation of the noise on the activation")
    reduction: str = setting("mean", choices=REDUCTIONS, help="mean or sum over units; over the batch always the mean")


@dataclass(frozen=True)
class LdrlSettings:
    """Settings of ``ldrl``."""

    sigma: PerName[float] = per_edge(0.1, above=0, help="standard deviation of the noise at both ends")
    samples: int = setting(1, minimum=1, help="noise samples in each step; their losses are averaged")
    indices: str = setting(
        "noisy", choices=("noisy", "clean"), help="pool indices of the noisy pass, as published, or of the clean one"
    )


@dataclass(frozen=True)
class RidgeSettings:
    """Settings of ``ridge``."""

    sigma: PerName[float] = per_edge(0.1, above=0, help="standard deviation of the noise on the activation")
    damping: PerName[float] = per_edge(0.01, above=0, help="lambda in J^T (J J^T + lambda I)^-1")
    decay: float = setting(
        0.9, minimum=0, maximum=1, help="what is left of the sums at the next batch; 1: all batches count alike"
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
        summary="local difference reconstruction loss: maps learn the transposed Jacobian of the block they invert",
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
