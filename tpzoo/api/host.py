"""For frameworks that host a training loop: one optimiser that counts steps, and what they must not ask for.

Nothing of them is imported: their trainers are recognised by their attributes.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch

from tpzoo.errors import SettingError


class HostOptimizer(torch.optim.Optimizer):
    """An optimiser for a host to hold: its one step is a whole training step, however many optimisers that steps.

    ``step(closure)`` calls ``closure``, which makes the training step, and nothing else; so a host that counts the
    steps of its optimisers counts training steps. Its groups are those of the forward weights, whose rates a host may
    show. It has no state: that of the trainer is in the trainer's own ``state_dict``.
    """

    def __init__(self, groups: list[dict[str, Any]]) -> None:
        super().__init__([{"params": list(group["params"]), "lr": group["lr"]} for group in groups], {"lr": 0.0})

    def step(self, closure: Callable[[], Any] | None = None) -> Any:
        """Call ``closure`` and return what it returns.

        Raises:
            SettingError: there is none.
        """
        if closure is None:
            hint = "call step(closure) with a closure that calls trainer.step(x, y)"
            raise SettingError("this optimiser makes no step of its own", hint)
        with torch.enable_grad():
            return closure()

    def zero_grad(self, set_to_none: bool = True) -> None:
        """Nothing: a training step leaves no gradient behind."""

    def state_dict(self) -> dict[str, Any]:
        """No state, and the groups without their weights."""
        return {"state": {}, "param_groups": []}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Nothing to load."""


def check_host(host: Any) -> None:
    """Refuse what a host of the loop would do to the steps and cannot be done to them.

    Args:
        host: a Trainer or Fabric of Lightning, or an Accelerator.

    Raises:
        SettingError: it asks for mixed precision, clips gradients, accumulates them or runs more than one process. All
            that it asks for is named.
    """
    found = [
        *_found(host, "precision", ("32-true", "32", "64-true", "64", None), "mixed precision"),
        *_found(host, "mixed_precision", ("no", None), "mixed precision"),
        *_found(host, "gradient_clip_val", (None, 0, 0.0), "clipping of gradients"),
        *_found(host, "accumulate_grad_batches", (None, 1), "accumulation of gradients"),
        *_found(host, "gradient_accumulation_steps", (None, 1), "accumulation of gradients"),
        *_found(host, "world_size", (None, 1), "more than one process"),
        *_found(host, "num_processes", (None, 1), "more than one process"),
    ]
    if found:
        hints = "the step is float32 or float64 as the weights are; set optimizer.forward.clip to clip"
        raise SettingError(f"{type(host).__name__} asks for {', '.join(found)}: a training step cannot do it", hints)


def _found(host: Any, name: str, allowed: tuple[Any, ...], what: str) -> list[str]:
    value = getattr(host, name, None)
    plain = value if value is None or isinstance(value, str | int | float) else str(value)
    return [] if plain in allowed else [f"{what} ({name}={plain})"]
