"""The twin of attention: its matrix of the clean pass is held fixed, the projections beside it are mirrored."""

from __future__ import annotations

from typing import Any, final

import torch
from torch import Tensor, nn

from tpzoo import Side, TwinEnds, TwinLayer
from tpzoo.errors import UnknownComponentError
from tpzoo.zoo.twins.linear import copy_weights
from tpzoo.zoo.twins.traced import module as traced


@final
class AttentionTwin(TwinLayer):
    """Of self-attention, (batch, tokens, features) at both ends: value^T A^T out^T, with weights of its own.

    A, one matrix for each head, is softmax(q k^T / sqrt(features of a head)) of the clean pass.
    """

    holds = True

    def __init__(self, layer: nn.MultiheadAttention) -> None:
        super().__init__()
        self._layer = (layer,)
        self.heads = layer.num_heads
        bias = layer.in_proj_bias is not None
        self.out = nn.Linear(layer.embed_dim, layer.embed_dim, bias=bias)
        self.value = nn.Linear(layer.embed_dim, layer.embed_dim, bias=bias)

    def hold(self, x: Tensor) -> dict[str, Any]:
        layer = self._layer[0]
        projected = nn.functional.linear(x, layer.in_proj_weight, layer.in_proj_bias)
        q, k, _ = (self._split(each) for each in projected.chunk(3, dim=-1))
        return {"attention": (q @ k.transpose(-1, -2) * q.shape[-1] ** -0.5).softmax(-1)}

    def forward(self, v: Tensor, side: Side) -> Tensor:
        mixed = side["attention"].transpose(-1, -2) @ self._split(self.out(v))
        found: Tensor = self.value(mixed.transpose(1, 2).flatten(2))
        return found

    def mirrored(self) -> dict[str, Tensor]:
        return {"out_proj.weight": self.out.weight.T}

    def _split(self, x: Tensor) -> Tensor:
        """(batch, tokens, features) -> (batch, heads, tokens, features of a head)."""
        return x.view(*x.shape[:-1], self.heads, -1).transpose(1, 2)


def attention(layer: nn.MultiheadAttention, ends: TwinEnds) -> TwinLayer:
    """A fresh twin, or one with the layer's transposed weights (``init: symmetric``).

    Raises:
        UnknownComponentError: it does not attend to its own input, batch first.
    """
    if layer.in_proj_weight is None or not layer.batch_first or layer.bias_k is not None or layer.add_zero_attn:
        what = "no twin for a MultiheadAttention whose keys and values are not its queries, or whose batch is not first"
        raise UnknownComponentError(what, "use batch_first=True")
    twin = AttentionTwin(layer)
    if getattr(ends.options, "init", "torch") == "symmetric":
        copy_weights(twin.out, layer.out_proj.weight.T)
        copy_weights(twin.value, layer.in_proj_weight.chunk(3)[2].T)
    return twin


class _EncoderLayer(nn.Module):
    """What ``nn.TransformerEncoderLayer`` does, in code that can be traced; the parts are the layer's own."""

    def __init__(self, layer: nn.TransformerEncoderLayer) -> None:
        super().__init__()
        for name, part in layer.named_children():
            self.add_module(name, part)
        self.norm_first, self.activation = layer.norm_first, layer.activation

    def forward(self, x: Tensor) -> Tensor:
        parts: Any = self
        if self.norm_first:
            x = x + parts.dropout1(self._attend(parts.norm1(x)))
            return x + self._feed(parts.norm2(x))
        x = parts.norm1(x + parts.dropout1(self._attend(x)))
        found: Tensor = parts.norm2(x + self._feed(x))
        return found

    def _attend(self, x: Tensor) -> Tensor:
        attend: Any = self.self_attn
        found: Tensor = attend(x, x, x, need_weights=False)[0]
        return found

    def _feed(self, x: Tensor) -> Tensor:
        parts: Any = self
        found: Tensor = parts.dropout2(parts.linear2(parts.dropout(self.activation(parts.linear1(x)))))
        return found


def encoder_layer(layer: nn.TransformerEncoderLayer, ends: TwinEnds) -> TwinLayer:
    """From the code of a layer that attends and feeds forward, each beside a skip."""
    with torch.no_grad():
        return traced(_EncoderLayer(layer), ends)
