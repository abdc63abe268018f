"""Multilayer perceptron: h_l = s(W_l h_{l-1} + b_l), with a linear last layer. Every layer is one block."""

from __future__ import annotations

import itertools
import math

from torch import nn

from tpzoo import Block, DataSpec, Network, SplitChain, activation, initialise
from tpzoo.zoo.architectures.plugin import CnnSettings, MlpSettings


def build(settings: MlpSettings, spec: DataSpec) -> Network:
    """The network for samples and classes (or regression targets) of ``spec``; samples of any shape are flattened."""
    widths = [math.prod(spec.input_shape), *settings.hidden, spec.output_size]
    blocks = dense_blocks(widths, settings, flatten=len(spec.input_shape) > 1)
    return Network(blocks, spec.input_shape)


def dense_blocks(widths: list[int], settings: MlpSettings | CnnSettings, flatten: bool) -> dict[str, Block]:
    """Dense blocks ``fc1``, ``fc2``, ... from each width to the next; the first flattens its input if asked to."""
    blocks: dict[str, Block] = {}
    for i, (n_in, n_out) in enumerate(itertools.pairwise(widths), start=1):
        linear = nn.Linear(n_in, n_out, bias=settings.bias)
        initialise(linear, settings.init)
        first: dict[str, nn.Module] = {"flatten": nn.Flatten()} if flatten and i == 1 else {}
        nonlinearity = activation(settings.activation if i < len(widths) - 1 else "linear")
        blocks[f"fc{i}"] = SplitChain({**first, "linear": linear, "activation": nonlinearity}, linear=len(first) + 1)
    return blocks
