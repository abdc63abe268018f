"""The twin of a convolution: a transposed convolution with its own weights (Ernoult et al. 2022).

The output padding follows from the sizes on both sides. The published rule ``stride - 1`` is wrong on odd sizes.
"""

from __future__ import annotations

from typing import final

from torch import Tensor, nn
from torch.nn import functional as F
from torch.nn.grad import conv2d_weight

from tpzoo import Side, TwinEnds, TwinLayer, WeightedLinearTwin
from tpzoo.zoo.twins.linear import copy_weights


@final
class ConvTwin(WeightedLinearTwin):
    """(batch, out channels, h, w) -> (batch, in channels, H, W)."""

    def __init__(self, layer: nn.Conv2d, ends: TwinEnds) -> None:
        super().__init__()
        self._padding = pads(layer)
        geometry = zip(
            ends.shape_in[1:],
            ends.shape_out[1:],
            layer.stride,
            self._padding,
            layer.dilation,
            layer.kernel_size,
            strict=True,
        )
        output_padding = tuple(size - ((out - 1) * s - 2 * p + d * (k - 1) + 1) for size, out, s, p, d, k in geometry)
        self.conv = nn.ConvTranspose2d(
            layer.out_channels,
            layer.in_channels,
            layer.kernel_size,  # type: ignore[arg-type]
            layer.stride,  # type: ignore[arg-type]
            pads(layer),
            output_padding,
            layer.groups,
            layer.bias is not None,
            layer.dilation,  # type: ignore[arg-type]
        )

    def forward(self, v: Tensor, side: Side) -> Tensor:
        return self.conv(v)

    def difference(self, v: Tensor, d: Tensor, side: Side) -> Tensor:
        conv = self.conv
        return F.conv_transpose2d(
            d, conv.weight, None, conv.stride, self._padding, conv.output_padding, conv.groups, conv.dilation
        )

    def mirrored(self) -> dict[str, Tensor]:
        return {"weight": self.conv.weight}

    def gradient(self, v: Tensor, cotangent: Tensor, side: Side) -> dict[str, Tensor]:
        """<convT(v), c> = <v, conv(c)>: the weight gradient of a convolution of c with v as its cotangent."""
        conv = self.conv
        geometry = (conv.stride, self._padding, conv.dilation, conv.groups)
        weight: Tensor = conv2d_weight(cotangent, conv.weight.shape, v, *geometry)  # type: ignore[no-untyped-call]
        bias = {} if conv.bias is None else {"conv.bias": cotangent.sum((0, 2, 3))}
        return {"conv.weight": weight, **bias}


def pads(layer: nn.Conv2d) -> tuple[int, int]:
    """The padding of a convolution in numbers.

    Raises:
        TypeError: it pads by name with an even kernel, or not with zeros.
    """
    if layer.padding_mode != "zeros":
        raise TypeError(
            f"a convolution that pads with '{layer.padding_mode}' has no transposed convolution as its twin"
        )
    if layer.padding == "valid":
        return (0, 0)
    if layer.padding == "same":
        both = [d * (k - 1) for d, k in zip(layer.dilation, layer.kernel_size, strict=True)]
        if any(each % 2 for each in both):
            raise TypeError("padding='same' with an even kernel pads its two sides differently; give it in numbers")
        return (both[0] // 2, both[1] // 2)
    return (int(layer.padding[0]), int(layer.padding[1]))


def build(layer: nn.Conv2d, ends: TwinEnds) -> TwinLayer:
    """A fresh twin with torch's own initialisation, or with the layer's weights (``init: symmetric``)."""
    twin = ConvTwin(layer, ends)
    if getattr(ends.options, "init", "torch") == "symmetric":
        copy_weights(twin.conv, layer.weight)  # the layouts of both weights agree: (out, in, height, width)
    return twin
