"""Building the twin of code: which of its layers anything comes back to, and whether everything has an inverse."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, fx, nn

from tpzoo import GraphBlock, TwinEnds, TwinLayer, as_layer, in_mode, node_values, traced_module
from tpzoo.errors import TpzooError, UnknownComponentError
from tpzoo.zoo.twins.back import Pass, carrying_of, factors, scale_name, sends
from tpzoo.zoo.twins.graph import GraphTwin

EXAMPLES = 2


def block(layer: GraphBlock, ends: TwinEnds) -> TwinLayer:
    """The twin of a block that runs traced code."""
    return of_code(layer.graph, ends, "graph.")


def module(layer: nn.Module, ends: TwinEnds) -> TwinLayer:
    """The twin of a module that nobody brought one for, from its own code.

    Raises:
        UnknownComponentError: it is torch's own, its code cannot be traced, or something in it has no inverse.
    """
    what = f"no twin for the module type {type(layer).__name__}"
    if type(layer).__module__.startswith("torch.nn."):
        raise UnknownComponentError(what, "a plugin can bring one by tpzoo_twins")
    opened = {name for name, part in layer.named_modules() if name and _is_opened(part, ends)}
    try:
        return of_code(traced_module(layer, opened), ends, "")
    except TpzooError as error:
        raise UnknownComponentError(f"{what}: {error.what}", error.hint) from error


def _is_opened(part: nn.Module, ends: TwinEnds) -> bool:
    return not type(part).__module__.startswith("torch.nn.") and not ends.has_twin(type(part))


def of_code(code: fx.GraphModule, ends: TwinEnds, prefix: str) -> TwinLayer:
    """The twin of traced code.

    Args:
        prefix: what stands before the names of its weights in the layer that it is of.

    Raises:
        UnknownComponentError: a layer or a function on the way back has no inverse; it is named.
    """
    like = next((p for p in code.parameters() if p.is_floating_point()), torch.empty(0))
    with torch.no_grad(), in_mode(code, False):
        values = node_values(code, like.new_zeros(EXAMPLES, *ends.shape_in))
    made = Pass(values, carrying_of(code.graph, values))
    _, *nodes, end = code.graph.nodes
    reached: set[Any] = {end.args[0]}
    twins, scales = dict[str, TwinLayer](), dict[str, Tensor]()
    for node in reversed(nodes):
        if node not in reached:
            continue
        sent = sends(node, made)
        if sent is not None:
            reached |= {target for target, _ in sent}
            scales |= _scales(node, code, made)
        elif (layer := _layer(node, code)) is not None:
            (source,) = _only(node, made)
            twins[node.name] = ends.make(layer, _shape(values[source]), _shape(values[node]))
            reached.add(source)
        else:
            raise UnknownComponentError(f"no twin for code that calls {_called(node)}", "a plugin can bring one")
    return GraphTwin(
        code, dict(reversed(twins.items())), scales, frozenset(node.name for node in made.carrying), prefix
    )


def _scales(node: fx.Node, code: fx.GraphModule, made: Pass) -> dict[str, Tensor]:
    """The parameters that a call multiplies with."""
    parameters = dict(code.named_parameters(remove_duplicate=False))
    read = [each for each in factors(node) if isinstance(each, fx.Node) and each.target in parameters]
    return {scale_name(each): made.values[each] for each in read}


def _layer(node: fx.Node, code: fx.GraphModule) -> nn.Module | None:
    """The layer that a node calls, or the one that does the same as the function that it calls."""
    return code.get_submodule(str(node.target)) if node.op == "call_module" else as_layer(node)


def _only(node: fx.Node, made: Pass) -> list[fx.Node]:
    found = made.of(node)
    if len(found) != 1:
        raise UnknownComponentError(f"no twin for {_called(node)}, which takes {len(found)} values", "")
    return found


def _shape(value: Any) -> tuple[int, ...]:
    """Of one sample; of attention, which gives its matrix too, that of the first."""
    return tuple((value[0] if isinstance(value, tuple) else value).shape[1:])


def _called(node: fx.Node) -> str:
    name = node.target if isinstance(node.target, str) else getattr(node.target, "__name__", str(node.target))
    return f"'{name}'"
