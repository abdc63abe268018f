"""A block that runs traced code, and the mark that says where a block should end."""

from __future__ import annotations

from typing import Any, final

from torch import Tensor, fx

from tpzoo.engine.block import Activity, Block


@final
class GraphBlock(Block):
    """Layers joined by code that is no layer: branches, a class token, a position embedding, a mean over tokens.

    Attributes:
        graph: the traced code. Its modules and parameters have the names that they have in the module that was cut,
            below ``graph``.
    """

    def __init__(self, graph: fx.GraphModule) -> None:
        super().__init__()
        self.graph = graph

    def run(self, x: Tensor) -> Activity:
        return Activity(self.graph(x))


def boundary(x: Tensor) -> Tensor:
    """``x`` itself. In the ``forward`` of a module it marks where :func:`split` should rather end a block.

    Between two layers a chain can often be cut in several places, before or after a pool, say. :func:`split` cuts as
    late as it can, or at this mark where there is one. It makes no cut by itself.
    """
    traced: Any = x
    if isinstance(traced, fx.Proxy):
        marked: Any = traced.tracer.create_proxy("call_function", boundary, (traced,), {})
        return marked
    return x


def by_mode(training: bool, in_training: Any, in_evaluation: Any) -> Any:
    """One of two constants: what traced code computed with ``self.training`` true, or false."""
    return in_training if training else in_evaluation
