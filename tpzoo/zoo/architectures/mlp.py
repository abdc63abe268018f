"""Multilayer perceptron: h_l = s(W_l h_{l-1} + b_l), with a linear last layer. Every layer is one block."""

from __future__ import annotations

import itertools
import math
from collections.abc import Mapping

from torch import nn

from tpzoo import Block, DataSpec, Network, SplitChain, activation, initialise
from tpzoo.zoo.architectures.plugin import CnnSettings, MlpSettings


def build(settings: MlpSettings, spec: DataSpec) -> Network:
    """The network for samples and classes (or regression targets) of ``spec``; samples of any shape are flattened."""
    widths = [math.prod(spec.input_shape), *settings.hidden, spec.output_size]
    bias = settings.bias.resolve([f"fc{i}" for i in range(1, len(widths))], "mlp.bias")
    blocks = dense_blocks(widths, settings, bias, flatten=len(spec.input_shape) > 1)
    return Network(blocks, spec.input_shape)


def dense_blocks(
    widths: list[int], settings: MlpSettings | CnnSettings, bias: Mapping[str, bool], flatten: bool
) -> dict[str, Block]:
    """Dense blocks ``fc1``, ``fc2``, ... from each width to the next.

    Args:
        bias: by block.
        flatten: the first one flattens its input.
    """
    blocks: dict[str, Block] = {}
    for i, (n_in, n_out) in enumerate(itertools.pairwise(widths), start=1):
        linear, hidden = nn.Linear(n_in, n_out, bias=bias[f"fc{i}"]), i < len(widths) - 1
        initialise(linear, settings.init)
        layers: dict[str, nn.Module] = {"flatten": nn.Flatten()} if flatten and i == 1 else {}
        layers |= {"linear": linear, **(norm(settings.norm, (n_out,)) if hidden else {})}
        nonlinearity = activation(settings.activation if hidden else "linear")
        blocks[f"fc{i}"] = SplitChain({**layers, "activation": nonlinearity}, linear=len(layers))
    return blocks


def norm(name: str, shape: tuple[int, ...]) -> dict[str, nn.Module]:
    """The norm of that name for samples of ``shape``, as ``norm``; empty for ``none``."""
    if name == "batch":
        return {"norm": nn.BatchNorm1d(*shape) if len(shape) == 1 else nn.BatchNorm2d(shape[0])}
    return {"norm": nn.LayerNorm(shape)} if name == "layer" else {}
