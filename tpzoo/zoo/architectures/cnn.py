"""Convolutional networks: LeNet and VGG of Ernoult et al. 2022, the small CNN of Meulemans et al. 2020, and their kin.

Block ``conv<i>`` is convolution, activation and pool; block ``fc<i>`` a dense layer with its activation. Credit lives
on the pooled output. The last dense layer is linear.
"""

from __future__ import annotations

import math

from torch import nn

from tpzoo import Block, DataSpec, MaxPool, Network, SplitChain, activation, initialise, layer_shapes
from tpzoo.errors import SettingError
from tpzoo.zoo.architectures.mlp import dense_blocks, norm
from tpzoo.zoo.architectures.plugin import CnnSettings, ConvSettings


def build(settings: CnnSettings, spec: DataSpec) -> Network:
    """The network for images (channels, height, width) of ``spec``.

    Raises:
        SettingError: the data are not images, or a layer leaves nothing of them.
    """
    if len(spec.input_shape) != 3:
        raise SettingError(f"cnn needs images (channels, height, width), not samples of shape {spec.input_shape}")
    blocks: dict[str, Block] = {}
    shape: tuple[int, ...] = spec.input_shape
    convs = [f"conv{i}" for i in range(1, len(settings.conv) + 1)]
    bias = settings.bias.resolve([*convs, *(f"fc{i}" for i in range(1, len(settings.hidden) + 2))], "cnn.bias")
    for name, layer in zip(convs, settings.conv, strict=True):
        blocks[name] = conv_block(layer, shape, settings, bias[name], name)
        shape = _after(blocks[name], shape, name)
    blocks.update(dense_blocks([math.prod(shape), *settings.hidden, spec.output_size], settings, bias, flatten=True))
    return Network(blocks, spec.input_shape)


def conv_block(layer: ConvSettings, shape: tuple[int, ...], settings: CnnSettings, bias: bool, name: str) -> SplitChain:
    """Convolution, norm, activation, pool."""
    padding = layer.kernel // 2 if layer.padding is None else layer.padding
    conv = nn.Conv2d(shape[0], layer.channels, layer.kernel, layer.stride, padding, bias=bias)
    initialise(conv, settings.init)
    linear: dict[str, nn.Module] = {"conv": conv}
    if settings.norm != "none":
        linear |= norm(settings.norm, _after(conv, shape, name))
    layers = {**linear, "activation": activation(layer.activation or settings.activation)}
    stride = layer.pool_stride or layer.pool_kernel
    if layer.pool == "max":
        layers["pool"] = MaxPool(layer.pool_kernel, stride, layer.pool_padding)
    if layer.pool == "average":
        layers["pool"] = nn.AvgPool2d(layer.pool_kernel, stride, layer.pool_padding)
    return SplitChain(layers, linear=len(linear))


def _after(block: nn.Module, shape: tuple[int, ...], name: str) -> tuple[int, ...]:
    try:
        return layer_shapes([block], shape)[-1]
    except RuntimeError as error:
        raise SettingError(f"{name} leaves nothing of its input of shape {shape}: {error}") from error
