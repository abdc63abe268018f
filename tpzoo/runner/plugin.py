"""The optimisers and the learning-rate schedules that tpzoo brings: torch's own, and all of timm's by name."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from tpzoo.plugin.hookspecs import hookimpl
from tpzoo.plugin.records import Optimizer, OptimizerSettings, Schedule, ScheduleSettings
from tpzoo.plugin.settings import PerName, per_block, setting


@dataclass(frozen=True)
class AdamSettings(OptimizerSettings):
    """Settings of Adam and AdamW. ``eps`` may differ between blocks, as in the presets of Meulemans et al. 2020."""

    betas: tuple[float, float] = setting(
        (0.9, 0.999), minimum=0, below=1, help="b in m = b_1 m + (1 - b_1) g and v = b_2 v + (1 - b_2) g^2"
    )
    eps: PerName[float] = per_block(1e-8, above=0, help="W = W - lr m / (sqrt(v) + eps), m and v bias-corrected")
    amsgrad: bool = setting(False, help="use the largest v so far")


@dataclass(frozen=True)
class SGDSettings(OptimizerSettings):
    """Settings of stochastic gradient descent."""

    momentum: PerName[float] = per_block(
        0.0, minimum=0, below=1, help="mu in m = mu m + (1 - dampening) g, W = W - lr m"
    )
    dampening: float = setting(0.0, minimum=0, maximum=1, help="in m = mu m + (1 - dampening) g")
    nesterov: bool = setting(False, help="Nesterov momentum; needs momentum and no dampening")


@dataclass(frozen=True)
class RMSpropSettings(OptimizerSettings):
    """Settings of RMSprop."""

    alpha: float = setting(0.99, minimum=0, below=1, help="a in v = a v + (1 - a) g^2")
    eps: PerName[float] = per_block(1e-8, above=0, help="W = W - lr g / (sqrt(v) + eps)")
    centered: bool = setting(False, help="divide by the standard deviation, not by the root mean square")
    momentum: float = setting(0.0, minimum=0, below=1, help="mu in m = mu m + g / (sqrt(v) + eps), W = W - lr m")


@dataclass(frozen=True)
class TimmOptimizerSettings(OptimizerSettings):
    """Settings of any optimiser of timm."""

    opt: str = setting("lamb", help="the name that timm.optim.create_optimizer_v2 knows it by")
    options: dict[str, Any] = setting({}, help="further arguments of that optimiser")


@dataclass(frozen=True)
class CosineSettings(ScheduleSettings):
    """Settings of the cosine schedule."""

    t_max: int | None = setting(
        None,
        minimum=1,
        help="epochs from the end of the warm-up to the lowest rate; null: the run's epochs less the warm-up",
    )
    eta_min: float = setting(
        0.0,
        minimum=0,
        help="the lowest rate: in epoch e = 0, 1, ... after the warm-up it is eta_min + (lr - eta_min)"
        " (1 + cos(pi e / t_max)) / 2, as torch has it: the last of t_max epochs is not there yet, and beyond t_max the"
        " rate rises again",
    )


@dataclass(frozen=True)
class StepSettings(ScheduleSettings):
    """Settings of the step schedule."""

    every: int = setting(30, minimum=1, help="epochs between two steps")
    factor: float = setting(0.1, above=0, help="the rate is lr factor^(epoch / every), the exponent rounded down")


@dataclass(frozen=True)
class MultistepSettings(ScheduleSettings):
    """Settings of the multistep schedule."""

    milestones: tuple[int, ...] = setting((30, 60), minimum=1, help="epochs after which the rate is multiplied")
    factor: float = setting(0.1, above=0, help="the rate is lr factor^(how many milestones are completed)")


@dataclass(frozen=True)
class TimmScheduleSettings(ScheduleSettings):
    """Settings of any schedule of timm."""

    sched: str = setting("cosine", help="the name that timm.scheduler.create_scheduler_v2 knows it by")
    options: dict[str, Any] = setting({}, help="further arguments of create_scheduler_v2")


@hookimpl
def tpzoo_optimizers() -> Iterator[Optimizer]:
    """Yield the built-in optimisers."""
    for name, summary, config in (
        ("adam", "Adam", AdamSettings),
        ("adamw", "Adam with decoupled weight decay", AdamSettings),
        ("sgd", "stochastic gradient descent, with or without momentum", SGDSettings),
        ("rmsprop", "RMSprop", RMSpropSettings),
        ("timm", "an optimiser of timm that resumes to the same bits, by its name there", TimmOptimizerSettings),
    ):
        yield Optimizer(name=name, summary=summary, config=config, build=f"tpzoo.runner.optimizers:{name}")


@hookimpl
def tpzoo_schedules() -> Iterator[Schedule]:
    """Yield the built-in schedules."""
    for name, summary, config in (
        ("constant", "the same rate in every epoch", None),
        ("cosine", "half a cosine from the full rate to the lowest", CosineSettings),
        ("step", "the rate is multiplied by a factor every so many epochs", StepSettings),
        ("multistep", "the rate is multiplied by a factor after each of some epochs", MultistepSettings),
        ("timm", "any schedule of timm that counts epochs, by its name there", TimmScheduleSettings),
    ):
        yield Schedule(name=name, summary=summary, config=config, build=f"tpzoo.runner.schedules:{name}")
