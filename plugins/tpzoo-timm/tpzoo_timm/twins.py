"""Twins of timm's layers: each is described by plain layers in a row or beside each other, whose twins are known.

Twins have weights of their own; nothing is shared.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from torch import nn

from tpzoo import Chain, Residual, TwinEnds, TwinLayer
from tpzoo.errors import UnknownComponentError
from tpzoo_timm.parts import Permute, Scale

Build = Callable[[Any, TwinEnds], TwinLayer]


def row(*names: str) -> Build:
    """The builder of the twin of a module that runs its layers ``names`` one after the other."""

    def build(layer: nn.Module, ends: TwinEnds) -> TwinLayer:
        return made(layers(layer, *names), layer, ends)

    return build


def layers(module: nn.Module, *names: str) -> Chain:
    """Those of the layers ``names`` that are there."""
    found = {name: getattr(module, name, None) for name in names}
    return Chain({name: layer for name, layer in found.items() if layer is not None})


def children(layer: nn.Module, ends: TwinEnds) -> TwinLayer:
    """The twin of a module that runs all its children in order."""
    return made(Chain(dict(layer.named_children())), layer, ends)


def made(part: nn.Module, layer: nn.Module, ends: TwinEnds) -> TwinLayer:
    """The twin of a description of ``layer``, with the same ends. Its weights have the names that ``layer`` has."""
    described = dict(part.named_parameters(remove_duplicate=False))
    names = {id(p): name for name, p in layer.named_parameters()}
    return ends.make(part, ends.shape_in, ends.shape_out).called(lambda name: names[id(described[name])])


def residual(main: nn.Module, shortcut: nn.Module | None = None, after: nn.Module | None = None) -> Residual:
    """A residual unit from its parts."""
    return Residual(main, shortcut or nn.Identity(), after or nn.Identity())


mlp = row("fc1", "act", "norm", "fc2")
conv_norm_act = row("conv", "bn", "aa")
classifier_head = row("global_pool", "fc", "flatten")
norm_mlp_head = row("global_pool", "norm", "flatten", "pre_logits", "fc")
stage = row("downsample", "blocks")


def basic_block(layer: Any, ends: TwinEnds) -> TwinLayer:
    """Two convolutions beside a skip."""
    main = layers(layer, "conv1", "bn1", "drop_block", "act1", "aa", "conv2", "bn2", "se", "drop_path")
    return made(residual(main, layer.downsample, layer.act2), layer, ends)


def bottleneck(layer: Any, ends: TwinEnds) -> TwinLayer:
    """Three convolutions beside a skip."""
    names = ("conv1", "bn1", "act1", "conv2", "bn2", "drop_block", "act2", "aa", "conv3", "bn3", "se", "drop_path")
    return made(residual(layers(layer, *names), layer.downsample, layer.act3), layer, ends)


def regnet_bottleneck(layer: Any, ends: TwinEnds) -> TwinLayer:
    """Three convolutions beside a skip, as RegNet writes them."""
    main = layers(layer, "conv1", "conv2", "se", "conv3", "drop_path")
    return made(residual(main, layer.downsample, layer.act3), layer, ends)


def convnext_block(layer: Any, ends: TwinEnds) -> TwinLayer:
    """A depthwise convolution and an MLP beside a skip, with a scale by channel."""
    parts = {"conv_dw": layer.conv_dw, "norm": layer.norm, "mlp": layer.mlp}
    if not layer.use_conv_mlp:
        to_last, to_first = Permute(0, 2, 3, 1), Permute(0, 3, 1, 2)
        parts = {"conv_dw": layer.conv_dw, "last": to_last, "norm": layer.norm, "mlp": layer.mlp, "first": to_first}
    if layer.gamma is not None:
        parts["gamma"] = Scale(layer.gamma, -3)
    return made(residual(Chain(parts), layer.shortcut), layer, ends)


def mixer_block(layer: Any, ends: TwinEnds) -> TwinLayer:
    """An MLP over tokens and an MLP over channels, each beside a skip."""
    tokens = {"norm": layer.norm1, "turn": Permute(0, 2, 1), "mlp": layer.mlp_tokens, "back": Permute(0, 2, 1)}
    channels = {"norm": layer.norm2, "mlp": layer.mlp_channels}
    return made(Chain({"tokens": residual(Chain(tokens)), "channels": residual(Chain(channels))}), layer, ends)


def conv_mlp(layer: Any, ends: TwinEnds) -> TwinLayer:
    """VGG's dense layers as convolutions, after images that are too small for them were spread."""
    size = tuple(max(layer.input_kernel_size, each) for each in ends.shape_in[1:])
    spread = nn.Identity() if size == ends.shape_in[1:] else nn.AdaptiveAvgPool2d(size)
    parts = {"spread": spread, "fc1": layer.fc1, "act1": layer.act1, "fc2": layer.fc2, "act2": layer.act2}
    return made(Chain(parts), layer, ends)


def norm_act(layer: Any, ends: TwinEnds) -> TwinLayer:
    """A norm that brings its activation."""
    norm = nn.BatchNorm2d(layer.num_features, layer.eps, affine=layer.affine)
    return made(Chain({"norm": norm, "act": layer.act}), layer, ends)


def select_pool(layer: Any, ends: TwinEnds) -> TwinLayer:
    """A global pool: the average alone has a twin."""
    if layer.pool_type not in ("", "avg", "fast", "fastavg"):
        raise UnknownComponentError(f"no twin for a global pool of type '{layer.pool_type}'", "use an average")
    pool = nn.AdaptiveAvgPool2d(1) if layer.pool_type else nn.Identity()
    return made(Chain({"pool": pool, **({"flatten": nn.Flatten()} if len(ends.shape_out) == 1 else {})}), layer, ends)


def through(layer: nn.Module, ends: TwinEnds) -> TwinLayer:
    """Stochastic depth is inverted as any dropout."""
    return ends.make(nn.Dropout(), ends.shape_in, ends.shape_out)
