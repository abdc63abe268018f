"""Which modules a module calls, in which order, and which of them stand in a row: seen with hooks, not traced."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.func import functional_call

from tpzoo.cut.errors import CutError, line_of_error, reason
from tpzoo.cut.modes import in_mode


@dataclass
class Call:
    """One call of a module.

    Attributes:
        name: of the module called, and ``parent`` of the one whose ``forward`` called it.
        args, kwargs, out: what went in and came out.
    """

    name: str
    parent: str | None
    args: tuple[Any, ...]
    kwargs: Mapping[str, Any]
    out: Any = None


Row = Sequence[tuple[str, tuple[Any, ...], Mapping[str, Any]]]
"""The modules of a row by name, and what each takes beside the value of the one before it."""


def record(model: nn.Module, example: Tensor, training: bool) -> list[Call]:
    """Every call of a module in one pass of ``example``, in order of their beginning. No buffer moves.

    Raises:
        CutError: the pass fails.
    """
    calls: list[Call] = []
    open_calls: list[Call] = []
    names = {id(each): name for name, each in reversed(list(model.named_modules()))}

    def began(module: nn.Module, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
        parent = open_calls[-1].name if open_calls else None
        calls.append(Call(names[id(module)], parent, args, kwargs))
        open_calls.append(calls[-1])

    def ended(module: nn.Module, args: tuple[Any, ...], kwargs: dict[str, Any], out: Any) -> None:
        open_calls.pop().out = out

    handles: list[Any] = []
    for each in model.modules():
        handles.append(each.register_forward_pre_hook(began, with_kwargs=True))
        handles.append(each.register_forward_hook(ended, with_kwargs=True))
    try:
        with in_mode(model, training), torch.no_grad(), torch.random.fork_rng():
            functional_call(model, {name: value.clone() for name, value in model.named_buffers()}, (example,))
    except Exception as error:  # a stranger's code can raise anything
        where = line_of_error(error)
        what = f"it does not run on examples of {_size(example)}{' in training mode' if training else ''}"
        raise CutError(f"{what}: {reason(error)}{f' ({where})' if where else ''}") from error
    finally:
        for handle in handles:
            handle.remove()
    return calls


def _size(example: Tensor) -> str:
    return " x ".join(map(str, example.shape[1:])) or "no features"


def rows(calls: Sequence[Call]) -> dict[str, Row]:
    """By name of a module those that it calls, if it does nothing but to hand one value from each to the next."""
    found: dict[str, Row] = {}
    for call in calls:
        inside = [each for each in calls if each.parent == call.name]
        if inside and call.args and sum(each.name == call.name for each in calls) == 1 and _in_a_row(call, inside):
            found[call.name] = [(each.name, each.args[1:], each.kwargs) for each in inside]
    return found


def _in_a_row(call: Call, inside: Sequence[Call]) -> bool:
    value = call.args[0]
    for each in inside:
        rest = (*each.args[1:], *each.kwargs.values())
        if not each.args or each.args[0] is not value or any(isinstance(other, Tensor) for other in rest):
            return False
        value = each.out
    return value is call.out


def seen_rows(model: nn.Module, example: Tensor, calls: Sequence[Call]) -> dict[str, Row]:
    """The rows that are the same in both modes, and for other values than those of the example.

    Code that decides by values could still take another way for some that were not tried.

    Args:
        calls: what a pass in evaluation mode called.

    Raises:
        CutError: a pass fails.
    """
    found = rows(calls)
    drawn = torch.randn(example.shape, generator=torch.Generator().manual_seed(0)).to(example)
    for x, training in ((example, True), (-example, False), (3 * drawn, False), (-3 * drawn, False)) if found else ():
        others = rows(record(model, x, training))
        found = {name: row for name, row in found.items() if name in others and list(row) == list(others[name])}
    return found
