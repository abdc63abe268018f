"""Make one of torchvision's models for a data set: its classes and, where it wants to know that, its image size."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any

import torchvision
from torch import nn

from tpzoo import DataSpec, SettingError
from tpzoo_torchvision.plugin import TorchvisionSettings

SIZES: dict[str, Callable[[Any], Any]] = {"image_size": lambda size: size[0], "input_size": tuple}
"""What models call the image size, and how they want it."""


def make(name: str, settings: TorchvisionSettings, spec: DataSpec) -> nn.Module:
    """The model ``name`` with drawn weights.

    Raises:
        SettingError: torchvision has no such model, or cannot make it for such images or with these options.
    """
    if len(spec.input_shape) != 3 or spec.input_shape[0] != 3:
        what = f"torchvision/{name} needs images of three channels, not samples of shape {spec.input_shape}"
        raise SettingError(what, "use timm/..., which adapts its first layer, or a network of your own")
    try:
        build: Any = torchvision.models.get_model_builder(name)
        return build(weights=None, num_classes=spec.output_size, **arguments(build, spec), **settings.options)
    except Exception as error:  # a model's constructor can raise anything about its arguments
        reason = (str(error).strip().splitlines() or [type(error).__name__])[0]
        size = " x ".join(map(str, spec.input_shape[1:]))
        what = f"torchvision {torchvision.__version__} cannot make '{name}' for images of {size} pixels: {reason}"
        raise SettingError(what, "change architecture.options, or choose another model or data set") from error


def arguments(build: Any, spec: DataSpec) -> dict[str, Any]:
    """What a model must be told of the data; auxiliary heads are left out: a chain of blocks has one output."""
    kind = inspect.signature(build).return_annotation
    kind = getattr(torchvision.models, kind, None) if isinstance(kind, str) else kind
    known = inspect.signature(kind).parameters if inspect.isclass(kind) else {}
    found: dict[str, Any] = {key: take(spec.input_shape[1:]) for key, take in SIZES.items() if key in known}
    found |= {"aux_logits": False, "init_weights": True} if "aux_logits" in known else {}
    return found
