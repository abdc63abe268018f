"""What the maps with a hidden layer have in common: how they leave it out, and what a recurrent one sees besides u."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from tpzoo import At, Ends, FeedbackMap
from tpzoo.zoo.feedback.dense import DenseMap
from tpzoo.zoo.feedback.plugin import DenseSettings, MlpMapSettings, RandomHiddenSettings


def bypass(settings: RandomHiddenSettings | MlpMapSettings, ends: Ends) -> FeedbackMap | None:
    """t(Q u + d), where the settings want it on the edge from the output to the last hidden block; None elsewhere."""
    if not (settings.bypass_last and ends.source == "output" and len(ends.blocks) == 1):
        return None
    dense = DenseSettings(activation=settings.activation, init=settings.init, max_weights=settings.max_weights)
    return DenseMap(dense, ends)


def features(shape: tuple[int, ...], wanted: bool = True) -> int:
    """The number of features of a sample; 0 if they are not wanted."""
    return math.prod(shape) if wanted else 0


def with_own_activation(v: Tensor, at: At, recurrent: bool) -> Tensor:
    """v (batch, ...) flattened and, in a recurrent map, the clean activation at the target beside it."""
    return torch.cat([v.flatten(1), at.target.out.flatten(1)], 1) if recurrent else v.flatten(1)
