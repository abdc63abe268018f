"""The twin of code: branches, skips, gates and attention, from the traced graph of a block or of a module.

The graph is walked backwards. What a layer made goes through the layer's own twin, what code made through the transpose
of that code (``linear_code``), and where a value was used several times what comes back is added, as the twin of a
residual unit does. Two values that depend on the input and are multiplied are a gate and what it gates, or an attention
matrix and its values: the gate of the clean pass is held fixed, and what comes back goes through it to the other one
alone. A parameter that code multiplies with, such as a layer scale, has a twin of its own.

This is tpzoo's own, and published nowhere: with the layers' weights transposed, what comes back through a gating layer
is its vector-Jacobian product with the gates held fixed. The Jacobian that L-DRL fits the mirror to has the gates'
derivatives too, so its least is near the transposed weights, not at them.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any, final

import torch
from torch import Tensor, fx, nn

from tpzoo import Side, TwinLayer, inner
from tpzoo.errors import UnknownComponentError
from tpzoo.zoo.twins.linear_code import (
    BACK,
    DROPS,
    GATES,
    JOINS,
    MATRIX_PRODUCTS,
    PARTS,
    PRODUCTS,
    QUOTIENTS,
    SUMS,
    summed_to,
)

Sent = dict[fx.Node, Any]
Values = dict[fx.Node, Any]
Carrying = frozenset[fx.Node]
GATING_LAYERS = (nn.Sigmoid, nn.Hardsigmoid, nn.Softmax, nn.Tanh)


@final
class GraphTwin(TwinLayer):
    """From the output of traced code back to its input.

    Args:
        code: the traced code; its modules are looked at, never held.
        twins: by the name of the node that calls it, the twin of each layer that anything comes back to.
        scales: the parameters that code multiplies with, by their names there, with ``/`` for a dot.
        carrying: the nodes whose values depend on the input's.
        prefix: what stands before the names of its weights in the layer that it is of.
    """

    holds = True

    def __init__(
        self,
        code: fx.GraphModule,
        twins: dict[str, TwinLayer],
        scales: dict[str, Tensor],
        carrying: Carrying,
        prefix: str,
    ) -> None:
        super().__init__()
        self._code = (code,)
        self._carrying = carrying
        self._prefix = prefix
        self.twins = nn.ModuleDict(twins)
        self.scales = nn.ParameterDict({name: nn.Parameter(value.detach().clone()) for name, value in scales.items()})

    def hold(self, x: Tensor) -> dict[str, Any]:
        values: Values = {}

        class Recorder(fx.Interpreter):
            def run_node(self, n: fx.Node) -> Any:
                values[n] = super().run_node(n)
                return values[n]

        Recorder(self._code[0], garbage_collect_values=False).run(x)
        kept: dict[str, Any] = {"values": {node.name: value for node, value in values.items()}}
        for name, twin in self.twins.items():
            layer: Any = twin
            node = next(each for each in values if each.name == name)
            if layer.holds and isinstance(node.args[0], fx.Node):
                kept |= {f"{name}.{key}": value for key, value in layer.hold(values[node.args[0]]).items()}
        return kept

    def forward(self, v: Tensor, side: Side) -> Tensor:
        return self._walk(v, None, side)[0]

    def difference(self, v: Tensor, d: Tensor, side: Side) -> Tensor:
        moved = self._walk(v, d, side)[1]
        assert moved is not None
        return moved

    def mirrored(self) -> dict[str, Tensor]:
        found: dict[str, Tensor] = {}
        for name, twin in self.twins.items():
            layer: Any = twin
            node = next(each for each in self._code[0].graph.nodes if each.name == name)
            if node.op == "call_module":
                found |= {f"{self._prefix}{node.target}.{key}": value for key, value in layer.weights().items()}
        return {**found, **{self._prefix + name.replace("/", "."): value for name, value in self.scales.items()}}

    def _walk(self, v: Tensor, d: Tensor | None, side: Side) -> tuple[Tensor, Tensor | None]:
        """The value that comes back to the input, and beside it the displacement."""
        held: Any = side
        nodes = list(self._code[0].graph.nodes)
        values: Values = {node: held["values"][node.name] for node in nodes}
        start, end = nodes[0], nodes[-1]
        sent: Sent = {end.args[0]: (v, d)}
        for node in reversed(nodes[1:-1]):
            if node in sent:
                for target, found in self._back(node, sent.pop(node), values, side):
                    sent[target] = _added(sent.get(target), found)
        if start not in sent:
            raise UnknownComponentError("nothing comes back to the input of this code", "")
        return sent[start]

    def _back(self, node: fx.Node, u: Any, values: Values, side: Side) -> list[tuple[fx.Node, Any]]:
        """What a node sends to each of those that it was made of."""
        varying = [each for each in node.all_input_nodes if each in self._carrying]
        if node.name in self.twins:
            twin: Any = self.twins[node.name]
            own = inner(side, node.name)
            v, d = u
            return [(varying[0], (twin(v, own), None if d is None else twin.difference(v, d, own)))]
        return [
            (target, tuple(None if each is None else send(each) for each in u))
            for target, send in self._sends(node, varying, values)
        ]

    def _sends(
        self, node: fx.Node, varying: list[fx.Node], values: Values
    ) -> list[tuple[fx.Node, Callable[[Tensor], Tensor]]]:
        rule = rule_of(node)
        if rule == "sum":
            return [(each, _signed(node, each, values[each].shape)) for each in dict.fromkeys(varying)]
        if rule == "product":
            kept, factor = self._factor(node, varying, values)
            return [(kept, lambda u: summed_to(u * factor(), values[kept].shape))]
        if rule == "sum of a product":
            return self._sum_of_a_product(node, varying, values)
        if rule == "quotient":
            divisor = _value(node.args[1], values)
            return [(varying[0], lambda u: summed_to(u / divisor, values[varying[0]].shape))]
        if rule == "matrix product":
            return [_through_matrix(node, values, self._carrying)]
        if rule == "attention":
            return [_through_attention(node, values)]
        if rule == "join":
            return _parted(node, values, self._carrying)
        if rule == "part":
            return [_taken(node, values)]
        if rule == "negation":
            return [(varying[0], torch.neg)]
        if rule == "first":
            return [(varying[0], lambda u: u)]
        back, x = BACK[node.target], values[varying[0]]
        args = [_value(each, values) for each in node.args[1:]]
        kwargs = {name: _value(each, values) for name, each in node.kwargs.items()}
        return [(varying[0], lambda u: back(u, x, args, kwargs))]

    def _sum_of_a_product(
        self, node: fx.Node, varying: list[fx.Node], values: Values
    ) -> list[tuple[fx.Node, Callable[[Tensor], Tensor]]]:
        """``addcmul``: a + b c."""
        found: list[tuple[fx.Node, Callable[[Tensor], Tensor]]] = []
        first: Any = node.args[0]
        if first in self._carrying:
            found.append((first, lambda u: summed_to(u, values[first].shape)))
        if any(each in self._carrying for each in node.args[1:3]):
            kept, factor = self._factor(node, varying, values)
            found.append((kept, lambda u: summed_to(u * factor(), values[kept].shape)))
        return found

    def _factor(self, node: fx.Node, varying: list[fx.Node], values: Values) -> tuple[fx.Node, Callable[[], Any]]:
        """What a product sends back to, and what it is multiplied with on the way."""
        kept, gate = gated(node, values, self._carrying)
        if isinstance(gate, fx.Node) and gate.op == "get_attr" and (name := scale_name(gate)) in self.scales:
            return kept, lambda: self.scales[name]
        return kept, lambda: _value(gate, values)


def _added(one: Any, other: Any) -> Any:
    if one is None:
        return other
    return tuple(a if b is None else b if a is None else a + b for a, b in zip(one, other, strict=True))


def carrying_of(graph: fx.Graph, values: Values) -> Carrying:
    """The nodes whose values depend on those of the input: tensors, not sizes that were read off them."""
    found: set[fx.Node] = set()
    for node in graph.nodes:
        depends = node.op == "placeholder" or any(each in found for each in node.all_input_nodes)
        if depends and isinstance(values.get(node), Tensor | tuple | list):
            found.add(node)
    return frozenset(found)


def _value(given: Any, values: Values) -> Any:
    found: Any = fx.node.map_arg(given, lambda node: values[node])
    return found


def _signed(node: fx.Node, source: fx.Node, shape: Any) -> Callable[[Tensor], Tensor]:
    times = sum((SUMS[node.target] if i else 1) for i, each in enumerate(node.args[:2]) if each is source)
    return lambda u: summed_to(u * times if times != 1 else u, shape)


def scale_name(node: fx.Node) -> str:
    """What the parameter that a node reads is called among the scales."""
    return str(node.target).replace(".", "/")


def gated(node: fx.Node, values: Values, carrying: Carrying) -> tuple[fx.Node, Any]:
    """Of the two factors of a product the one that values go back to, and the one that is held fixed.

    One that does not depend on the input is held, then one that was broadcast, then what a gating function made, then
    the second one.
    """
    a, b = factors = list(node.args[1:3] if node.target is torch.addcmul else node.args[:2])
    varying: list[Any] = [each for each in factors if each in carrying]
    if len(varying) == 1:
        return (varying[0], b if varying[0] is a else a)
    first, second = varying
    sizes = [values[each].numel() for each in varying]
    if sizes[0] != sizes[1]:
        return (first, second) if sizes[0] > sizes[1] else (second, first)
    return (second, first) if _is_gate(first) and not _is_gate(second) else (first, second)


def _is_gate(node: fx.Node) -> bool:
    return isinstance(_layer_of(node), GATING_LAYERS) or node.target in GATES


def _layer_of(node: fx.Node) -> nn.Module | None:
    owner: Any = node.graph.owning_module
    return owner.get_submodule(str(node.target)) if node.op == "call_module" else None


def _through_matrix(node: fx.Node, values: Values, carrying: Carrying) -> tuple[fx.Node, Callable[[Tensor], Tensor]]:
    """Matrix times values: the transposed matrix; values times matrix, where the second one does not vary, likewise."""
    a, b = node.args[:2]
    if isinstance(b, fx.Node) and b in carrying:
        matrix = _value(a, values)
        return b, lambda u: summed_to(matrix.transpose(-1, -2) @ u, values[b].shape)
    assert isinstance(a, fx.Node)
    other = _value(b, values)
    return a, lambda u: u @ other.transpose(-1, -2)


def _through_attention(node: fx.Node, values: Values) -> tuple[fx.Node, Callable[[Tensor], Tensor]]:
    """softmax(q k^T / sqrt(features)) v, with the softmax of the clean pass: its transpose times what comes back."""
    q, k, value = node.args[:3]
    assert isinstance(value, fx.Node)
    queries, keys = values[q], values[k]  # type: ignore[index]
    scale = node.kwargs.get("scale") or queries.shape[-1] ** -0.5
    weights = (queries @ keys.transpose(-1, -2) * scale).softmax(-1)
    return value, lambda u: weights.transpose(-1, -2) @ u


def _parted(node: fx.Node, values: Values, carrying: Carrying) -> list[tuple[fx.Node, Callable[[Tensor], Tensor]]]:
    """To each of the tensors that were joined its own part."""
    given: Any = node.args[0]
    parts = list(given)
    dim: Any = node.kwargs.get("dim", node.args[1] if len(node.args) > 1 else 0)
    joins: Mapping[Any, str] = JOINS
    stacked = joins[node.target] == "stack"
    found: list[tuple[fx.Node, Callable[[Tensor], Tensor]]] = []
    at = 0
    for i, part in enumerate(parts):
        size = 1 if stacked else values[part].shape[dim]
        if part in carrying:
            cut = partial(_selected, dim, i) if stacked else partial(_narrowed, dim, at, size)
            found.append((part, cut))
        at += size
    return found


def _selected(dim: int, index: int, u: Tensor) -> Tensor:
    return u.select(dim, index)


def _narrowed(dim: int, start: int, size: int, u: Tensor) -> Tensor:
    return u.narrow(dim, start, size)


def _taken(node: fx.Node, values: Values) -> tuple[fx.Node, Callable[[Tensor], Tensor]]:
    """One of several tensors that a call gave: zeros stand for the others."""
    call, number = node.args
    assert isinstance(call, fx.Node)
    source: Any = call.args[0]
    x, kind = values[source], PARTS[call.target]
    places = torch.arange(x.numel(), device=x.device).view(x.shape)
    args = [_value(each, values) for each in call.args[1:]]
    kwargs = {name: _value(each, values) for name, each in call.kwargs.items()}
    chosen = getattr(places, kind)(*args, **kwargs)[number]

    def send(u: Tensor) -> Tensor:
        found = torch.zeros(x.numel(), dtype=u.dtype, device=u.device)
        return found.index_put((chosen.flatten(),), u.reshape(-1)).view(x.shape)

    return source, send


def rule_of(node: fx.Node) -> str:
    """How values go back through a node that is no layer; empty if nobody knows."""
    target: Any = node.target
    if target is torch.nn.functional.scaled_dot_product_attention:
        return "attention"
    if node.op == "call_function" and getattr(target, "__name__", "") == "getitem":
        source = node.args[0]
        if isinstance(source, fx.Node) and source.target in PARTS:
            return "part"
        if isinstance(source, fx.Node) and isinstance(_layer_of(source), nn.MultiheadAttention):
            return "first" if node.args[1] == 0 else ""
    for rule, known in (("sum", SUMS), ("product", PRODUCTS), ("quotient", QUOTIENTS), ("join", JOINS)):
        if target in known:
            return rule
    if target is torch.addcmul:
        return "sum of a product"
    if target in MATRIX_PRODUCTS:
        return "matrix product"
    if target in (torch.neg, "neg"):
        return "negation"
    if getattr(target, "__name__", "") in DROPS:
        return "first"
    return "linear" if target in BACK else ""
