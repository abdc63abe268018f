"""Residual networks for small images, in the CIFAR manner: 3 x 3 stem, four stages, global average, linear head.

ResNet-18 has stages of (2, 2, 2, 2) units, ResNet-34 of (3, 4, 6, 3). Credit goes to residual units, or to whole
stages as in the code of Ernoult et al. 2022. A skip never crosses a block boundary.
"""

from __future__ import annotations

from torch import nn

from tpzoo import Block, Chain, DataSpec, Network, Residual, SplitChain, activation
from tpzoo.errors import SettingError
from tpzoo.zoo.architectures.plugin import ResnetSettings


def build(settings: ResnetSettings, spec: DataSpec) -> Network:
    """The network for images (channels, height, width) of ``spec``.

    Raises:
        SettingError: the data are not images, or groups do not divide a width.
    """
    if len(spec.input_shape) != 3:
        raise SettingError(f"resnet needs images (channels, height, width), not samples of shape {spec.input_shape}")
    channels = width = settings.width
    stem = _conv(spec.input_shape[0], width, 3, 1, settings)
    blocks: dict[str, Block] = {"stem": Chain({**stem, "activation": activation(settings.activation)})}
    for i, count in enumerate(settings.units):
        units = stage(channels, width * 2**i, count, 1 if i == 0 else 2, settings)
        if settings.credit == "stage":
            blocks[f"stage{i + 1}"] = Chain(units)
        else:
            blocks.update({f"stage{i + 1}_{name}": unit for name, unit in units.items()})
        channels = width * 2**i
    head = {"pool": nn.AdaptiveAvgPool2d(1), "flatten": nn.Flatten(), "linear": nn.Linear(channels, spec.output_size)}
    blocks["head"] = SplitChain(head, linear=3)
    return Network(blocks, spec.input_shape)


def stage(n_in: int, n_out: int, count: int, stride: int, settings: ResnetSettings) -> dict[str, Block]:
    """Residual units ``unit1``, ...; the first may change width and size."""
    pairs = [(n_in, stride), *[(n_out, 1)] * (count - 1)]
    return {f"unit{i}": unit(channels, n_out, step, settings) for i, (channels, step) in enumerate(pairs, start=1)}


def unit(n_in: int, n_out: int, stride: int, settings: ResnetSettings) -> Residual:
    """Two 3 x 3 convolutions beside a skip, which is a 1 x 1 convolution where width or size changes."""
    main = {
        **_conv(n_in, n_out, 3, stride, settings, "1"),
        "activation": activation(settings.activation),
        **_conv(n_out, n_out, 3, 1, settings, "2"),
    }
    changes = stride != 1 or n_in != n_out
    shortcut: nn.Module = Chain(_conv(n_in, n_out, 1, stride, settings)) if changes else nn.Identity()
    return Residual(Chain(main), shortcut, activation(settings.activation))


def _conv(
    n_in: int, n_out: int, kernel: int, stride: int, settings: ResnetSettings, suffix: str = ""
) -> dict[str, nn.Module]:
    bias = settings.norm == "none"
    conv = nn.Conv2d(n_in, n_out, kernel, stride, kernel // 2, bias=bias)
    layers: dict[str, nn.Module] = {f"conv{suffix}": conv}
    if settings.norm == "batch":
        layers[f"norm{suffix}"] = nn.BatchNorm2d(n_out)
    if settings.norm == "group":
        if n_out % settings.groups:
            raise SettingError(f"{settings.groups} groups do not divide {n_out} channels", "set architecture.groups")
        layers[f"norm{suffix}"] = nn.GroupNorm(settings.groups, n_out)
    return layers
