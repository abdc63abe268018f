"""Which parameters belong together: timm's own layer groups, as it uses them for layer-wise learning rates."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from timm.models import group_parameters
from timm.models.vgg import VGG
from torch import nn

from tpzoo import CutError


def layer_groups(model: nn.Module, credit: str) -> dict[str, int]:
    """For each parameter the number of its group: the stem, the stages or blocks, the head.

    Args:
        credit: ``stage`` or ``block``.

    Raises:
        CutError: timm does not say what the model's layer groups are.
    """
    if isinstance(model, VGG):
        return dict(_vgg(model, credit))
    matcher: Any = getattr(model, "group_matcher", None)
    if matcher is None:
        raise CutError("timm does not say what its layer groups are (group_matcher)")
    try:
        return group_parameters(model, matcher(coarse=credit == "stage"), reverse=True)
    except Exception as error:  # some models know one of the two groupings only, and assert that it is asked for
        raise CutError(f"timm cannot group its layers by {credit}: {error}") from error


def _vgg(model: VGG, credit: str) -> Iterator[tuple[str, int]]:
    """A block is a convolution with what follows it; a stage ends with a max-pool; the dense layers are one block.

    timm's groups would part a convolution from its norm. They join the dense layers too: which of them runs depends on
    the size of the image, and such code stays whole.
    """
    number = -1 if credit == "block" else 0
    for index, layer in enumerate(model.features):
        number += isinstance(layer, nn.Conv2d if credit == "block" else nn.MaxPool2d)
        yield from ((f"features.{index}.{name}", number) for name, _ in layer.named_parameters())
    for place, part in enumerate((model.pre_logits, model.head), start=1):
        owner = "pre_logits" if part is model.pre_logits else "head"
        yield from ((f"{owner}.{name}", number + place) for name, _ in part.named_parameters())
