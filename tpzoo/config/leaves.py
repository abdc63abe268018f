"""Give a written value the type that its setting declares, or say why it cannot have it.

OmegaConf decides what a type accepts. In front of it stands only what YAML makes necessary: a text takes what was
written, not what YAML reads (``no``, ``08``), and a whole number is a number. OmegaConf's own implicit conversions
(``"3"`` to 3, ``on`` to true) are refused.
"""

from __future__ import annotations

import functools
import typing
import warnings
from collections.abc import Callable
from dataclasses import make_dataclass
from enum import Enum
from pathlib import Path
from typing import Any

from omegaconf import OmegaConf
from omegaconf.errors import OmegaConfBaseException

from tpzoo.config.fields import (
    Field,
    describe,
    fields_of,
    holds_dataclass,
    is_list,
    is_mapping,
    members,
    per_name_of,
)
from tpzoo.config.limits import broken_limits
from tpzoo.config.nodes import Entries, Items, Leaf, Node, plain
from tpzoo.config.problems import Problems
from tpzoo.errors import PluginError, TpzooError
from tpzoo.plugin.settings import PerName
from tpzoo.plugin.suggest import did_you_mean, name_hint


class _Mismatch(Exception):
    """The value does not have the type."""


_INVALID = object()


def read_leaf(field: Field, node: Node, path: str, problems: Problems, store: Callable[[Any], None]) -> None:
    """Pass the typed value of ``node`` to ``store``, or note what is wrong with it."""
    value = _read(field.hint, node, path, problems)
    if value is _INVALID:
        return
    found = list(broken_limits(value, field.metadata))
    for message in found:
        problems.add(node.where, path, message)
    if not found:
        store(value)


def _read(hint: Any, node: Node, path: str, problems: Problems) -> Any:
    if isinstance(node, Entries) and node.own is not None:
        problems.add(node.where, path, "is set both as a whole and in parts: write one mapping")
        return _INVALID
    if holds_dataclass(hint) and per_name_of(hint) is None:
        return _read_structure(hint, node, path, problems)
    try:
        return _typed(hint, node)
    except _Mismatch:
        suffix, wanted, culprit = _culprit(hint, node)
        message = f"expected {describe(wanted)}, got {_got(culprit)}.{_hint(wanted, culprit)}"
        problems.add(culprit.where, path + suffix, message)
        return _INVALID


def _read_structure(hint: Any, node: Node, path: str, problems: Problems) -> Any:
    """A value that holds settings dataclasses, such as a list of layers; each has its own keys and limits."""
    for member in members(hint):
        if member is type(None) and isinstance(node, Leaf) and node.value is None:
            return None
        if is_list(member) and isinstance(node, Items):
            return _read_list(member, node, path, problems)
        if is_mapping(member) and isinstance(node, Entries):
            part = typing.get_args(member)[-1]
            found = {key: _read(part, item, f"{path}.{key}", problems) for key, item in node.items.items()}
            return _INVALID if any(item is _INVALID for item in found.values()) else found
        if fields_of_dataclass(member) is not None and isinstance(node, Entries):
            return _read_dataclass(member, node, path, problems)
    problems.add(node.where, path, f"expected {describe(hint)}, got {_got(node)}.")
    return _INVALID


def fields_of_dataclass(hint: Any) -> dict[str, Field] | None:
    """The fields of a settings dataclass, or None if the hint is something else."""
    return fields_of(hint) if hasattr(hint, "__dataclass_fields__") and isinstance(hint, type) else None


def _read_list(hint: Any, node: Items, path: str, problems: Problems) -> Any:
    part = typing.get_args(hint)[0]
    items = [_read(part, item, f"{path}[{index}]", problems) for index, item in enumerate(node.items)]
    if any(item is _INVALID for item in items):
        return _INVALID
    return items if (typing.get_origin(hint) or hint) is list else tuple(items)


def _read_dataclass(settings: type, node: Entries, path: str, problems: Problems) -> Any:
    known, before = fields_of(settings), len(problems.found)
    values: dict[str, Any] = {}
    for key, item in node.items.items():
        if key not in known:
            problems.add(item.where, f"{path}.{key}", f"unknown key. {name_hint(key, known)}".strip())
            continue
        if known[key].kind:
            raise PluginError(
                f"the setting '{key}' of {settings.__name__} selects a component inside a list",
                "components can be selected in the settings of a component and in groups of them only",
            )
        read_leaf(known[key], item, f"{path}.{key}", problems, functools.partial(values.__setitem__, key))
    if len(problems.found) > before:
        return _INVALID
    try:
        return settings(**values)
    except (TpzooError, ValueError, TypeError) as error:
        problems.add(node.where, path, " ".join(str(error).split()))
        return _INVALID


def _culprit(hint: Any, node: Node) -> tuple[str, Any, Node]:
    """The first element that does not have its type, with its key and that type; or else the whole."""
    part = per_name_of(hint) or _element(hint)
    if isinstance(node, Leaf) or part is None:
        return "", hint, node
    keyed = enumerate(node.items) if isinstance(node, Items) else node.items.items()
    for key, item in keyed:
        try:
            _accepted(part, item)
        except _Mismatch:
            return f"[{key}]" if isinstance(node, Items) else f".{key}", part, item
    return "", hint, node


