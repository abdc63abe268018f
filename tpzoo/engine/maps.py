"""The maps on edges: where a map is evaluated, and what a map can do."""

from __future__ import annotations

import abc
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, TypeVar

import torch
from torch import Tensor, nn

from tpzoo.engine.passes import FUNCTIONAL, Pass

T = TypeVar("T")


class At:
    """Where a map is evaluated. Made anew in each phase, so that nothing it remembers can go stale.

    Attributes:
        source: the pass at the edge's source (its pool indices, its ``vjp``); None for ``label`` and ``error``.
        target: the pass at the edge's target; the map's result has the shape of ``target.out``.
        label: the labels of the batch, where the path passes them on.
    """

    def __init__(
        self, source: Pass | None, target: Pass, label: Tensor | None = None, memory: dict[Any, Any] | None = None
    ) -> None:
        self.source = source
        self.target = target
        self.label = label
        self._memory = {} if memory is None else memory

    def memo(self, key: Any, compute: Callable[[], T]) -> T:
        """``compute()`` at the first call with ``key`` in this phase, the same result afterwards.

        Edges of one phase share the memory: a key of a map's own must hold the map, as in ``(self, "g(u)")``; one that
        holds a :class:`Shared` module is for all maps that share it. The result can be differentiated, whoever asked
        for it first: a walk without gradients may remember what a loss needs after it.
        """
        if key not in self._memory:
            with torch.enable_grad():
                self._memory[key] = compute()
        found: T = self._memory[key]
        return found


class FeedbackMap(nn.Module, abc.ABC):
    """g: from the space of an edge's source to that of its target.

    What a map can do beyond this is said by what else it derives from: :class:`StackedMap`, :class:`LinearTail`,
    :class:`MatrixMap`. Concrete maps are final.

    Attributes:
        differentiates_forward: it uses ``at.source.vjp``, so that the passes it is trained beside must have a graph.
    """

    differentiates_forward: bool = False

    @abc.abstractmethod
    def forward(self, u: Tensor, at: At) -> Tensor:
        """g(u), like ``at.target.out``, for ``u`` like the source."""

    if TYPE_CHECKING:  # nn.Module's own returns Any

        def __call__(self, u: Tensor, at: At) -> Tensor:
            """g(u), like ``at.target.out``, for ``u`` like the source."""

    def difference(self, d: Tensor, at: At) -> Tensor:
        """g(u + d) - g(u) at the source's activation u, like ``at.target.out``, for ``d`` like the source.

        Override it where it can be had without cancellation.
        """
        u = source_activation(at)
        moved: Tensor = self(u + d, at)
        return moved - at.memo((self, "g(u)"), lambda: self(u, at))

    def mirrored(self) -> dict[str, Tensor]:
        """The weights that correspond to forward weights; empty where nothing corresponds.

        They go by the name of the parameter of the block that is inverted, each in the layout of that parameter.
        """
        return {}


class StackedMap(FeedbackMap):
    """A map that takes several displacements of one activation in one call."""

    @abc.abstractmethod
    def differences(self, d: Tensor, at: At) -> Tensor:
        """:meth:`difference` for ``d`` (k, batch, ...): (k, batch, ...) at the target."""

    def difference(self, d: Tensor, at: At) -> Tensor:
        return self.differences(d.unsqueeze(0), at).squeeze(0)


class LinearTail(FeedbackMap):
    """A map that ends linearly (capability ``linear_tail``): g(u) = linear(features(u))."""

    @abc.abstractmethod
    def features(self, u: Tensor, at: At) -> Tensor:
        """The part of g before its linear tail, without parameters: (batch, ...) for ``u`` like the source."""

    @abc.abstractmethod
    def linear(self, v: Tensor, at: At) -> Tensor:
        """The linear tail, bias included: like ``at.target.out`` for ``v`` like the features."""

    def forward(self, u: Tensor, at: At) -> Tensor:
        return self.linear(self.features(u, at), at)

    def linear_difference(self, v: Tensor, at: At) -> Tensor:
        """The linear tail without its bias: what it makes of a difference of features."""
        moved = self.linear(v, at)
        return moved - self.linear(torch.zeros_like(v[:1]), at)

    def linear_gradient(self, v: Tensor, cotangent: Tensor, at: At) -> dict[str, Tensor]:
        """The gradient of <linear(v), cotangent> by parameter name. Default: differentiate :meth:`linear`."""
        names = [name for name, _ in self.named_parameters()]
        return FUNCTIONAL.loss_gradients(self, names, lambda: ((self.linear(v, at) * cotangent).sum(), []))[0]


class MatrixMap(FeedbackMap):
    """A map that is one matrix (capability ``linear_map``): ``difference(d)`` = Q d on flattened samples."""

    @abc.abstractmethod
    def weight_matrix(self) -> tuple[str, Tensor]:
        """The name and the value of the parameter Q, (target features, source features)."""


def differences(g: FeedbackMap, d: Tensor, at: At) -> Tensor:
    """``g.difference`` for several displacements of the same activation: (k, batch, ...) at both ends."""
    if isinstance(g, StackedMap):
        return g.differences(d, at)
    return torch.stack([g.difference(each, at) for each in d])


def source_activation(at: At) -> Tensor:
    """The activation u at an edge's source.

    Raises:
        TypeError: the edge starts at the label or the error, where there is no activation to displace.
    """
    if at.source is None:
        raise TypeError("this edge starts at no node: it has no activation that a displacement could be added to")
    return at.source.out
