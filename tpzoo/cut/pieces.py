"""A stretch of a traced module as one block: its layers in a row, or, where code joins them, the code itself."""

from __future__ import annotations

import operator
from collections.abc import Sequence
from typing import Any

from torch import fx, nn

from tpzoo.cut.flow import Flow, remove_unused
from tpzoo.cut.functions import as_layer, recording
from tpzoo.cut.graph import GraphBlock, boundary, graph_module
from tpzoo.cut.places import has_matrix
from tpzoo.engine.block import Block, ModuleBlock
from tpzoo.engine.chain import Chain, LayerBlock, SplitChain

OUT_OF_PLACE = {
    operator.iadd: operator.add,
    operator.isub: operator.sub,
    operator.imul: operator.mul,
    operator.itruediv: operator.truediv,
}


def make_block(flow: Flow, nodes: Sequence[fx.Node], before: fx.Node, after: fx.Node) -> Block:
    """The block that runs ``nodes`` on the value of ``before`` and returns that of ``after``."""
    layers = in_a_row(flow, nodes, before)
    if layers is None:
        return GraphBlock(_graph(flow, nodes, before, after))
    weighted = [i for i, layer in enumerate(layers.values()) if any(True for _ in layer.parameters())]
    plain = [layer for layer in layers.values() if has_matrix(layer)]
    if len(plain) == 1 and type(plain[0]).__module__.startswith("torch.nn.") and not list(plain[0].children()):
        return SplitChain(layers, linear=weighted[-1] + 1)
    if len(layers) == 1:
        return ModuleBlock(next(iter(layers.values())))
    return Chain(layers)


def in_a_row(flow: Flow, nodes: Sequence[fx.Node], before: fx.Node) -> dict[str, nn.Module] | None:
    """The layers by name if each takes the one before it alone, else None."""
    layers: dict[str, nn.Module] = {}
    for node in nodes:
        if _is_needed_by_flatten(node, nodes):
            continue
        if node.target is boundary:
            before = node
            continue
        layer = _layer(flow.model, node, before)
        if layer is None:
            return None
        name = str(node.target if node.op == "call_module" else node.name).replace(".", "_")
        layers[_free(name, layers)] = layer
        before = node
    return layers or None


def _is_needed_by_flatten(node: fx.Node, nodes: Sequence[fx.Node]) -> bool:
    """Whether a node only says how many rows there are, to a flatten among ``nodes`` that is a layer of its own."""
    users = list(node.users)
    sizes = node.target == "size" or getattr(node.target, "__name__", "") in ("getattr", "getitem")
    if not sizes or not users or any(user not in nodes for user in users):
        return False
    return all(as_layer(user) is not None or _is_needed_by_flatten(user, nodes) for user in users)


def _layer(model: nn.Module, node: fx.Node, before: fx.Node) -> nn.Module | None:
    """What a node does to the value of ``before``, as a layer: a module of the model, or one for a function."""
    if not node.args or node.args[0] is not before:
        return None
    if node.op == "call_module":
        alone = len(node.args) == 1 and not node.kwargs
        return recording(model.get_submodule(str(node.target))) if alone else None
    return as_layer(node)


def _free(name: str, taken: dict[str, nn.Module]) -> str:
    while name in taken or hasattr(LayerBlock, name) or hasattr(SplitChain, name):
        name += "_"
    return name


def _graph(flow: Flow, nodes: Sequence[fx.Node], before: fx.Node, after: fx.Node) -> fx.GraphModule:
    graph = fx.Graph()
    copies = {before: graph.placeholder("x")}

    def copy(node: fx.Node) -> fx.Node:
        if node not in copies:
            for each in node.all_input_nodes:
                copy(each)  # constants: they are computed in every block that uses them
            copies[node] = _out_of_place(graph.node_copy(node, lambda each: copies[each]))
            copies[node].meta.clear()
        return copies[node]

    for node in nodes:
        if node.target is boundary:
            copies[node] = copy(node.all_input_nodes[0])
        else:
            copy(node)
    graph.output(copies[after])
    remove_unused(graph)
    return graph_module(flow.model, graph, flow.constants)


def _out_of_place(node: fx.Node) -> fx.Node:
    """A value that another block or another pass holds must not change."""
    if node.kwargs.get("inplace"):
        node.kwargs = {**node.kwargs, "inplace": False}
    target: Any = node.target
    other = OUT_OF_PLACE.get(target) if node.op == "call_function" else None
    node.target = other or node.target
    return node
