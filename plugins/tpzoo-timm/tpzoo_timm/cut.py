"""Cut a model into a chain of blocks.

The shell of the model (the code between its layer groups) is traced; the groups themselves stay whole, as timm's own
modules. Where one tensor carries everything from one group to the next, the chain may be cut. Nothing is approximated:
each block runs the very operations that the model would have run.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from timm.models import get_notrace_functions
from torch import Tensor, fx, nn

from tpzoo import Block
from tpzoo.errors import SettingError
from tpzoo_timm.pieces import make_block, remove_unused

Groups = Mapping[str, int]


class CutError(SettingError):
    """The model cannot be cut where the setting `credit` asks for it."""


@dataclass(frozen=True)
class Flow:
    """A traced model: what happens to its input, in order.

    Attributes:
        model: whose modules and parameters the nodes name.
        start: the input.
        nodes: everything that depends on the input, but the output.
        result: the node whose value is the output.
        labels: for each node the group whose parameters it uses, or None.
        tensors: the nodes whose value is one floating point tensor.
    """

    model: nn.Module
    start: fx.Node
    nodes: tuple[fx.Node, ...]
    result: fx.Node
    labels: tuple[int | None, ...]
    tensors: frozenset[fx.Node]


def cut(model: nn.Module, groups: Groups, sample: Tensor) -> dict[str, Block]:
    """The blocks of ``model`` by name, in order: ``stem``, the groups, ``head``.

    Args:
        groups: for each parameter the number of its group, in the order of the groups.
        sample: any input, (batch, channels, height, width).

    Raises:
        CutError: the code between the groups cannot be traced, or between two groups more than one value is passed on.
    """
    flow = trace(model, groups, sample)
    ends = [*boundaries(flow), len(flow.nodes) - 1]
    first, blocks = 0, {}
    value = flow.start
    for i, last in enumerate(ends):
        nodes = flow.nodes[first : last + 1]
        fixed = "stem" if i == 0 else "head" if i == len(ends) - 1 else ""
        after = flow.result if i == len(ends) - 1 else carried(flow, last)[0]
        name = fixed or block_name(model, nodes)
        blocks[name if name not in blocks else f"{name}_{i}"] = make_block(model, nodes, value, after)
        first, value = last + 1, after
    return blocks


def trace(model: nn.Module, groups: Groups, sample: Tensor) -> Flow:
    """Trace the shell of ``model`` in evaluation mode."""
    whole = _Whole(model)
    tracer = _Shell(model, groups)
    try:
        graph = tracer.trace(whole)
    except Exception as error:  # tracing a stranger's code can raise anything
        reason = (str(error).strip().splitlines() or [type(error).__name__])[0]
        raise CutError(f"the code between its layers cannot be traced: {reason}") from error
    for node in list(graph.nodes):
        if node.op in ("call_module", "get_attr"):
            node.target = str(node.target).removeprefix("model.")
        if node.op == "call_function" and node.target is torch._assert:
            graph.erase_node(node)
    remove_unused(graph)
    start, *_, end = graph.nodes
    varying = _varying(graph)
    labels = tuple(_label(model, node, groups) for node in varying)
    return Flow(model, start, varying, end.args[0], labels, _tensors(model, graph, sample))


class _Whole(nn.Module):
    """The model with one argument, whatever options its ``forward`` has."""

    def __init__(self, model: nn.Module) -> None:
        super().__init__()
        self.model = model

    def forward(self, x: Tensor) -> Tensor:
        return self.model(x)


class _Shell(fx.Tracer):
    """Opens only modules that hold parameters of several groups, and notes what ``forward_head`` did."""

    def __init__(self, model: nn.Module, groups: Groups) -> None:
        super().__init__(autowrap_functions=tuple(get_notrace_functions()))
        self._opened = opened(groups)
        self._in_head = False
        self._head = getattr(model, "forward_head", None)
        self._model = model

    def trace(self, root: Any, concrete_args: dict[str, Any] | None = None) -> fx.Graph:
        if self._head is None:
            return super().trace(root, concrete_args)
        self._model.forward_head = self._forward_head  # type: ignore[assignment]
        try:
            return super().trace(root, concrete_args)
        finally:
            del self._model.forward_head

    def _forward_head(self, *arguments: Any, **options: Any) -> Any:
        self._in_head = True
        return self._head(*arguments, **options)  # type: ignore[misc]

    def is_leaf_module(self, m: nn.Module, module_qualified_name: str) -> bool:
        name = module_qualified_name.removeprefix("model").removeprefix(".")
        return bool(name) and name not in self._opened

    def create_node(self, *arguments: Any, **options: Any) -> fx.Node:
        node = super().create_node(*arguments, **options)
        node.meta["head"] = self._in_head
        return node


def opened(groups: Groups) -> set[str]:
    """The modules that hold parameters of more than one group."""
    found: dict[str, set[int]] = {}
    for name, group in groups.items():
        parts = name.split(".")[:-1]
        for depth in range(1, len(parts) + 1):
            found.setdefault(".".join(parts[:depth]), set()).add(group)
    return {name for name, inside in found.items() if len(inside) > 1}


def boundaries(flow: Flow) -> Iterator[int]:
    """The last node of each block but the head, by position.

    Raises:
        CutError: two groups cannot be told apart.
    """
    places = [(i, label) for i, label in enumerate(flow.labels) if label is not None]
    order = list(dict.fromkeys(label for _, label in places))
    for k in range(1, len(order)):
        earlier = set(order[:k])
        last = max(i for i, label in places if label in earlier)
        following = min(i for i, label in places if label not in earlier)
        chosen = _place(flow, last, following, to_head=k == len(order) - 1)
        if chosen is None:
            before, after = (block_name(flow.model, [flow.nodes[i]]) for i in (last, following))
            several = len(carried(flow, min(last, following - 1)))
            what = f"{several} values are passed on" if several != 1 else "what is passed on is not one tensor"
            raise CutError(f"between '{before}' and '{after}' {what}, so it is not a chain there")
        yield chosen


def _place(flow: Flow, last: int, following: int, to_head: bool) -> int | None:
    """Where to cut after node ``last`` and before ``following``: as late as possible, but before the head's pooling."""
    allowed = [i for i in range(last, following) if _is_cut(flow, i)]
    early = [i for i in allowed if flow.nodes[i + 1].meta["head"]] if to_head else []
    return early[0] if early else allowed[-1] if allowed else None


