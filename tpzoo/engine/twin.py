"""Twins: how one layer is inverted in a map that mirrors a block."""

from __future__ import annotations

import abc
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Self

import torch
from torch import Tensor, nn

Side = Mapping[str, Tensor]


class TwinLayer(nn.Module, abc.ABC):
    """From the output space of a layer back to its input space. Concrete twins are final.

    Attributes:
        holds: whether ``side`` must have what :meth:`hold` says of the clean pass: gates, and attention.
        names: what the layer calls the weights that ``mirrored`` calls otherwise; see :meth:`called`.
    """

    names: Mapping[str, str] = MappingProxyType({})
    holds: bool = False

    @abc.abstractmethod
    def forward(self, v: Tensor, side: Side) -> Tensor:
        """(batch, *shape of the layer's output) -> (batch, *shape of its input).

        ``side`` is the side data that the layer recorded in the pass at hand: pool indices and the like.
        """

    if TYPE_CHECKING:  # nn.Module's own returns Any

        def __call__(self, v: Tensor, side: Side) -> Tensor:
            """(batch, *shape of the layer's output) -> (batch, *shape of its input)."""

    def difference(self, v: Tensor, d: Tensor, side: Side) -> Tensor:
        """forward(v + d) - forward(v). Override it where it can be had without cancellation."""
        moved: Tensor = self(v + d, side)
        return moved - self(v, side)

    def hold(self, x: Tensor) -> dict[str, Any]:
        """What is held fixed for a batch, by name: what the layer makes of its clean input ``x`` (batch, ...).

        It is recorded once a batch, without a graph, and is part of ``side`` wherever the twin is evaluated, also on
        what a noisy pass gave.
        """
        return {}

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


class LinearTwin(TwinLayer):
    """A twin that is linear up to a bias.

    ``difference`` must not look at ``v``: a chain of twins does not carry the value further down than it is needed, and
    passes one of another shape.
    """

    def difference(self, v: Tensor, d: Tensor, side: Side) -> Tensor:
        """forward(d) - forward(0). Override it where it can be had without the subtraction."""
        moved: Tensor = self(d, side)
        return moved - self(torch.zeros_like(d), side)


class WeightedLinearTwin(LinearTwin):
    """A linear twin with weights, which says how they are differentiated."""

    @abc.abstractmethod
    def gradient(self, v: Tensor, cotangent: Tensor, side: Side) -> dict[str, Tensor]:
        """The gradient of <forward(v), cotangent> by parameter name."""


class Reshapes(TwinLayer):
    """A twin whose ``forward`` is a ``reshape``, as that of the twin of a flatten is."""


class Scatters(TwinLayer):
    """A twin that puts every value into a cell and zeros into the others, as that of a max-pool does."""


class KeepsZero(TwinLayer):
    """A twin that acts on every cell alone and keeps zeros, as most activations do.

    It commutes, up to rounding, with a twin that scatters, and is evaluated before it, on fewer cells.
    """


def no_twin_known(kind: type[nn.Module]) -> bool:
    """Where nobody says which types of module have a twin."""
    return False


@dataclass(frozen=True)
class TwinEnds:
    """What the builder of a twin is told.

    Attributes:
        shape_in, shape_out: shapes of one sample before and after the layer that is inverted.
        make: builds the twin of an inner layer: ``make(layer, shape_in, shape_out)``.
        options: the settings of the map that the twin is part of.
        has_twin: whether a plugin has a twin for a type of module, or for an ancestor of it other than ``nn.Module``.
    """

    shape_in: tuple[int, ...]
    shape_out: tuple[int, ...]
    make: Callable[[nn.Module, tuple[int, ...], tuple[int, ...]], TwinLayer]
    options: Any = None
    has_twin: Callable[[type[nn.Module]], bool] = no_twin_known


def inner(side: Side, name: str) -> Side:
    """The side data of the inner layer ``name``."""
    prefix = f"{name}."
    return {key.removeprefix(prefix): value for key, value in side.items() if key.startswith(prefix)}
