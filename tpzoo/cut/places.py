"""Where blocks shall begin: from what a user says to a group for every parameter."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from torch import nn
from torch.nn.modules.batchnorm import _NormBase

from tpzoo.cut.calls import Call
from tpzoo.cut.errors import CutError
from tpzoo.plugin.suggest import did_you_mean

SplitAt = str | int | Sequence[str] | Mapping[str, int]
Groups = Mapping[str, int]
"""For each parameter the number of the block that it shall belong to; those left out go where their neighbours go."""

NORMS: tuple[Any, ...] = (_NormBase, nn.GroupNorm, nn.LayerNorm, nn.RMSNorm, nn.LocalResponseNorm)


def groups_of(model: nn.Module, at: SplitAt, calls: Sequence[Call]) -> Groups:
    """The groups that ``at`` asks for.

    Args:
        at: as in :func:`tpzoo.cut.split.split`.
        calls: one pass through the model.

    Raises:
        CutError: ``at`` names what the model has not, or what it never calls.
    """
    if isinstance(at, Mapping):
        return dict(at)
    if at == "auto":
        return _numbered(model, list(layers(model)), calls)
    if isinstance(at, int):
        if at < 1:
            raise CutError(f"at={at} is no depth", "1 means the module's own children, 2 theirs as well")
        return _numbered(model, _at_depth(model, at), calls)
    if isinstance(at, str):
        raise CutError(f"at={at!r} is not known", "use 'auto', a depth, or a list of names of submodules")
    return _named(model, list(at), calls)


def layers(model: nn.Module, name: str = "") -> dict[str, nn.Module]:
    """The layers with parameters: modules of torch, and modules of others without further layers in them."""
    below = {f"{name}.{key}" if name else key: child for key, child in model.named_children()}
    inside = {key: layer for path, child in below.items() for key, layer in layers(child, path).items()}
    if not any(True for _ in model.parameters()):
        return {}
    whole = type(model).__module__.startswith("torch.nn.") and not _is_container(model)
    return {name: model} if name and (whole or not inside) else inside


def _is_container(module: nn.Module) -> bool:
    kinds = (nn.Sequential, nn.ModuleList, nn.ModuleDict, nn.TransformerEncoder, nn.TransformerDecoder)
    return isinstance(module, kinds)


def has_matrix(layer: nn.Module) -> bool:
    """Whether a layer mixes features; norms, scales and parametrised activations do not, and begin no block."""
    return not isinstance(layer, NORMS) and any(p.ndim > 1 for p in layer.parameters())


def _at_depth(model: nn.Module, depth: int) -> list[str]:
    found = [name for name, _ in model.named_modules() if name and name.count(".") < depth]
    return [name for name in found if name.count(".") == depth - 1 or not any(n.startswith(f"{name}.") for n in found)]


def _numbered(model: nn.Module, names: Sequence[str], calls: Sequence[Call]) -> Groups:
    """A group for each of the modules ``names`` that has a matrix, in the order in which they run.

    The others have none: norms and scales go where the cuts leave them.
    """
    found = [model.get_submodule(name) for name in _in_order(names, calls)]
    ordered = [(name, part) for name, part in zip(_in_order(names, calls), found, strict=True) if has_matrix(part)]
    return {f"{name}.{key}": i for i, (name, part) in enumerate(ordered) for key, _ in part.named_parameters()}


def _in_order(names: Sequence[str], calls: Sequence[Call]) -> list[str]:
    owners = ((name for name in names if _is_below(call.name, name)) for call in calls)
    return list(dict.fromkeys(name for found in owners for name in found))


def _is_below(name: str, other: str) -> bool:
    """Whether ``name`` is ``other`` or a part of it."""
    return f"{name}.".startswith(f"{other}.")


def _named(model: nn.Module, names: Sequence[str], calls: Sequence[Call]) -> Groups:
    known = [name for name, _ in model.named_modules() if name]
    for name in names:
        if name not in known:
            raise CutError(f"it has no submodule '{name}'", did_you_mean(name, known) or f"it has {', '.join(known)}")
    order = _in_order(names, calls)
    if idle := [name for name in names if name not in order]:
        raise CutError(f"its submodule '{idle[0]}' is never called", "name one that its forward calls")
    if nested := [(a, b) for a in names for b in names if b.startswith(f"{a}.")]:
        a, b = nested[0]
        raise CutError(f"'{b}' lies inside '{a}': a block cannot begin in another one", f"leave out '{a}' or '{b}'")
    groups: dict[str, int] = {}
    number, current = 0, ""
    for call in calls:
        if not call.name or any(name != call.name and _is_below(name, call.name) for name in order):
            continue  # it holds blocks
        start = next((name for name in order if _is_below(call.name, name)), "")
        if start and start != current:
            number, current = number + bool(groups), start
        for key, _ in model.get_submodule(call.name).named_parameters():
            groups.setdefault(f"{call.name}.{key}", number)
    return groups
