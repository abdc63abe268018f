"""How displacements become changes of the forward weights."""

from __future__ import annotations

import abc
from collections.abc import Mapping
from typing import Any, final

from torch import Tensor, nn

from tpzoo.engine.context import Context
from tpzoo.engine.network import Trace


class Update(nn.Module, abc.ABC):
    """An update: from the displacements of one batch to steps of the forward weights.

    Attributes:
        settings: what the config says, an instance of the record's ``config``.
    """

    def __init__(self, settings: Any = None) -> None:
        super().__init__()
        self.settings = settings

    @abc.abstractmethod
    def step(self, trace: Trace, displacements: Mapping[str, Tensor], context: Context) -> None:
        """Move the forward weights by ``context.step("forward", ...)``, once or several times.

        Args:
            trace: the training pass that the displacements belong to.
            displacements: d = target - activation by node, like each node's output (batch, ...); a node that is left
                out is not trained.
            context: the batch, and what may be stepped.
        """


class SingleStep(Update):
    """An update that computes gradients once and hands them to the optimiser."""

    @abc.abstractmethod
    def gradients(self, trace: Trace, displacements: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """What the optimiser gets, by ``block.parameter``, with the sign of a gradient: it is subtracted."""

    def step(self, trace: Trace, displacements: Mapping[str, Tensor], context: Context) -> None:
        context.step("forward", self.gradients(trace, displacements), displacements=displacements)


class ScaledGradient(SingleStep):
    """The gradients of the local losses, each block's times a factor (capability ``backprop_units``)."""

    @abc.abstractmethod
    def factor(self, block: str, units: int) -> float:
        """The block's local loss in units of half the sum of squares; ``units`` is the size of a sample's output."""

    @final
    def gradients(self, trace: Trace, displacements: Mapping[str, Tensor]) -> dict[str, Tensor]:
        return local_gradients(trace, {node: self.scaled(trace, node, d) for node, d in displacements.items()})

    @final
    def scaled(self, trace: Trace, node: str, d: Tensor) -> Tensor:
        """``d`` (batch, ...) of a node times the factor of its block."""
        factor = self.factor(trace[node].block, d[0].numel())
        return d if factor == 1 else factor * d


def local_gradients(trace: Trace, displacements: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """The gradients of every block's own loss 1/2 |F(h) - t|^2, summed over features, mean over the batch.

    By ``block.parameter``: the vector-Jacobian products of the blocks with the cotangents -d / batch. No gradient
    crosses a block boundary.
    """
    scale = -1.0 / trace.batch_size
    return trace.parameter_gradients({node: scale * d for node, d in displacements.items()})
