"""What checks use to see what a call changed, and whether it could be captured."""

from __future__ import annotations

import copy
import random
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType
from typing import Any

import numpy
import torch
from torch import Tensor, nn
from torch._subclasses.fake_tensor import FakeTensorMode

from tpzoo.testing.outcome import ConformanceError, require

State = dict[str, Tensor]


def state(*modules: nn.Module) -> State:
    """Copies of all weights and buffers, those that are not saved included."""
    return {
        f"{i}.{name}": value.detach().clone()
        for i, module in enumerate(modules)
        for name, value in [*module.named_parameters(), *module.named_buffers()]
    }


def changed(before: State, after: State) -> list[str]:
    """The names of tensors that are not bit for bit the same."""
    require(before.keys() == after.keys(), f"tensors came or went: {sorted(before.keys() ^ after.keys())}")
    return [name for name, value in before.items() if not same(value, after[name])]


def same(value: Tensor, other: Tensor) -> bool:
    """Whether two tensors are the same bit for bit; NaN equals NaN."""
    return (
        value.shape == other.shape
        and value.dtype == other.dtype
        and torch.equal(value.isnan(), other.isnan())
        and (torch.equal(value.nan_to_num(), other.nan_to_num()))
    )


@contextmanager
def nothing_changes(what: str, *modules: nn.Module) -> Iterator[None]:
    """Raise unless every weight, buffer and ``.grad`` of ``modules`` is afterwards what it was."""
    before = state(*modules)
    yield
    if moved := changed(before, state(*modules)):
        raise ConformanceError(f"{what} changed {', '.join(name.split('.', 1)[1] for name in moved)}")
    left = [name for module in modules for name, p in module.named_parameters() if p.grad is not None]
    require(not left, f"{what} left a .grad on {', '.join(left)}: gradients are returned, not accumulated")


@contextmanager
def global_generators_rest(what: str) -> Iterator[None]:
    """Raise if the global generators of torch, numpy or Python are not afterwards where they were."""
    before = _generators()
    yield
    after = _generators()
    moved = [name for name, value in before.items() if value != after[name]]
    owners = " and ".join(moved)
    require(not moved, f"{what} draws from the global generator of {owners}; use the Draw that it is given")


def _generators() -> dict[str, Any]:
    cuda = [each.tolist() for each in torch.cuda.get_rng_state_all()] if torch.cuda.is_available() else []
    numbers: Any = numpy.random.get_state(legacy=False)
    return {
        "torch": (torch.get_rng_state().tolist(), cuda),
        "numpy": str(numbers["state"]["key"].tolist()) + str(numbers["state"]["pos"]),
        "Python": random.getstate(),
    }


def fake(mode: FakeTensorMode, *modules: nn.Module) -> None:
    """Put fake tensors, which have a shape and no values, in place of all weights and buffers."""
    for module in {id(each): each for top in modules for each in top.modules()}.values():
        for name, p in list(module._parameters.items()):
            if p is not None:
                module._parameters[name] = nn.Parameter(mode.from_tensor(p.detach()), requires_grad=p.requires_grad)
        for name, buffer in list(module._buffers.items()):
            if buffer is not None:
                module._buffers[name] = mode.from_tensor(buffer)


def require_capturable(what: str, mode: FakeTensorMode, call: Callable[[], object]) -> None:
    """Raise if ``call`` reads a value of a tensor: by ``.item()``, by a branch, or through a shape."""
    try:
        with mode:
            call()
    except Exception as error:
        first = (str(error).strip().splitlines() or [""])[0]
        where = _own_frame(error.__traceback__)
        raise ConformanceError(
            f"{what} cannot be captured: it reads a value of a tensor, or something else that only a real one has, "
            f"{where}({type(error).__name__}: {first})"
        ) from error


def fake_mode() -> FakeTensorMode:
    """A mode in which real constants may meet fake tensors.

    Without a GPU the mode pretends to have eight, and autograd's first pass starts a thread for each GPU there is: a
    process with such threads can't be forked any more. So a pass comes first.
    """
    one = torch.ones((), requires_grad=True)
    torch.autograd.grad(2 * one, one)
    return FakeTensorMode(allow_non_fake_inputs=True)


def _own_frame(traceback: TracebackType | None) -> str:
    """Where the last line outside of torch was."""
    torch_folder, found = str(Path(torch.__file__).parent), ""
    while traceback is not None:
        code = traceback.tb_frame.f_code
        if not code.co_filename.startswith((torch_folder, "<")):
            found = f"in {code.co_name} at {Path(code.co_filename).name}:{traceback.tb_lineno} "
        traceback = traceback.tb_next
    return found


def copied(values: Mapping[str, Any]) -> dict[str, Any]:
    """A deep copy of a state dict."""
    return copy.deepcopy(dict(values))


def alike(value: Tensor, reference: Tensor, tolerance: float) -> bool:
    """Whether |value - reference| is at most ``tolerance`` |reference|."""
    value, reference = value.detach().double(), reference.detach().double()
    return bool((value - reference).norm() <= tolerance * reference.norm())
