"""Parameter groups: which blocks or edges learn, and with which settings."""

from __future__ import annotations

import fnmatch
import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from torch import Tensor, nn
from torch.optim.lr_scheduler import LRScheduler

from tpzoo.engine.optimise import WeightStepper
from tpzoo.errors import SettingError
from tpzoo.plugin.settings import PerName


@dataclass
class Stepper:
    """An optimiser over named members, and the schedule of its learning rates; both None if nothing is trained."""

    group: WeightStepper
    schedule: LRScheduler | None

    def end_epoch(self) -> None:
        """Go to the learning rates of the next epoch."""
        if self.schedule is not None:
            with warnings.catch_warnings():
                # torch counts the optimiser's steps in this process alone, and none may have been due since resuming
                warnings.filterwarnings("ignore", message="Detected call of `lr_scheduler.step")
                self.schedule.step()

    def state_dict(self) -> dict[str, Any]:
        """What a checkpoint keeps."""
        if self.group.optimizer is None or self.schedule is None:
            return {}
        return {"optimizer": self.group.optimizer.state_dict(), "schedule": self.schedule.state_dict()}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Continue from a checkpoint."""
        if self.group.optimizer is not None and self.schedule is not None:
            self.group.optimizer.load_state_dict(state["optimizer"])
            self.schedule.load_state_dict(state["schedule"])


def parameter_groups(
    settings: Any, members: Mapping[str, nn.Module], names: Sequence[str] | None = None
) -> list[dict[str, Any]]:
    """Torch parameter groups for the members that ``settings.train`` names; the others stop requiring gradients.

    Members with the same settings share a group: the optimiser then steps them in one kernel, to the same numbers. The
    group's ``name`` lists them.

    Args:
        settings: optimiser settings, per-name values resolved to ``names``.
        names: what the settings know; default the members.

    Raises:
        SettingError: a pattern of ``train`` names no member.
    """
    per_name = {key: value for key, value in vars(settings).items() if isinstance(value, PerName)}
    trained = _trained(settings.train, list(members if names is None else names))
    groups: dict[tuple[Any, ...], dict[str, list[Tensor]]] = {}
    for name, member in members.items():
        if name not in trained:
            member.requires_grad_(False)
        elif params := list[Tensor](member.parameters()):
            groups.setdefault(tuple(value[name] for value in per_name.values()), {})[name] = params
    return [
        {
            "name": ", ".join(found),
            "params": [p for params in found.values() for p in params],
            **dict(zip(per_name, values, strict=True)),
        }
        for values, found in groups.items()
    ]


def _trained(train: str | Sequence[str], names: Sequence[str]) -> set[str]:
    found: set[str] = set()
    for pattern in [train] if isinstance(train, str) else train:
        matches = fnmatch.filter(names, pattern)
        if names and not matches and pattern != "*":
            raise SettingError(f"optimizer.train: the pattern '{pattern}' matches none of {', '.join(names)}")
        found.update(matches)
    return found
