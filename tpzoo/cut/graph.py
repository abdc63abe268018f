"""Traced code: as a module, as a block, what its nodes compute, and the mark that says where a block should end."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, final

from torch import Tensor, fx, nn

from tpzoo.engine.block import Activity, Block
from tpzoo.engine.network import Network


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


def graph_module(model: nn.Module, graph: fx.Graph, constants: Mapping[str, Tensor]) -> fx.GraphModule:
    """Traced code of ``model`` as a module that shares its parts; tensors that are the code's own are copied."""

    def part(name: str) -> Any:
        if name in constants:
            return constants[name].clone()
        path, _, last = name.rpartition(".")
        return getattr(model.get_submodule(path), last)

    names = dict.fromkeys(str(node.target) for node in graph.nodes if node.op in ("call_module", "get_attr"))
    return fx.GraphModule({name: part(name) for name in names}, graph)


def node_values(code: fx.GraphModule, x: Tensor) -> dict[fx.Node, Any]:
    """What every node of traced code makes of ``x``."""
    values: dict[fx.Node, Any] = {}

    class Recorder(fx.Interpreter):
        def run_node(self, n: fx.Node) -> Any:
            values[n] = super().run_node(n)
            return values[n]

    Recorder(code, garbage_collect_values=False).run(x)
    return values


class InOrder(nn.Module):
    """The blocks of a network one after the other, without a seed of their own for those that draw."""

    def __init__(self, network: Network) -> None:
        super().__init__()
        self.network = network

    def forward(self, x: Tensor) -> Tensor:
        for node in self.network.nodes:
            x = self.network.block_of(node)(x)
        return x


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
