"""Make a timm model for a data set: its classes, channels and image size; nothing in place."""

from __future__ import annotations

from typing import Any

import timm
from torch import nn

from tpzoo import DataSpec
from tpzoo.errors import SettingError
from tpzoo_timm.settings import TimmSettings
from tpzoo_timm.weights import find_weights


def create(name: str, settings: TimmSettings, spec: DataSpec) -> nn.Module:
    """The model ``name`` with the data's output size, channels and, where it wants to know it, image size.

    Raises:
        SettingError: timm has no such model, refuses an option or the image size, or has no weights for it here.
    """
    if len(spec.input_shape) != 3:
        raise SettingError(
            f"timm/{name} needs images (channels, height, width), not samples of shape {spec.input_shape}"
        )
    if not timm.is_model(name):
        raise SettingError(f"the installed timm {timm.__version__} has no model '{name}'", "update timm or tpzoo-timm")
    model = _first_that_works(name, arguments(name, settings, spec))
    for module in model.modules():
        if getattr(module, "inplace", False):
            module.inplace = False  # type: ignore[assignment]  # a pass must not change the value that it was given
    return model


def arguments(name: str, settings: TimmSettings, spec: DataSpec) -> dict[str, Any]:
    """What is passed to ``timm.create_model``."""
    channels, *size = spec.input_shape
    rates = {"drop_rate": settings.drop_rate, "drop_path_rate": settings.drop_path}
    data = {"num_classes": spec.output_size, "in_chans": channels, "img_size": tuple(size)}
    found = {**settings.options, **rates, **data}
    if not settings.pretrained:
        return found
    weights = find_weights(name, settings.checkpoint_path)
    return {**found, "pretrained": True, "pretrained_cfg_overlay": {"file": str(weights), "hf_hub_id": None}}


def _first_that_works(name: str, wanted: dict[str, Any]) -> nn.Module:
    """Not every model takes ``img_size`` or the drop rates: what it does not know is left out."""
    attempt = dict(wanted)
    while True:
        try:
            return timm.create_model(name, **attempt)
        except TypeError as error:
            unknown = [key for key in ("img_size", "drop_path_rate", "drop_rate") if f"'{key}'" in str(error)]
            if not unknown or unknown[0] not in attempt:
                raise _refused(name, wanted, error) from error
            del attempt[unknown[0]]
        except Exception as error:  # a model's constructor can raise anything about its arguments
            raise _refused(name, wanted, error) from error


def _refused(name: str, wanted: dict[str, Any], error: Exception) -> SettingError:
    reason = (str(error).strip().splitlines() or [type(error).__name__])[0]
    height, width = wanted["img_size"]
    weights = f" with the weights {wanted['pretrained_cfg_overlay']['file']}" if "pretrained" in wanted else ""
    what = f"timm cannot make '{name}'{weights} for images of {height} x {width} pixels: {reason}"
    return SettingError(what, "change architecture.options (such as patch_size), or choose another model or data set")
