"""Twins: how one layer is inverted in a map that mirrors a block."""

from __future__ import annotations

import abc
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, Self

import torch
from torch import Tensor, nn

Side = Mapping[str, Tensor]


class TwinLayer(nn.Module, abc.ABC):
    """From the output space of a layer back to its input space.

    Attributes:
        linear: whether it is linear up to a bias. ``difference`` must then not look at ``v``: a chain of twins does not
            carry the value further down than it is needed, and passes one of another shape.
        reshapes: whether ``forward`` is a ``reshape``, as that of the twin of a flatten is.
        scatters: whether it puts every value into a cell and zeros into the others, as the twin of a max-pool does.
        keeps_zero: whether it acts on every cell alone and keeps zeros, as most activations do. It then commutes,
            up to rounding, with a twin that scatters, and is evaluated before it, on fewer cells.
        names: what the layer calls the weights that ``mirrored`` calls otherwise; see :meth:`called`.
    """

    linear: bool = False
    reshapes: bool = False
    scatters: bool = False
    keeps_zero: bool = False
    names: Mapping[str, str] = MappingProxyType({})

    @abc.abstractmethod
    def forward(self, v: Tensor, side: Side) -> Tensor:
        """(batch, *shape of the layer's output) -> (batch, *shape of its input).

        ``side`` is the side data that the layer recorded in the pass at hand: pool indices and the like.
        """

    def difference(self, v: Tensor, d: Tensor, side: Side) -> Tensor:
        """forward(v + d) - forward(v). Override it where it can be had without cancellation."""
        if self.linear:
            v = torch.zeros_like(d)
        moved: Tensor = self(v + d, side)
        return moved - self(v, side)

    def mirrored(self) -> dict[str, Tensor]:
        """The weights by the name and in the layout of the layer's own; empty for a twin without weights."""
        return {}

    def weights(self) -> dict[str, Tensor]:
        """``mirrored()`` by the names that the layer itself has for its weights."""
        return {self.names.get(name, name): value for name, value in self.mirrored().items()}

    def called(self, name: Callable[[str], str]) -> Self:
        """The same twin for a layer that calls its weights ``name(old)``: one that holds the layer, or is like it."""
        self.names = {own: name(self.names.get(own, own)) for own in self.mirrored()}
        return self

    def gradient(self, v: Tensor, cotangent: Tensor, side: Side) -> dict[str, Tensor]:
        """For a linear twin with weights: the gradient of <forward(v), cotangent> by parameter name."""
        raise TypeError(f"{type(self).__name__} has no weights, or does not say how they are differentiated")


@dataclass(frozen=True)
class TwinEnds:
    """What the builder of a twin is told.

    Attributes:
        shape_in, shape_out: shapes of one sample before and after the layer that is inverted.
        make: builds the twin of an inner layer: ``make(layer, shape_in, shape_out)``.
        options: the settings of the map that the twin is part of.
    """

    shape_in: tuple[int, ...]
    shape_out: tuple[int, ...]
    make: Callable[[nn.Module, tuple[int, ...], tuple[int, ...]], TwinLayer]
    options: Any = None


def inner(side: Side, name: str) -> Side:
    """The side data of the inner layer ``name``."""
    prefix = f"{name}."
    return {key.removeprefix(prefix): value for key, value in side.items() if key.startswith(prefix)}
