"""The optimisers: torch's own and timm's, over parameter groups that already carry every per-block setting.

``groups`` are torch parameter groups with ``params``, ``name``, ``lr``, ``weight_decay`` and, where the settings have
them by block, ``eps`` or ``momentum``.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import Tensor
from torch.optim import Optimizer

from tpzoo.errors import SettingError

Groups = Sequence[Mapping[str, Any]]


def adam(settings: Any, groups: Groups) -> Optimizer:
    """Adam, fused into one kernel where the device has one."""
    options = {**_kernel(groups), **_capture(groups)}
    return torch.optim.Adam(_copies(groups), betas=settings.betas, amsgrad=settings.amsgrad, **options)


def adamw(settings: Any, groups: Groups) -> Optimizer:
    """Adam with decoupled weight decay, fused where the device has such a kernel."""
    options = {**_kernel(groups), **_capture(groups)}
    return torch.optim.AdamW(_copies(groups), betas=settings.betas, amsgrad=settings.amsgrad, **options)


def sgd(settings: Any, groups: Groups) -> Optimizer:
    """Stochastic gradient descent, fused where the device has such a kernel.

    Raises:
        SettingError: Nesterov momentum without momentum, or with dampening.
    """
    still = [str(group.get("name", number)) for number, group in enumerate(groups) if not group["momentum"]]
    if settings.nesterov and (still or settings.dampening):
        what = f"nesterov needs momentum in {', '.join(still)}" if still else "nesterov allows no dampening"
        raise SettingError(what, "set momentum and dampening=0, or nesterov=false")
    return torch.optim.SGD(
        _copies(groups),
        dampening=settings.dampening,
        nesterov=settings.nesterov,
        **_nesterov_momentum(settings, groups),
    )


def rmsprop(settings: Any, groups: Groups) -> Optimizer:
    """RMSprop."""
    return torch.optim.RMSprop(
        _copies(groups),
        alpha=settings.alpha,
        centered=settings.centered,
        momentum=settings.momentum,
        **_capture(groups),
    )


SECOND_DERIVATIVES = "it needs second derivatives, and a block gets its gradient alone"
DRAWS = "it draws from torch's global generator, which no checkpoint holds: a resumed run would end in other bits"
REFUSED = {"adahessian": SECOND_DERIVATIVES, **dict.fromkeys(("kron", "kronw", "kronc"), DRAWS)}
"""Optimisers of timm that cannot be used here, and why. A test resumes a run with each of the others."""


def timm(settings: Any, groups: Groups) -> Optimizer:
    """An optimiser of timm, by its name there.

    Raises:
        SettingError: timm knows no such optimiser, it does not take these options, or it is one of ``REFUSED``.
    """
    if reason := REFUSED.get(settings.opt.lower()):
        raise SettingError(f"the optimiser '{settings.opt}' of timm is not taken: {reason}", "choose another one")
    from timm.optim import create_optimizer_v2, list_optimizers  # slow to import, rarely needed

    try:
        found: Optimizer = create_optimizer_v2(_copies(groups), opt=settings.opt, **settings.options)
    except (ValueError, TypeError, AssertionError, KeyError) as error:
        known = ", ".join(map(str, list_optimizers()))
        raise SettingError(f"timm cannot make the optimiser '{settings.opt}': {error}", f"timm has: {known}") from error
    return found


def _copies(groups: Groups) -> list[dict[str, Any]]:
    """Torch writes its own defaults into the groups; the caller's stay as they are."""
    return [dict(group) for group in groups]


def _nesterov_momentum(settings: Any, groups: Groups) -> dict[str, Any]:
    # torch checks nesterov against the constructor's momentum, not against the groups'; it is overridden by every group
    return {**_kernel(groups), "momentum": 0.9 if settings.nesterov else 0.0}


def _kernel(groups: Groups) -> dict[str, bool]:
    parameters = _parameters(groups)
    fused = bool(parameters) and all(p.device.type in ("cpu", "cuda") and p.is_floating_point() for p in parameters)
    return {"fused": fused}


def _capture(groups: Groups) -> dict[str, bool]:
    """On CUDA the step count lives on the device, so that a step can be captured in a graph."""
    return {"capturable": any(p.device.type == "cuda" for p in _parameters(groups))}


def _parameters(groups: Groups) -> list[Tensor]:
    return [parameter for group in groups for parameter in group["params"]]
