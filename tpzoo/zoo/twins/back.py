"""How values go back through a call of code: to which of those that it was made of, and what is done on the way."""

from __future__ import annotations

import operator
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import torch
from torch import Tensor, fx, nn
from torch.nn import functional as F

from tpzoo.zoo.twins.linear_code import BACK, summed_to

Values = Mapping[fx.Node, Any]
Sends = list[tuple[fx.Node, Callable[[Tensor], Tensor]]]
"""To each node that gets something what makes it of a value at the call."""


@dataclass(frozen=True)
class Pass:
    """A pass through code, whose gates are held fixed.

    Attributes:
        values: what every node made.
        carrying: the nodes whose values depend on the input's.
        scales: parameters that code multiplies with, by the name of :func:`scale_name`, in place of the code's own.
    """

    values: Values
    carrying: frozenset[fx.Node]
    scales: Mapping[str, Tensor] = field(default_factory=dict)

    def value(self, given: Any) -> Any:
        """Arguments of a call as they were in this pass."""
        if isinstance(given, fx.Node) and given.op == "get_attr" and scale_name(given) in self.scales:
            return self.scales[scale_name(given)]
        found: Any = fx.node.map_arg(given, lambda node: self.values[node])
        return found

    def of(self, node: fx.Node) -> list[fx.Node]:
        """Those of what a node was made of that carry the input's values, each once."""
        return [each for each in node.all_input_nodes if each in self.carrying]


How = Callable[[fx.Node, Pass], Sends]


def carrying_of(graph: fx.Graph, values: Values) -> frozenset[fx.Node]:
    """The nodes whose values depend on those of the input: tensors, not sizes that were read off them."""
    found: set[fx.Node] = set()
    for node in graph.nodes:
        depends = node.op == "placeholder" or any(each in found for each in node.all_input_nodes)
        if depends and isinstance(values.get(node), Tensor | tuple | list):
            found.add(node)
    return frozenset(found)


def scale_name(node: fx.Node) -> str:
    """What the parameter that a node reads is called where names hold no dots."""
    return str(node.target).replace(".", "/")


def layer_of(node: fx.Node) -> nn.Module | None:
    """The module that a node calls."""
    owner: Any = node.graph.owning_module
    return owner.get_submodule(str(node.target)) if node.op == "call_module" else None


def sends(node: fx.Node, made: Pass) -> Sends | None:
    """Where what comes to a call goes; None if nobody knows."""
    if node.op == "call_module":  # it may have the name of a method
        return None
    target: Any = node.target
    if target is operator.getitem and isinstance(source := node.args[0], fx.Node):
        if source.target in PARTS:
            return _part(node, made)
        if isinstance(layer_of(source), nn.MultiheadAttention):  # its output, beside its matrix
            return _unchanged(node, made) if node.args[1] == 0 else None
    if getattr(target, "__name__", "") in DROPS:
        return _unchanged(node, made)
    how = HOW.get(target) or (_moved if target in BACK else None)
    return how(node, made) if how is not None else None


def _unchanged(node: fx.Node, made: Pass) -> Sends:
    return [(made.of(node)[0], lambda u: u)]


def _moved(node: fx.Node, made: Pass) -> Sends:
    """Code that moves, takes or spreads values."""
    (source, *_), back = made.of(node), BACK[node.target]
    x = made.values[source]
    args = [made.value(each) for each in node.args[1:]]
    kwargs = {name: made.value(each) for name, each in node.kwargs.items()}
    return [(source, lambda u: back(u, x, args, kwargs))]


def _sum(sign: int, node: fx.Node, made: Pass) -> Sends:
    """To each summand, with the sign of the second one."""
    signs = list(zip(node.args[:2], (1, sign), strict=True))

    def send(source: fx.Node, u: Tensor) -> Tensor:
        times = sum(each for given, each in signs if given is source)
        return summed_to(u if times == 1 else times * u, made.values[source].shape)

    return [(source, partial(send, source)) for source in made.of(node)]


def factors(node: fx.Node) -> tuple[Any, ...]:
    """The two factors of a call that multiplies; empty for any other."""
    how = None if node.op == "call_module" else HOW.get(node.target)
    return node.args[:2] if how is _product else node.args[1:3] if how is _sum_of_a_product else ()


def _product(node: fx.Node, made: Pass) -> Sends:
    a, b = factors(node)
    kept, gate = gated(a, b, made)
    factor = made.value(gate)
    return [(kept, lambda u: summed_to(u * factor, made.values[kept].shape))]


def _sum_of_a_product(node: fx.Node, made: Pass) -> Sends:
    """``addcmul``: a + b c."""
    a, (b, c) = node.args[0], factors(node)
    found: Sends = []
    if isinstance(a, fx.Node) and a in made.carrying:
        found.append((a, lambda u: summed_to(u, made.values[a].shape)))
    if b in made.carrying or c in made.carrying:
        kept, gate = gated(b, c, made)
        factor = made.value(gate)
        found.append((kept, lambda u: summed_to(u * factor, made.values[kept].shape)))
    return found