def _is_cut(flow: Flow, position: int) -> bool:
    values = carried(flow, position)
    return len(values) == 1 and values[0] in flow.tensors


def carried(flow: Flow, position: int) -> list[fx.Node]:
    """The values that nodes after ``position`` take from nodes up to it."""
    later = set(flow.nodes[position + 1 :])
    known = (flow.start, *flow.nodes[: position + 1])
    ends = {flow.result}
    return [node for node in known if node in ends or any(user in later for user in node.users)]


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


def _label(model: nn.Module, node: fx.Node, groups: Groups) -> int | None:
    """The group of a node's own parameters, or of those that reach it through constants."""
    if node.op == "call_module":
        prefix = f"{node.target}."
        return next((group for name, group in groups.items() if name.startswith(prefix)), None)
    constants = list(node.all_input_nodes)
    while constants:
        each = constants.pop()
        if each.op == "get_attr" and each.target in groups:
            return groups[str(each.target)]
        if each.op in ("call_function", "call_method") and _is_constant(each):
            constants.extend(each.all_input_nodes)
    return None


def _is_constant(node: fx.Node) -> bool:
    return node.op != "placeholder" and all(_is_constant(each) for each in node.all_input_nodes)


def _tensors(model: nn.Module, graph: fx.Graph, sample: Tensor) -> frozenset[fx.Node]:
    found: set[fx.Node] = set()

    class Recorder(fx.Interpreter):
        def run_node(self, n: fx.Node) -> Any:
            value = super().run_node(n)
            if isinstance(value, Tensor) and value.is_floating_point():
                found.add(n)
            return value

    try:
        with torch.no_grad():
            Recorder(model, graph=graph).run(sample)
    except Exception as error:  # code that depends on more than its tensors, such as a list that it fills
        raise CutError("what was traced of it does not run") from error
    return frozenset(found)
