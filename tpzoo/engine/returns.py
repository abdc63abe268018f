"""What rules, updates, maps, learners, losses and output targets return, checked on the first batch of each shape.

After that nothing is checked: no test costs anything in the training steps that follow. Only types, shapes, dtypes and
devices are looked at, never a number.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from tpzoo.engine.feedback import Edge, Feedback
from tpzoo.engine.maps import At, StackedMap
from tpzoo.engine.network import Trace
from tpzoo.engine.objective import Batch, Loss, Output
from tpzoo.engine.optimise import WeightStepper
from tpzoo.errors import PluginError


class Returns:
    """Checks what the parts of an engine return.

    Args:
        called: what to call a part in errors, by its place (``rule``, ``map``): ``rule 'my_rules/mine'``.
    """

    def __init__(self, called: Mapping[str, str]) -> None:
        self._called = called
        self.stepped = False

    def name(self, place: str, part: object) -> str:
        """What to call a part in errors."""
        return self._called.get(place, f"the {place} {type(part).__name__}")

    def displacements(self, rule: nn.Module, trace: Trace, found: Any) -> None:
        """Displacements are tensors by node, each like the node's output, and at least one."""
        who = self.name("rule", rule)
        self._mapping(who, "displacements by node", found)
        if not found:
            raise _wrong(who, "at least one displacement", "none", "leave nodes out that are not trained, not all")
        if unknown := [node for node in found if node not in trace.passes]:
            raise _wrong(who, f"displacements of {', '.join(trace.passes)}", f"one of '{unknown[0]}'", "no such node")
        for node, value in found.items():
            self._like(f"{who}, the displacement of '{node}'", value, trace[node].out)

    def gradients(self, who: str, stepper: WeightStepper, found: Any) -> None:
        """Gradients are tensors by ``member.parameter``, each like the parameter."""
        self._mapping(who, "gradients by member.parameter", found)
        known = stepper.parameters
        if unknown := [name for name in found if name not in known]:
            listed = ", ".join([*known][:6])
            raise _wrong(who, f"gradients of {listed}", f"one of '{unknown[0]}'", "no such weight")
        for name, value in found.items():
            self._like(f"{who}, the gradient of '{name}'", value, known[name])

    def by_edge(self, learner: nn.Module, what: str, edges: Sequence[Edge], found: Any, values: bool) -> None:
        """A mapping for each edge, in their order; with ``values`` from its map's parameters to tensors like them."""
        who = self.name("learner", learner)
        if not isinstance(found, list | tuple) or len(found) != len(edges):
            got = f"{len(found)}" if isinstance(found, list | tuple) else _kind(found)
            raise _wrong(f"{who}, {what}", f"a list of {len(edges)} mappings, one for each edge", got)
        for edge, of_edge in zip(edges, found, strict=True):
            here = f"{who}, {what} of edge '{edge.name}'"
            self._mapping(here, "a mapping by the map's parameters", of_edge)
            known = dict(edge.map.named_parameters())
            for name, value in of_edge.items() if values else ():
                if name not in known:
                    raise _wrong(here, f"one of {', '.join(known)}", f"'{name}'", "no such parameter of the map")
                self._like(f"{here}, '{name}'", value, known[name])

    def noise(self, learner: nn.Module, edge: Edge, value: Any) -> None:
        """A learner's noise is a tuple of tensors."""
        if not isinstance(value, tuple) or not all(isinstance(each, Tensor) for each in value):
            here = f"{self.name('learner', learner)}, the noise of edge '{edge.name}'"
            raise _wrong(here, "a tuple of tensors", _kind(value), "write (noise,) for a single one")

    def losses(self, loss: Loss, out: Tensor, y: Tensor) -> None:
        """The loss of every sample is (batch,), of the output's dtype."""
        with torch.no_grad():
            found = loss.per_sample(out, y)
        self._like(f"{self.name('loss', loss)}, the loss of every sample", found, out.new_empty(len(out)))

    def error(self, loss: Loss, out: Tensor, found: Tensor) -> Tensor:
        """The gradient of every sample's loss is like the output."""
        self._like(f"{self.name('loss', loss)}, the gradient", found, out)
        return found

    def output_displacement(self, output: Output, out: Tensor, found: Tensor) -> Tensor:
        """The output's displacement is like the output."""
        self._like(self.name("output", output), found, out)
        return found

    @contextmanager
    def of_maps(self, feedback: Feedback) -> Iterator[None]:
        """Check what every map returns meanwhile, whoever calls it."""
        handles = [edge.map.register_forward_hook(self._forward(edge), with_kwargs=True) for edge in feedback.edges]
        feedback.sent = self._sent
        try:
            yield
        finally:
            feedback.sent = None
            for handle in handles:
                handle.remove()

    def _forward(self, edge: Edge) -> Callable[..., None]:
        def hook(module: nn.Module, given: tuple[Any, ...], named: dict[str, Any], out: Any) -> None:
            at = given[1] if len(given) > 1 else named.get("at")
            if isinstance(at, At):
                self._like(f"{self.name('map', module)} of edge '{edge.name}'", out, at.target.out, graph=True)

        return hook

    def _sent(self, edge: Edge, value: Any, at: At, stacked: bool) -> None:
        call = "differences" if stacked and isinstance(edge.map, StackedMap) else "difference"
        who = f"{self.name('map', edge.map)} of edge '{edge.name}', {call}"
        self._like(who, value[0] if stacked and isinstance(value, Tensor) else value, at.target.out, graph=True)

    def _mapping(self, who: str, expected: str, found: Any) -> None:
        if not isinstance(found, Mapping):
            raise _wrong(who, expected, _kind(found))

    def _like(self, who: str, value: Any, like: Tensor, graph: bool = False) -> None:
        expected = _shape(like)
        if not isinstance(value, Tensor):
            raise _wrong(who, expected, _kind(value))
        if value.shape != like.shape or value.dtype != like.dtype or value.device != like.device:
            raise _wrong(who, expected, _shape(value))
        if value.requires_grad and not graph:
            raise _wrong(who, "a tensor without a graph", "one that keeps its graph", "detach() it")


@dataclass(frozen=True)
class CheckedBatch(Batch):
    """A batch that checks what its loss and its output target return."""

    returns: Returns

    def error(self, out: Tensor) -> Tensor:
        return self.returns.error(self.loss, out, super().error(out))

    def output_displacement(self, out: Tensor) -> Tensor:
        return self.returns.output_displacement(self.output, out, super().output_displacement(out))


def _wrong(who: str, expected: str, got: str, hint: str = "") -> PluginError:
    return PluginError(f"{who} returned {got}; expected {expected}", hint)


def _kind(value: Any) -> str:
    return "nothing (None)" if value is None else f"an object of type {type(value).__name__}"


def _shape(value: Tensor) -> str:
    return f"a tensor of shape {tuple(value.shape)}, {str(value.dtype).removeprefix('torch.')} on {value.device}"
