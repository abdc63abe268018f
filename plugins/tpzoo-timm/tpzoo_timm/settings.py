"""What a timm model can be set to. Loads no torch."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from tpzoo import SettingError, setting

# What the data set decides, or what has a setting of its own.
TAKEN = ("num_classes", "in_chans", "img_size", "pretrained", "checkpoint_path", "drop_rate", "drop_path_rate")


@dataclass(frozen=True)
class TimmSettings:
    """Settings of every ``timm/<name>``.

    Raises:
        SettingError: ``options`` holds what is set elsewhere.
    """

    credit: str = setting(
        "block", choices=("block", "stage"), help="what gets a target: timm's layer groups, fine (block) or coarse"
    )
    pretrained: bool = setting(
        False, help="start from published weights: those in timm's cache, or in `checkpoint_path`; never downloaded"
    )
    checkpoint_path: str = setting("", help="a file with weights for `pretrained`: .safetensors or .pth")
    drop_rate: float = setting(0.0, minimum=0, maximum=1, help="dropout, as timm's model has it")
    drop_path: float = setting(0.0, minimum=0, maximum=1, help="stochastic depth")
    options: dict[str, Any] = setting({}, help="further arguments of timm.create_model: patch_size, depths, act_layer")

    def __post_init__(self) -> None:
        if clash := [name for name in self.options if name in TAKEN]:
            raise SettingError(f"options.{clash[0]} cannot be set", "; ".join(map(_instead, clash)))
        if self.checkpoint_path and not self.pretrained:
            raise SettingError("checkpoint_path is given, and pretrained is false", "set pretrained=true to use it")


def _instead(name: str) -> str:
    if name in ("num_classes", "in_chans", "img_size"):
        return f"{name} comes from the data set"
    return f"use the setting {'drop_path' if name == 'drop_path_rate' else name}"
