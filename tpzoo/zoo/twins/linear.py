"""The twin of a linear layer: a linear layer of the transposed shape."""

from __future__ import annotations

from typing import final

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from tpzoo import Side, TwinEnds, TwinLayer, WeightedLinearTwin


@final
class TransposedTwin(WeightedLinearTwin):
    """(batch, ..., out features) -> (batch, ..., in features)."""

    def __init__(self, layer: nn.Linear) -> None:
        super().__init__()
        self.matrix = nn.Linear(layer.out_features, layer.in_features, bias=layer.bias is not None)

    def forward(self, v: Tensor, side: Side) -> Tensor:
        return self.matrix(v)

    def difference(self, v: Tensor, d: Tensor, side: Side) -> Tensor:
        return F.linear(d, self.matrix.weight)

    def mirrored(self) -> dict[str, Tensor]:
        return {"weight": self.matrix.weight.T}

    def gradient(self, v: Tensor, cotangent: Tensor, side: Side) -> dict[str, Tensor]:
        rows, columns = cotangent.flatten(0, -2), v.flatten(0, -2)  # (batch * ..., features)
        bias = {} if self.matrix.bias is None else {"matrix.bias": rows.sum(0)}
        return {"matrix.weight": rows.T @ columns, **bias}


def build(layer: nn.Linear, ends: TwinEnds) -> TwinLayer:
    """A fresh twin with torch's own initialisation, or with the layer's transposed weights (``init: symmetric``)."""
    twin = TransposedTwin(layer)
    if getattr(ends.options, "init", "torch") == "symmetric":
        copy_weights(twin.matrix, layer.weight.T)
    return twin


def copy_weights(target: nn.Linear | nn.ConvTranspose2d, weight: Tensor) -> None:
    """Copy (never alias: a feedback step would move the forward weights) and set the bias to zero."""
    with torch.no_grad():
        target.weight.copy_(weight)
        if target.bias is not None:
            target.bias.zero_()
