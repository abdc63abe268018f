"""Small layers of every type that has a twin here, with the shape of one sample: what the conformance kit inverts."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import torch
from timm.layers import (
    BatchNormAct2d,
    ClassifierHead,
    ConvNormAct,
    DropPath,
    LayerNorm,
    LayerNorm2d,
    Mlp,
    NormMlpClassifierHead,
    SelectAdaptivePool2d,
    activations,
)
from timm.models import convnext, mlp_mixer, regnet, resnet, vgg
from torch import nn

from tpzoo_timm.parts import Permute, Scale

Examples = list[tuple[nn.Module, tuple[int, ...]]]


def residual_units() -> Examples:
    """With a plain skip, and with a stride on an odd image."""
    skip = nn.Sequential(nn.Conv2d(4, 6, 1, 2, bias=False), nn.BatchNorm2d(6))
    return [(resnet.BasicBlock(4, 4), (4, 5, 5)), (resnet.BasicBlock(4, 6, 2, skip), (4, 7, 7))]


def bottlenecks() -> Examples:
    """With a plain skip, and with a stride on an odd image."""
    skip = nn.Sequential(nn.Conv2d(4, 8, 1, 2, bias=False), nn.BatchNorm2d(8))
    return [(resnet.Bottleneck(8, 2), (8, 5, 5)), (resnet.Bottleneck(4, 2, 2, skip), (4, 7, 7))]


def regnet_units() -> Examples:
    """With groups, and with a stride on an odd image."""
    unit = regnet.Bottleneck
    return [(unit(4, 4, group_size=2, se_ratio=0), (4, 5, 5)), (unit(4, 6, 2, group_size=3, se_ratio=0), (4, 7, 7))]


def convnext_blocks() -> Examples:
    """With channels last inside, and with convolutions throughout."""
    block = convnext.ConvNeXtBlock
    plain, convolved = block(4, kernel_size=3, ls_init_value=0.5), block(4, kernel_size=3, conv_mlp=True)
    return [(plain, (4, 5, 5)), (convolved, (4, 5, 6))]


def activation(name: str) -> Callable[[], Examples]:
    """One that works in place, where it can: its twin must not."""
    return lambda: [(getattr(activations, name)(inplace=True), (2, 3, 5)), (getattr(activations, name)(), (5,))]


EXAMPLES: Mapping[str, Callable[[], Examples]] = {
    "resnet.BasicBlock": residual_units,
    "resnet.Bottleneck": bottlenecks,
    "regnet.Bottleneck": regnet_units,
    "regnet.RegStage": lambda: [(regnet.RegStage(2, 4, 6, 2, 1, group_size=2, se_ratio=0), (4, 7, 7))],
    "convnext.ConvNeXtBlock": convnext_blocks,
    "convnext.ConvNeXtStage": lambda: [
        (convnext.ConvNeXtStage(4, 6, 3, depth=1, norm_layer=LayerNorm2d, norm_layer_cl=LayerNorm), (4, 8, 7))
    ],
    "mlp_mixer.MixerBlock": lambda: [(mlp_mixer.MixerBlock(4, 6), (6, 4))],
    "vgg.ConvMlp": lambda: [(vgg.ConvMlp(2, 4, 3, drop_rate=0.0), size) for size in ((2, 3, 3), (2, 2, 1))],
    "layers.DropPath": lambda: [(DropPath(0.3), (4, 3))],
    "layers.Mlp": lambda: [(Mlp(4, 6, 3), (4,)), (Mlp(4, 6, norm_layer=nn.LayerNorm), (5, 4))],
    "layers.ConvNormAct": lambda: [(ConvNormAct(3, 4, 3, 2), (3, 7, 7))],
    "layers.BatchNormAct2d": lambda: [(BatchNormAct2d(3), (3, 4, 5))],
    "layers.SelectAdaptivePool2d": lambda: [
        (SelectAdaptivePool2d(pool_type="avg", flatten=flatten), (2, 3, 4)) for flatten in (False, True)
    ],
    "layers.ClassifierHead": lambda: [(ClassifierHead(4, 3), (4, 3, 3))],
    "layers.NormMlpClassifierHead": lambda: [(NormMlpClassifierHead(4, 3, 5), (4, 3, 3))],
    **{
        f"activations.{name}": activation(name)
        for name in ("GELU", "GELUTanh", "QuickGELU", "Swish", "Mish", "HardSwish", "HardMish", "Sigmoid", "Tanh")
    },
    "parts.Permute": lambda: [(Permute(0, 2, 3, 1), (2, 3, 4)), (Permute(0, 2, 1), (3, 3))],
    "parts.Scale": lambda: [(Scale(torch.rand(3), -1), (4, 3)), (Scale(torch.rand(3), -3), (3, 3, 3))],
}
"""By the name of the record."""
