"""Multilayer perceptron: h_l = s(W_l h_{l-1} + b_l), with a linear last layer. Every layer is one block."""

from __future__ import annotations

import itertools
import math

from torch import Tensor, nn

from tpzoo import Activation, Activity, Block, DataSpec, Network, activation, initialise
from tpzoo.zoo.architectures.cards import MlpSettings


class Dense(Block):
    """A linear layer and its nonlinearity; inputs of any shape are flattened."""

    def __init__(self, linear: nn.Linear, nonlinearity: Activation) -> None:
        super().__init__()
        self.linear = linear
        self.nonlinearity = nonlinearity

    def run(self, x: Tensor) -> Activity:
        return self.activate(self.linear(x.flatten(1)))  # (batch, features)

    def activate(self, pre: Tensor) -> Activity:
        return Activity(self.nonlinearity(pre), pre)


def build(settings: MlpSettings, spec: DataSpec) -> Network:
    """The network for samples and classes (or regression targets) of ``spec``."""
    widths = [math.prod(spec.input_shape), *settings.hidden, spec.output_size]
    blocks: dict[str, Block] = {}
    for i, (n_in, n_out) in enumerate(itertools.pairwise(widths), start=1):
        linear = nn.Linear(n_in, n_out, bias=settings.bias)
        initialise(linear, settings.init)
        blocks[f"fc{i}"] = Dense(linear, activation(settings.activation if i < len(widths) - 1 else "linear"))
    return Network(blocks, spec.input_shape)
