"""The twin of a normalisation: a fresh one of its kind (Ernoult et al. 2022).

That of a batch norm has no running statistics: g(h + d) and g(h) each see their own batch, in training and evaluation,
and nothing moves when a map is evaluated.
"""

from __future__ import annotations

import copy
from typing import final

from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm

from tpzoo import Side, TwinEnds, TwinLayer


@final
class NormTwin(TwinLayer):
    """Any shape to the same shape."""

    def __init__(self, norm: nn.Module) -> None:
        super().__init__()
        self.norm = norm

    def forward(self, v: Tensor, side: Side) -> Tensor:
        return self.norm(v)


def build(layer: nn.Module, ends: TwinEnds) -> TwinLayer:
    """A norm like ``layer`` with scale 1 and shift 0."""
    if isinstance(layer, _BatchNorm):
        return NormTwin(type(layer)(layer.num_features, layer.eps, affine=layer.affine, track_running_stats=False))
    fresh = copy.deepcopy(layer)
    for name, value in fresh.named_parameters(recurse=False):
        nn.init.constant_(value, 1.0 if name == "weight" else 0.0)
    return NormTwin(fresh)
