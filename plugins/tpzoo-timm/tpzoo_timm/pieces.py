"""A stretch of a traced model as one block: its layers in a row, or, where code joins them, the code itself."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from timm.layers import DropPath
from torch import Tensor, fx, nn

from tpzoo import Activity, Block, Chain, MaxPool, ModuleBlock
from tpzoo_timm.parts import TokenMean

IDLE = (nn.Identity, nn.Dropout, nn.Dropout2d, DropPath)


class Glue(Block):
    """Layers joined by code that is no layer: a class token, a position embedding, a mean over tokens.

    Its modules keep the names that they have in the timm model.
    """

    def __init__(self, graph: fx.GraphModule) -> None:
        super().__init__()
        self.graph = graph

    def run(self, x: Tensor) -> Activity:
        return Activity(self.graph(x))


def make_block(model: nn.Module, nodes: Sequence[fx.Node], before: fx.Node, after: fx.Node) -> Block:
    """The block that runs ``nodes`` on the value of ``before`` and returns that of ``after``."""
    layers = in_a_row(model, nodes, before)
    if layers is None:
        return Glue(_graph(model, nodes, before, after))
    if len(layers) == 1:
        return ModuleBlock(next(iter(layers.values())))
    return Chain(layers)


def in_a_row(model: nn.Module, nodes: Sequence[fx.Node], before: fx.Node) -> dict[str, nn.Module] | None:
    """The layers by name if each takes the one before it alone, else None. What does nothing is left out."""
    layers: dict[str, nn.Module] = {}
    for node in nodes:
        layer = _layer(model, node) if node.all_input_nodes == [before] else None
        name = str(node.target if node.op == "call_module" else node.name).replace(".", "_")
        if layer is None or name in layers or hasattr(Chain, name):
            return None
        if not isinstance(layer, IDLE):
            layers[name] = recording(layer)
        before = node
    return layers or None


def _layer(model: nn.Module, node: fx.Node) -> nn.Module | None:
    """What a node does, as a layer: a module of the model, a flatten, or a mean over tokens."""
    rest = (tuple(node.args[1:]), dict(node.kwargs))
    if node.op == "call_module" and rest == ((), {}):
        return model.get_submodule(str(node.target))
    if node.target in ("mean", torch.mean) and rest in (((1,), {}), ((), {"dim": 1})):
        return TokenMean()
    if node.target in ("flatten", torch.flatten) and rest in (((1,), {}), ((), {"start_dim": 1})):
        return nn.Flatten()
    return None


def recording(layer: nn.Module) -> nn.Module:
    """A max-pool that records which cell won, which its twin needs; any other layer as it is."""
    if type(layer) is not nn.MaxPool2d or layer.ceil_mode or layer.dilation not in (1, (1, 1)):
        return layer
    sizes = [each if isinstance(each, int) else each[0] for each in (layer.kernel_size, layer.stride, layer.padding)]
    square = all(each in (size, (size, size)) for each, size in zip(_geometry(layer), sizes, strict=True))
    return MaxPool(*sizes) if square else layer


def _geometry(layer: nn.MaxPool2d) -> tuple[object, ...]:
    return layer.kernel_size, layer.stride, layer.padding


def _graph(model: nn.Module, nodes: Sequence[fx.Node], before: fx.Node, after: fx.Node) -> fx.GraphModule:
    graph = fx.Graph()
    copies = {before: graph.placeholder("x")}

    def copy(node: fx.Node) -> fx.Node:
        if node not in copies:
            for each in node.all_input_nodes:
                copy(each)  # constants: they are computed in every block that uses them
            copies[node] = graph.node_copy(node, lambda each: copies[each])
        return copies[node]

    for node in nodes:
        copy(node)
    graph.output(copies[after])
    remove_unused(graph)
    return fx.GraphModule(model, graph)


def remove_unused(graph: fx.Graph) -> None:
    """Drop what nothing uses: the last step of a cut is a comparison with the model, so nothing needed can be lost."""
    for node in reversed(graph.nodes):
        if not node.users and node.op not in ("placeholder", "output"):
            graph.erase_node(node)
