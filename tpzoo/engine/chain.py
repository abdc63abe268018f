"""A block made of layers, one after the other, by name: what most blocks are, and what map ``mirror`` can invert."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import cast, final

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from tpzoo.engine.block import Activity, Block, SplitBlock, run_layer


class LayerBlock(Block):
    """Layers by name. A layer that is itself a :class:`Block` adds its side data under its own name.

    Args:
        layers: any modules by name. Their names become part of the parameters' names, as in ``conv1.conv.weight``.
    """

    def __init__(self, layers: Mapping[str, nn.Module]) -> None:
        super().__init__()
        for name, layer in layers.items():
            self.add_module(name, layer)
        self._names = tuple(layers)

    @property
    def layers(self) -> Mapping[str, nn.Module]:
        """The layers by name, in the order in which they run."""
        return {name: cast(nn.Module, self._modules[name]) for name in self._names}

    def through(self, names: Sequence[str], x: Tensor) -> tuple[Tensor, dict[str, Tensor]]:
        """What the layers ``names`` make of ``x`` (batch, ...), one after the other, and their side data."""
        aux: dict[str, Tensor] = {}
        for name in names:
            x = run_layer(name, cast(nn.Module, self._modules[name]), x, aux)
        return x, aux


@final
class Chain(LayerBlock):
    """Layers in order."""

    def run(self, x: Tensor) -> Activity:
        out, aux = self.through(self._names, x)
        return Activity(out, None, aux)


@final
class SplitChain(LayerBlock, SplitBlock):
    """Layers in order, of which the first ``linear`` make up the linear map: their result is the pre-activation."""

    def __init__(self, layers: Mapping[str, nn.Module], linear: int) -> None:
        super().__init__(layers)
        self._linear = linear

    def run(self, x: Tensor) -> Activity:
        pre, first = self.through(self._names[: self._linear], x)
        rest = self.activate(pre)
        return Activity(rest.out, pre, {**first, **rest.aux})

    def activate(self, pre: Tensor) -> Activity:
        out, aux = self.through(self._names[self._linear :], pre)
        return Activity(out, pre, aux)


@final
class MaxPool(Block):
    """Max-pooling that records which cell won, as side data ``indices`` (batch, channels, height, width)."""

    def __init__(self, kernel: int, stride: int | None = None, padding: int = 0) -> None:
        super().__init__()
        self.kernel = kernel
        self.stride = stride or kernel
        self.padding = padding

    def run(self, x: Tensor) -> Activity:
        out, indices = F.max_pool2d(x, self.kernel, self.stride, self.padding, return_indices=True)
        return Activity(out, None, {"indices": indices})


@final
class Residual(SplitBlock):
    """after(main(x) + shortcut(x)). The skip lives inside the block: no credit crosses its boundary but by feedback.

    Args:
        main, shortcut: what both branches do; ``nn.Identity()`` for a plain skip.
        after: the activation of the sum.
    """

    def __init__(self, main: nn.Module, shortcut: nn.Module, after: nn.Module) -> None:
        super().__init__()
        self.main, self.shortcut, self.after = main, shortcut, after

    def run(self, x: Tensor) -> Activity:
        aux: dict[str, Tensor] = {}
        total = run_layer("main", self.main, x, aux) + run_layer("shortcut", self.shortcut, x, aux)
        return Activity(run_layer("after", self.after, total, aux), total, aux)

    def activate(self, pre: Tensor) -> Activity:
        aux: dict[str, Tensor] = {}
        return Activity(run_layer("after", self.after, pre, aux), pre, aux)


def layer_shapes(layers: Sequence[nn.Module], shape: Sequence[int]) -> list[tuple[int, ...]]:
    """The shape of one sample before, between and after ``layers``, found with a sample of zeros in evaluation mode."""
    tensors = (value for layer in layers for value in (*layer.parameters(), *layer.buffers()))
    reference = next((value for value in tensors if value.is_floating_point()), torch.empty(0))
    x, found = reference.new_zeros(1, *shape), [tuple(shape)]
    for layer in layers:
        training = layer.training
        layer.eval()
        with torch.no_grad():
            x = layer(x)
        layer.train(training)
        found.append(tuple(x.shape[1:]))
    return found
