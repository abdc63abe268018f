"""Tracing the code that joins the layers, in training and in evaluation mode, into one graph that is right in both.

Only modules that hold layers of several blocks are opened, all others stay whole. Code that cannot be traced, whose
steps depend on ``self.training`` or on values, or that draws numbers while it is traced, is kept whole too; or, where
it does no more than to call its layers one after the other, these take its place. A constant that depends on
``self.training``, as in ``F.dropout(x, training=self.training)``, is chosen when the code runs.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, fx, nn
from torch.overrides import TorchFunctionMode

from tpzoo.cut.calls import Row
from tpzoo.cut.errors import CutError, line_of_error, line_that_runs, reason
from tpzoo.cut.graph import by_mode, graph_module
from tpzoo.cut.modes import in_mode
from tpzoo.cut.places import Groups

PREFIX = "model"


class _FailedError(Exception):
    """The code of one opened module cannot be traced."""

    def __init__(self, name: str, why: str, line: str) -> None:
        super().__init__(why)
        self.name, self.why, self.line = name, why, line


def trace(
    model: nn.Module,
    groups: Groups,
    rows: Callable[[], Mapping[str, Row]],
    functions: Sequence[Callable[..., Any]] = (),
) -> tuple[fx.Graph, dict[str, Tensor]]:
    """The code of ``model`` between the layers of ``groups``, and the constants that it holds, by name.

    Args:
        rows: gives what :func:`tpzoo.cut.calls.seen_rows` finds; called where code cannot be traced.
        functions: functions of the model's module that are not to be looked into.

    Raises:
        CutError: the code of ``model`` itself cannot be traced; what stands where is said.
    """
    return trace_opened(model, opened(groups), rows, functions)


def trace_opened(
    model: nn.Module,
    open_modules: set[str],
    rows: Callable[[], Mapping[str, Row]] = dict,
    functions: Sequence[Callable[..., Any]] = (),
) -> tuple[fx.Graph, dict[str, Tensor]]:
    """The same where ``open_modules`` says by name which modules are opened, beside ``model`` itself."""
    in_a_row: set[str] = set()
    while True:
        try:
            graphs = []
            for training in (True, False):
                tracer = _Tracer(open_modules, {name: rows()[name] for name in in_a_row}, functions)
                with in_mode(model, training), _left_alone(model, open_modules), torch.random.fork_rng():
                    graphs.append((tracer.trace(_Whole(model)), tracer.constants))
            return _merged(*graphs)
        except _FailedError as error:
            if error.name not in in_a_row and error.name in rows():
                in_a_row.add(error.name)
            elif error.name:
                open_modules = {each for each in open_modules if not f"{each}.".startswith(f"{error.name}.")}
            else:
                where = f" ({error.line})" if error.line else ""
                hint = "move that code into a module of its own, which then stays whole"
                raise CutError(f"its forward cannot be cut: {error.why}{where}", hint) from error


def traced_module(model: nn.Module, open_modules: set[str]) -> fx.GraphModule:
    """The code of a module, and of those in it that are opened, as one that holds the same layers and parameters.

    Args:
        open_modules: by name; all others are called whole.

    Raises:
        CutError: the module's own code cannot be traced.
    """
    graph, constants = trace_opened(model, open_modules)
    return graph_module(model, graph, constants)


def opened(groups: Groups) -> set[str]:
    """The modules that hold parameters of more than one group."""
    found: dict[str, set[int]] = {}
    for name, group in groups.items():
        parts = name.split(".")[:-1]
        for depth in range(1, len(parts) + 1):
            found.setdefault(".".join(parts[:depth]), set()).add(group)
    return {name for name, inside in found.items() if len(inside) > 1}


class _Whole(nn.Module):
    """The model with one argument, whatever options its ``forward`` has."""

    def __init__(self, model: nn.Module) -> None:
        super().__init__()
        self.model = model

    def forward(self, x: Tensor) -> Tensor:
        return self.model(x)


@contextmanager
def _left_alone(model: nn.Module, names: set[str]) -> Iterator[None]:
    """What code that is traced writes on its modules is forgotten: it would be a proxy."""
    modules = [model, *(model.get_submodule(name) for name in names)]
    before = [dict(module.__dict__) for module in modules]
    try:
        yield
    finally:
        for module, attributes in zip(modules, before, strict=True):
            module.__dict__.clear()
            module.__dict__.update(attributes)


class _NoDraws(TorchFunctionMode):
    """Refuses what draws a number that would be a constant of the traced code."""

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        before = torch.random.get_rng_state()
        out = func(*args, **(kwargs or {}))
        if not torch.equal(before, torch.random.get_rng_state()):
            raise _DrawnError(f"{getattr(func, '__name__', func)} draws random numbers that do not depend on the input")
        return out


class _DrawnError(Exception):
    pass


class _Tracer(fx.Tracer):
    """Notes for each node the line that made it (``line``) and the module whose code that is (``owner``)."""

    proxy_buffer_attributes = True

    def __init__(
        self, open_modules: set[str], rows: Mapping[str, Row], functions: Sequence[Callable[..., Any]]
    ) -> None:
        super().__init__(autowrap_functions=tuple(functions))
        self.constants: dict[str, Tensor] = {}
        self._opened, self._rows = open_modules, rows
        self._within = [""]

    def trace(self, root: Any, concrete_args: dict[str, Any] | None = None) -> fx.Graph:
        with _NoDraws():
            graph = super().trace(root, concrete_args)
        for node in graph.nodes:
            if node.op in ("call_module", "get_attr"):
                target = str(node.target)
                if target.startswith(f"{PREFIX}."):
                    node.target = target.removeprefix(f"{PREFIX}.")
                else:
                    self.constants[target] = getattr(root, target)
        return graph

    def is_leaf_module(self, m: nn.Module, module_qualified_name: str) -> bool:
        name = _short(module_qualified_name)
        return bool(name) and name not in self._opened

    def call_module(
        self, m: nn.Module, forward: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]
    ) -> Any:
        path = self.path_of_module(m)
        if self.is_leaf_module(m, path):
            return super().call_module(m, forward, args, kwargs)
        name = _short(path)
        row = self._rows.get(name)
        self._within.append(name)
        try:
            if row is None:
                return super().call_module(m, forward, args, kwargs)
            (value, *_) = args
            for child, rest, options in row:
                value = m.get_submodule(child.removeprefix(name).removeprefix("."))(value, *rest, **options)
            return value
        except (_FailedError, CutError):
            raise
        except Exception as error:  # a stranger's code can raise anything when it meets a proxy
            raise _FailedError(name, _why(error), line_of_error(error)) from error
        finally:
            self._within.pop()

    def create_node(self, *arguments: Any, **options: Any) -> fx.Node:
        node = super().create_node(*arguments, **options)
        node.meta.clear()
        node.meta.update(line=line_that_runs(), owner=self._within[-1])
        return node


def _short(path: str) -> str:
    return path.removeprefix(PREFIX).removeprefix(".")


def _why(error: Exception) -> str:
    if isinstance(error, torch.fx.proxy.TraceError):
        return "what it does depends on values that are known only when it runs"
    return reason(error)


def _merged(
    in_training: tuple[fx.Graph, dict[str, Tensor]], in_evaluation: tuple[fx.Graph, dict[str, Tensor]]
) -> tuple[fx.Graph, dict[str, Tensor]]:
    """One graph for both modes.

    Raises:
        _FailedError: they differ in more than constants; it names the innermost module whose code does.
    """
    (one, constants), (other, others) = in_training, in_evaluation
    pairs = list(zip(one.nodes, other.nodes, strict=False))
    twins = {id(b): a for a, b in pairs}

    def same(a: Any, b: Any) -> bool:
        return twins.get(id(b)) is a if isinstance(b, fx.Node) else _equal(a, b)

    for a, b in pairs:
        alike = (
            a.op == b.op and a.target == b.target and len(a.args) == len(b.args) and a.kwargs.keys() == b.kwargs.keys()
        )
        if alike and a.op == "get_attr" and a.target in constants:
            alike = torch.equal(constants[a.target], others[a.target])
        if not alike or a.all_input_nodes != [twins[id(each)] for each in b.all_input_nodes]:
            raise _differ(a, b)
    if len(one.nodes) != len(other.nodes):
        raise _differ(pairs[-1][0], pairs[-1][1])
    training: list[fx.Node] = []

    def chosen(a: Any, b: Any, node: fx.Node) -> Any:
        if same(a, b):
            return a
        if isinstance(a, fx.Node) or isinstance(b, fx.Node):
            raise _differ(node, node)
        if isinstance(a, tuple | list) and type(a) is type(b) and len(a) == len(b):
            return type(a)(chosen(x, y, node) for x, y in zip(a, b, strict=True))
        if a is True and b is False:
            return flag()
        with one.inserting_before(node):
            made = one.call_function(by_mode, (flag(), a, b))
        made.meta.update(node.meta)
        return made

    def flag() -> fx.Node:
        if not training:
            first = next(node for node in one.nodes if node.op != "placeholder")
            with one.inserting_before(first):
                training.append(one.create_node("get_attr", "training"))
            training[0].meta.update(line="", owner="")
        return training[0]

    for a, b in pairs:
        a.args = tuple(chosen(x, y, a) for x, y in zip(a.args, b.args, strict=True))
        a.kwargs = {key: chosen(value, b.kwargs[key], a) for key, value in a.kwargs.items()}
    return one, constants


def _equal(a: Any, b: Any) -> bool:
    if isinstance(a, tuple | list) and isinstance(b, tuple | list):
        return False  # looked at item by item
    return type(a) is type(b) and bool(a == b)


def _differ(a: fx.Node, b: fx.Node) -> _FailedError:
    node = max((a, b), key=lambda each: len(each.meta.get("owner", "")))
    why = "what it does depends on self.training"
    return _FailedError(node.meta.get("owner", ""), why, node.meta.get("line", ""))