def gated(a: Any, b: Any, made: Pass) -> tuple[fx.Node, Any]:
    """Of two factors the one that values go back to, and the one that is held fixed.

    One that does not depend on the input is held, then one that was broadcast, then what a gating function made, then
    the second one.
    """
    if a not in made.carrying or b not in made.carrying:
        return (a, b) if a in made.carrying else (b, a)
    sizes = made.values[a].numel(), made.values[b].numel()
    if sizes[0] != sizes[1]:
        return (a, b) if sizes[0] > sizes[1] else (b, a)
    return (b, a) if _is_gate(a) and not _is_gate(b) else (a, b)


def _is_gate(node: fx.Node) -> bool:
    layer = layer_of(node)
    return node.target in GATES if layer is None else isinstance(layer, GATING_LAYERS)


def _quotient(node: fx.Node, made: Pass) -> Sends:
    source, divisor = made.of(node)[0], made.value(node.args[1])
    return [(source, lambda u: summed_to(u / divisor, made.values[source].shape))]


def _negation(node: fx.Node, made: Pass) -> Sends:
    return [(made.of(node)[0], torch.neg)]


def _matrix_product(node: fx.Node, made: Pass) -> Sends:
    """Matrix times values: the transposed matrix; values times a matrix that does not depend on the input, likewise."""
    a, b = node.args[:2]
    if isinstance(b, fx.Node) and b in made.carrying:
        matrix = made.value(a)
        return [(b, lambda u: summed_to(matrix.transpose(-1, -2) @ u, made.values[b].shape))]
    matrix = made.value(b)
    return [(made.of(node)[0], lambda u: u @ matrix.transpose(-1, -2))]


def _attention(node: fx.Node, made: Pass) -> Sends:
    """softmax(q k^T / sqrt(features)) v, with the softmax of the pass: its transpose times what comes back."""
    q, k, source = node.args[:3]
    assert isinstance(source, fx.Node)
    queries, keys = made.value(q), made.value(k)
    scale = node.kwargs.get("scale") or queries.shape[-1] ** -0.5
    weights = (queries @ keys.transpose(-1, -2) * scale).softmax(-1)
    return [(source, lambda u: weights.transpose(-1, -2) @ u)]


def _join(stacked: bool, node: fx.Node, made: Pass) -> Sends:
    """To each of the tensors that were joined its own part."""
    parts: Any = node.args[0]
    dim: Any = node.kwargs.get("dim", node.args[1] if len(node.args) > 1 else 0)

    def send(start: int, size: int, u: Tensor) -> Tensor:
        return u.select(dim, start) if stacked else u.narrow(dim, start, size)

    found: Sends = []
    start = 0
    for part in parts:
        size = 1 if stacked else made.values[part].shape[dim]
        if part in made.carrying:
            found.append((part, partial(send, start, size)))
        start += size
    return found


def _part(node: fx.Node, made: Pass) -> Sends:
    """One of several tensors that a call gave: zeros stand for the others."""
    call, number = node.args
    assert isinstance(call, fx.Node)
    source: Any = call.args[0]
    x = made.values[source]
    places = torch.arange(x.numel(), device=x.device).view(x.shape)
    args = [made.value(each) for each in call.args[1:]]
    kwargs = {name: made.value(each) for name, each in call.kwargs.items()}
    chosen = getattr(places, PARTS[call.target])(*args, **kwargs)[number]

    def send(u: Tensor) -> Tensor:
        found = torch.zeros(x.numel(), dtype=u.dtype, device=u.device)
        return found.index_put((chosen.flatten(),), u.reshape(-1)).view(x.shape)

    return [(source, send)]


HOW: Mapping[Any, How] = {
    **dict.fromkeys((operator.add, operator.iadd, torch.add, "add"), partial(_sum, 1)),
    **dict.fromkeys((operator.sub, operator.isub, torch.sub), partial(_sum, -1)),
    **dict.fromkeys((operator.mul, operator.imul, torch.mul, "mul"), _product),
    **dict.fromkeys((operator.truediv, operator.itruediv, torch.div, "div"), _quotient),
    **dict.fromkeys((operator.matmul, torch.matmul, torch.bmm, "matmul", "bmm"), _matrix_product),
    **dict.fromkeys((torch.neg, "neg"), _negation),
    **dict.fromkeys((torch.cat, torch.concat), partial(_join, False)),
    torch.stack: partial(_join, True),
    torch.addcmul: _sum_of_a_product,
    F.scaled_dot_product_attention: _attention,
}

PARTS: Mapping[Any, str] = {
    **dict.fromkeys(("chunk", torch.chunk), "chunk"),
    **dict.fromkeys(("split", torch.split), "split"),
    **dict.fromkeys(("unbind", torch.unbind), "unbind"),
}
"""Calls that give several tensors: each is taken by its number."""

DROPS = ("stochastic_depth", "drop_path")
"""Functions of torchvision and timm that drop whole samples at random; their mean is the identity."""

GATING_LAYERS = (nn.Sigmoid, nn.Hardsigmoid, nn.Softmax, nn.Tanh)
GATES = {torch.sigmoid, "sigmoid", F.sigmoid, F.hardsigmoid, F.softmax, torch.softmax, "softmax", torch.tanh, "tanh"}
"""Layers and code whose result is a gate, where two values that depend on the input are multiplied."""
