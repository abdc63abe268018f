"""Building the twin of code: which of its layers anything comes back to, and whether everything has an inverse."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, fx, nn

from tpzoo import GraphBlock, TwinEnds, TwinLayer, as_layer, trace_opened
from tpzoo.errors import TpzooError, UnknownComponentError
from tpzoo.zoo.twins.graph import Carrying, GraphTwin, Values, carrying_of, gated, rule_of, scale_name

EXAMPLES = 2


def block(layer: GraphBlock, ends: TwinEnds) -> TwinLayer:
    """The twin of a block that runs traced code."""
    return of_code(layer.graph, ends, "graph.")


def module(layer: nn.Module, ends: TwinEnds) -> TwinLayer:
    """The twin of a module that nobody brought one for, from its own code.

    Raises:
        UnknownComponentError: it is torch's own, its code cannot be traced, or something in it has no inverse.
    """
    kind = type(layer).__name__
    if type(layer).__module__.startswith("torch.nn."):
        raise UnknownComponentError(f"no twin for the module type {kind}", "a plugin can bring one by tpzoo_twins")
    opened = {name for name, part in layer.named_modules() if name and _is_opened(part, ends)}
    try:
        graph, constants = trace_opened(layer, opened)
    except TpzooError as error:
        raise UnknownComponentError(f"no twin for the module type {kind}: {error.what}", error.hint) from error
    targets = {str(node.target): None for node in graph.nodes if node.op in ("call_module", "get_attr")}
    code = fx.GraphModule({name: _attribute(layer, constants, name) for name in targets}, graph)
    try:
        return of_code(code, ends, "")
    except UnknownComponentError as error:
        raise UnknownComponentError(f"no twin for the module type {kind}: {error.what}", error.hint) from error


def _is_opened(part: nn.Module, ends: TwinEnds) -> bool:
    return not type(part).__module__.startswith("torch.nn.") and not ends.has_twin(type(part))


def _attribute(layer: nn.Module, constants: dict[str, Tensor], name: str) -> Any:
    if name in constants:
        return constants[name].clone()
    path, _, last = name.rpartition(".")
    return getattr(layer.get_submodule(path), last)


def of_code(code: fx.GraphModule, ends: TwinEnds, prefix: str) -> TwinLayer:
    """The twin of traced code.

    Args:
        prefix: what stands before the names of its weights in the layer that it is of.

    Raises:
        UnknownComponentError: a layer or a function on the way back has no inverse; it is named.
    """
    values = _example(code, ends.shape_in)
    carrying, nodes = carrying_of(code.graph, values), list(code.graph.nodes)
    end: Any = nodes[-1].args[0]
    reached, twins, scales = {end}, dict[str, TwinLayer](), dict[str, Tensor]()
    for node in reversed(nodes[1:-1]):
        if node not in reached:
            continue
        varying = [each for each in node.all_input_nodes if each in carrying]
        if (twin := _layer_twin(node, varying, code, ends, values)) is not None:
            twins[node.name] = twin
            reached.add(varying[0])
        elif rule := rule_of(node):
            reached |= set(_sources(node, rule, varying, values, carrying))
            if rule in ("product", "sum of a product") and any(each in carrying for each in node.args[-2:]):
                _, factor = gated(node, values, carrying)
                if isinstance(factor, fx.Node) and factor.op == "get_attr" and _is_weight(code, str(factor.target)):
                    scales[scale_name(factor)] = values[factor]
        else:
            raise UnknownComponentError(f"no twin for code that calls {_called(node)}", "a plugin can bring one")
    return GraphTwin(code, dict(reversed(twins.items())), scales, carrying, prefix)


def _is_weight(code: fx.GraphModule, name: str) -> bool:
    path, _, last = name.rpartition(".")
    return isinstance(getattr(code.get_submodule(path), last), nn.Parameter)


def _sources(node: fx.Node, rule: str, varying: list[fx.Node], values: Values, carrying: Carrying) -> list[fx.Node]:
    """Those of what a node was made of that something comes back to."""
    if rule == "product":
        return [gated(node, values, carrying)[0]]
    if rule == "sum of a product":
        product = any(each in carrying for each in node.args[1:3])
        kept = [gated(node, values, carrying)[0]] if product else []
        return [each for each in varying if each is node.args[0]] + kept
    if rule == "matrix product":
        second = node.args[1]
        return [second] if isinstance(second, fx.Node) and second in carrying else varying
    if rule == "attention":
        return [node.args[2]]  # type: ignore[list-item]
    if rule == "part":
        call: Any = node.args[0]
        return [call.args[0]]
    if rule in ("sum", "join"):
        return varying
    return varying[:1]


def _layer_twin(
    node: fx.Node, varying: list[fx.Node], code: fx.GraphModule, ends: TwinEnds, values: Values
) -> TwinLayer | None:
    """The twin of the layer that a node calls, or of the function that is a layer; None for other code."""
    if node.op == "call_module":
        layer: nn.Module | None = code.get_submodule(str(node.target))
        if len(varying) != 1:
            raise UnknownComponentError(f"no twin for {_called(node)}, which takes {len(varying)} values", "")
    else:
        layer = None if rule_of(node) else as_layer(node)
    if layer is None:
        return None
    before, after = (value[0] if isinstance(value, tuple) else value for value in (values[varying[0]], values[node]))
    return ends.make(layer, tuple(before.shape[1:]), tuple(after.shape[1:]))


def _called(node: fx.Node) -> str:
    name = node.target if isinstance(node.target, str) else getattr(node.target, "__name__", str(node.target))
    return f"'{name}'"


def _example(code: fx.GraphModule, shape: tuple[int, ...]) -> Values:
    """What every node makes of a few zeros, in evaluation mode."""
    values: Values = {}

    class Recorder(fx.Interpreter):
        def run_node(self, n: fx.Node) -> Any:
            values[n] = super().run_node(n)
            return values[n]

    like = next((p for p in code.parameters() if p.is_floating_point()), torch.empty(0))
    with torch.no_grad(), _evaluating(code):
        Recorder(code, garbage_collect_values=False).run(like.new_zeros(EXAMPLES, *shape))
    return values


@contextmanager
def _evaluating(code: nn.Module) -> Iterator[None]:
    before = [(each, each.training) for each in code.modules()]
    code.eval()
    try:
        yield
    finally:
        for each, training in before:
            each.training = training
