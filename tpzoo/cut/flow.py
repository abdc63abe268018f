"""A traced module as a line of operations, and where one tensor alone is handed from what is done to what is not."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor, fx, nn

from tpzoo.cut.errors import CutError
from tpzoo.cut.graph import boundary
from tpzoo.cut.places import Groups


@dataclass(frozen=True)
class Flow:
    """A traced module: what happens to its input, in order.

    Attributes:
        model: whose modules and parameters the nodes name.
        constants: further tensors that nodes name.
        start: the input.
        nodes: everything that depends on the input, but the output.
        result: the node whose value is the output.
        labels: for each node the group whose parameters it uses, or None.
        tensors: the nodes whose value is one floating point tensor.
    """

    model: nn.Module
    constants: dict[str, Tensor]
    start: fx.Node
    nodes: tuple[fx.Node, ...]
    result: fx.Node
    labels: tuple[int | None, ...]
    tensors: frozenset[fx.Node] = field(repr=False)


def flow_of(model: nn.Module, graph: fx.Graph, constants: dict[str, Tensor], groups: Groups, example: Tensor) -> Flow:
    """The operations of a traced module.

    Raises:
        CutError: it returns more than one tensor, or what was traced does not run.
    """
    for node in list(graph.nodes):
        if node.op == "call_function" and node.target is torch._assert:
            graph.erase_node(node)
    remove_unused(graph)
    start, *_, end = graph.nodes
    varying = _varying(graph)
    depends = {start, *varying}
    labels = tuple(_label(node, groups, depends) for node in varying)
    result: Any = end.args[0]
    if not isinstance(result, fx.Node) or not varying:
        raise CutError(f"it returns {_called(result)}, not one tensor", "wrap it in a module that returns the output")
    return Flow(model, constants, start, varying, result, labels, _tensors(model, graph, constants, example))


def _called(result: Any) -> str:
    if isinstance(result, fx.Node):
        return "its input, or a constant"
    names = {list: "a list", tuple: "a tuple", dict: "a dict"}
    return next((name for kind, name in names.items() if isinstance(result, kind)), type(result).__name__)


def remove_unused(graph: fx.Graph) -> None:
    """Drop what nothing uses: cut and original are compared in the end, so nothing needed can be lost."""
    for node in reversed(graph.nodes):
        if not node.users and node.op not in ("placeholder", "output"):
            graph.erase_node(node)


def boundaries(flow: Flow, merge: bool) -> list[int]:
    """The last node of each block but the last, by position.

    Args:
        merge: groups that cannot be told apart become one block.

    Raises:
        CutError: without ``merge``: two groups cannot be told apart.
    """
    places = [(i, label) for i, label in enumerate(flow.labels) if label is not None]
    order = list(dict.fromkeys(label for _, label in places))
    found: list[int] = []
    for k in range(1, len(order)):
        earlier = set(order[:k])
        last = max(i for i, label in places if label in earlier)
        following = min(i for i, label in places if label not in earlier)
        chosen = _place(flow, last, following)
        if chosen is not None:
            found.append(chosen)
        elif not merge:
            raise _inseparable(flow, last, following)
    return found


def _inseparable(flow: Flow, last: int, following: int) -> CutError:
    before, after = (block_name(flow.model, [flow.nodes[i]]) for i in (last, following))
    if last >= following:
        what = f"what belongs to '{before}' still runs when '{after}' has begun: {_said(flow.nodes[last])}"
        return CutError(f"{what}; it is not a chain there", "let one block hold both")
    values = carried(flow, last)
    shown = ", ".join(_said(node) for node in values if node is not flow.start) or "the input"
    many = f"{len(values)} values are passed on: {shown}" if len(values) != 1 else f"{shown} is passed on, no tensor"
    return CutError(f"between '{before}' and '{after}' {many}; it is not a chain there", "let one block hold both")


def _said(node: fx.Node) -> str:
    target = node.target if isinstance(node.target, str) else getattr(node.target, "__name__", str(node.target))
    line = node.meta.get("line", "")
    return f"'{target}'{f' of {line}' if line else ''}"


def _place(flow: Flow, last: int, following: int) -> int | None:
    """Where to cut after node ``last`` and before ``following``: at a mark, else as late as possible."""
    allowed = [i for i in range(last, following) if _is_cut(flow, i)]
    marked = [i for i in allowed if flow.nodes[i].target is boundary]
    return marked[-1] if marked else allowed[-1] if allowed else None


def _is_cut(flow: Flow, position: int) -> bool:
    values = carried(flow, position)
    return len(values) == 1 and values[0] in flow.tensors


def carried(flow: Flow, position: int) -> list[fx.Node]:
    """The values that nodes after ``position`` take from nodes up to it."""
    later = set(flow.nodes[position + 1 :])
    known = (flow.start, *flow.nodes[: position + 1])
    return [node for node in known if node is flow.result or any(user in later for user in node.users)]


def block_name(model: nn.Module, nodes: Sequence[fx.Node]) -> str:
    """The name of the module with the most parameters among ``nodes``, without dots."""
    sizes = {
        str(node.target): sum(p.numel() for p in model.get_submodule(str(node.target)).parameters())
        for node in nodes
        if node.op == "call_module"
    }
    largest = max(sizes, key=lambda name: sizes[name], default="")
    return largest.replace(".", "_") or str(nodes[0].name)


def _varying(graph: fx.Graph) -> tuple[fx.Node, ...]:
    start, *others, _ = graph.nodes
    found = {start: None}
    for node in others:
        if any(each in found for each in node.all_input_nodes):
            found[node] = None
    del found[start]
    return tuple(found)


def _label(node: fx.Node, groups: Groups, depends: Collection[fx.Node]) -> int | None:
    """The group of a node's own parameters, or of those that reach it through what does not depend on the input."""
    if node.op == "call_module":
        prefix = f"{node.target}."
        return next((group for name, group in groups.items() if name.startswith(prefix)), None)
    constants = [each for each in node.all_input_nodes if each not in depends]
    while constants:
        each = constants.pop()
        if each.op == "get_attr" and each.target in groups:
            return groups[str(each.target)]
        constants.extend(each.all_input_nodes)
    return None


def _tensors(model: nn.Module, graph: fx.Graph, constants: dict[str, Tensor], example: Tensor) -> frozenset[fx.Node]:
    found: set[fx.Node] = set()

    class Recorder(fx.Interpreter):
        def fetch_attr(self, target: str) -> Any:
            return constants[target] if target in constants else super().fetch_attr(target)

        def run_node(self, n: fx.Node) -> Any:
            value = super().run_node(n)
            if isinstance(value, Tensor) and value.is_floating_point():
                found.add(n)
            return value

    try:
        with torch.no_grad(), torch.random.fork_rng():
            Recorder(model, graph=graph).run(example)
    except Exception as error:  # code that depends on more than its tensors, such as a list that it fills
        raise CutError("what was traced of it does not run") from error
    return frozenset(found)