def _element(hint: Any) -> Any | None:
    """The type of all elements of a list or mapping; None if there is not one."""
    for member in members(hint):
        arguments = [part for part in typing.get_args(member) if part is not Ellipsis]
        if arguments and (is_mapping(member) or (is_list(member) and len(arguments) == 1)):
            return arguments[-1]
    return None


def _typed(hint: Any, node: Node) -> Any:
    part = per_name_of(hint)
    if part is Any:
        return PerName(plain(node))
    if part is not None:
        return PerName(_accepted(part | dict[str, part] | tuple[part, ...], node))  # type: ignore[valid-type]
    return _accepted(hint, node)


def _accepted(hint: Any, node: Node) -> Any:
    """What OmegaConf makes of the value of a node."""
    if hint is Any:
        return plain(node)
    value = _shaped(hint, node)
    config = OmegaConf.structured(_schema(hint))
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error", FutureWarning)
            config.value = value
        return OmegaConf.to_object(config).value  # type: ignore[union-attr]
    except (OmegaConfBaseException, FutureWarning, ValueError, OverflowError) as error:
        raise _Mismatch from error


@functools.cache
def _schema(hint: Any) -> type:
    """A dataclass with one field of this type, for OmegaConf."""
    schema = make_dataclass("Schema", [("value", _concrete(hint))])
    try:
        OmegaConf.structured(schema)
    except (OmegaConfBaseException, ValueError) as error:
        raise PluginError(
            f"a setting is annotated {hint}, which a config cannot hold",
            "use int, float, str, bool, list, tuple, dict, Literal, an Enum, a frozen dataclass, or unions of these",
        ) from error
    return schema


def _concrete(hint: Any) -> Any:
    """The hint with tuple and dict in place of the abstract types that OmegaConf does not know."""
    if len(members(hint)) > 1:
        return typing.Union[tuple(_concrete(member) for member in members(hint))]  # noqa: UP007 - made at run time
    arguments = typing.get_args(hint)
    origin = typing.get_origin(hint) or hint
    if is_list(hint) and origin not in (list, tuple):
        return tuple[_concrete(arguments[0]), ...] if arguments else tuple[Any, ...]  # type: ignore[misc]
    if is_mapping(hint):
        return dict[str, _concrete(arguments[-1])] if arguments else dict[str, Any]  # type: ignore[misc]
    return hint


def _shaped(hint: Any, node: Node) -> Any:
    """The value of a node in the form in which OmegaConf takes it without converting."""
    candidates = members(hint)
    if isinstance(node, Leaf):
        return _scalar(candidates, node)
    for member in candidates:
        arguments = typing.get_args(member)
        if isinstance(node, Items) and is_list(member):
            parts = _parts(arguments, len(node.items))
            items = [_shaped(part, item) for part, item in zip(parts, node.items, strict=True)]
            return items if (typing.get_origin(member) or member) is list else tuple(items)
        if isinstance(node, Entries) and is_mapping(member):
            part = arguments[-1] if arguments else Any
            return {key: _shaped(part, item) for key, item in node.items.items()}
    if Any in candidates:
        return plain(node)
    raise _Mismatch


def _parts(arguments: tuple[Any, ...], length: int) -> list[Any]:
    """The type of each of ``length`` items."""
    if not arguments:
        return [Any] * length
    if len(arguments) == 1 or Ellipsis in arguments:
        return [arguments[0]] * length
    if len(arguments) != length:
        raise _Mismatch
    return list(arguments)


def _scalar(candidates: tuple[Any, ...], leaf: Leaf) -> Any:
    value = leaf.value
    if value is None or type(value) in candidates or Any in candidates:
        return value
    if isinstance(value, int) and not isinstance(value, bool) and float in candidates:
        return _as_float(value)
    if str in candidates:
        return leaf.text
    for member in candidates:
        if isinstance(member, type) and issubclass(member, Path):
            return Path(leaf.text)
        if isinstance(member, type) and issubclass(member, Enum) and leaf.text in member.__members__:
            return member[leaf.text]
    return value


def _as_float(value: int) -> float:
    try:
        return float(value)
    except OverflowError as error:
        raise _Mismatch from error


def _got(node: Node) -> str:
    if isinstance(node, Items):
        return f"a list of {len(node.items)}" if all(isinstance(item, Leaf) for item in node.items) else "a list"
    if isinstance(node, Entries):
        return "a mapping"
    if node.value is None:
        return "null" if node.text else "nothing"
    return repr(node.text) if isinstance(node.value, str) else node.text


def _hint(hint: Any, node: Node) -> str:
    """What would have worked, where it can be guessed."""
    choices = [str(choice) for choice in typing.get_args(hint) if isinstance(choice, str)]
    near = did_you_mean(node.text, choices) if isinstance(node, Leaf) else ""
    return f" {near}" if near else ""
