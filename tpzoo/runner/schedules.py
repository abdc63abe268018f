"""How learning rates change: torch's schedules and timm's, stepped once after every epoch.

With their own state and the optimiser's, a run that stops and resumes sees the same rates.
"""

from __future__ import annotations

from typing import Any

from torch.optim import Optimizer
from torch.optim.lr_scheduler import (
    ConstantLR,
    CosineAnnealingLR,
    LinearLR,
    LRScheduler,
    MultiStepLR,
    SequentialLR,
    StepLR,
)

from tpzoo.errors import SettingError


def constant(settings: Any, optimizer: Optimizer, epochs: int) -> LRScheduler:
    """The same rate in every epoch."""
    return _warmed(settings, optimizer, ConstantLR(optimizer, factor=1.0, total_iters=0))


def cosine(settings: Any, optimizer: Optimizer, epochs: int) -> LRScheduler:
    """Half a cosine from the full rate down to ``eta_min`` over ``t_max`` epochs; beyond, the rate rises again.

    ``t_max`` counts from the end of the warm-up and defaults to what then remains of the run. In epoch e:
    eta_min + (lr - eta_min) (1 + cos(pi e / t_max)) / 2.
    """
    length = settings.t_max or max(1, epochs - settings.warmup_epochs)
    return _warmed(settings, optimizer, CosineAnnealingLR(optimizer, T_max=length, eta_min=settings.eta_min))


def step(settings: Any, optimizer: Optimizer, epochs: int) -> LRScheduler:
    """The rate times ``factor`` after every ``every`` epochs, counted from the end of the warm-up."""
    return _warmed(settings, optimizer, StepLR(optimizer, step_size=settings.every, gamma=settings.factor))


def multistep(settings: Any, optimizer: Optimizer, epochs: int) -> LRScheduler:
    """The rate times ``factor`` after each of the epochs in ``milestones``, counted from the end of the warm-up.

    As torch's ``MultiStepLR``: with a milestone of 30 epochs 1 to 30 have the full rate, and epoch 31 the lower one.
    """
    milestones = sorted(settings.milestones)
    return _warmed(settings, optimizer, MultiStepLR(optimizer, milestones=milestones, gamma=settings.factor))


REFUSED = {
    "plateau": "it needs a metric, and is never told one",
    "multistep": "it lowers the rate one epoch early: use the schedule multistep, which has torch's meaning",
}
"""Schedules of timm that would act otherwise than they read, and why."""

REFUSED_OPTIONS = {
    "step_on_epochs": (True, "schedules are stepped after every epoch: steps within one would never move the rate"),
    "updates_per_epoch": (0, "schedules are stepped after every epoch: steps within one would never move the rate"),
}
"""The same for options: the one value that is taken, and why."""


def timm(settings: Any, optimizer: Optimizer, epochs: int) -> TimmSchedule:
    """A schedule of timm, by its name there.

    Raises:
        SettingError: timm knows no such schedule, it does not take these options, or it would never move the rate or
            move it at another time than it says.
    """
    if reason := REFUSED.get(settings.sched):
        raise SettingError(f"the schedule '{settings.sched}' of timm is not taken", reason)
    for name, (taken, reason) in REFUSED_OPTIONS.items():
        if settings.options.get(name, taken) != taken:
            raise SettingError(f"the option {name}={settings.options[name]} of timm's schedules is not taken", reason)
    from timm.scheduler import create_scheduler_v2  # slow to import, rarely needed

    options = dict(settings.options)
    if settings.warmup_epochs:
        # timm warms all groups up from one rate: a fraction of the lowest, so that none starts above its own
        lowest = min(float(group["lr"]) for group in optimizer.param_groups)
        options = {"warmup_epochs": settings.warmup_epochs, "warmup_lr": settings.warmup_start * lowest, **options}
    try:
        found, _ = create_scheduler_v2(optimizer, sched=settings.sched, num_epochs=epochs, **options)
    except (ValueError, TypeError, AssertionError, KeyError) as error:
        raise SettingError(f"timm cannot make the schedule '{settings.sched}': {error}") from error
    if found is None:
        raise SettingError(f"timm knows no schedule '{settings.sched}'", "try cosine, tanh, step, multistep or poly")
    return TimmSchedule(found)


class TimmSchedule:
    """A schedule of timm behind torch's interface: it counts the epochs itself."""

    def __init__(self, schedule: Any) -> None:
        self._schedule = schedule
        self._epoch = 0

    def step(self) -> None:
        """Set the rates of the next epoch."""
        self._epoch += 1
        self._schedule.step(self._epoch)

    def state_dict(self) -> dict[str, Any]:
        """The epoch; the rest follows from the settings."""
        return {"epoch": self._epoch}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Go to the epoch of a saved state; the rates come with the optimiser's own state."""
        self._epoch = state["epoch"]


def _warmed(settings: Any, optimizer: Optimizer, schedule: LRScheduler) -> LRScheduler:
    """``schedule`` after ``warmup_epochs`` over which the rate rises linearly from ``warmup_start`` times itself."""
    length = settings.warmup_epochs
    if not length:
        return schedule
    warmup = LinearLR(optimizer, start_factor=settings.warmup_start, total_iters=length)
    return SequentialLR(optimizer, [warmup, schedule], milestones=[length])
