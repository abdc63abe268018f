"""The runner: builds what a config names, trains it, and leaves a run folder behind."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from tpzoo.runner.session import train as train

__all__ = ["train"]


def __getattr__(name: str) -> Any:
    if name == "train":  # loads torch, which listing optimisers must not
        from tpzoo.runner.session import train

        return train
    raise AttributeError(f"module 'tpzoo.runner' has no attribute '{name}'")
