"""Give a plain value the type that its setting declares, or say why it cannot have it.

Nothing is converted but what YAML makes necessary: a text takes what was written, not what YAML reads (``no``, ``08``),
a whole number is a number, and a list is a tuple where one is declared. ``"3"`` is no 3 and ``on`` is not true.
"""

from __future__ import annotations

import dataclasses
import typing
from enum import Enum
from pathlib import Path as FilePath
from typing import Any, Literal

from tpzoo.config.fields import Field, describe, fields_of, is_list, is_mapping, members, per_name_of
from tpzoo.config.layer import Note
from tpzoo.config.limits import broken_limits
from tpzoo.config.problems import Path
from tpzoo.config.scalars import value_of
from tpzoo.errors import PluginError, TpzooError
from tpzoo.plugin.settings import PerName
from tpzoo.plugin.suggest import did_you_mean, name_hint

INVALID: Any = object()
"""Stands for a value that was refused; why has been noted."""


def read_field(field: Field, node: Any, path: Path, note: Note) -> Any:
    """Return the typed value of a setting, within its limits, or ``INVALID``.

    Raises:
        PluginError: no config can hold a value of the type that the field declares.
    """
    value = _read(field.hint, node, path, note)
    broken = [] if value is INVALID else list(broken_limits(value, field.metadata))
    for message in broken:
        note(path, message)
    return INVALID if broken else value


def _read(hint: Any, node: Any, path: Path, note: Note) -> Any:
    if isinstance(node, dict) and None in node:
        note(path, "is set both as a whole and in parts: write one mapping")
        return INVALID
    part = per_name_of(hint)
    options = members(hint) if part is None else (*members(part), dict[str, part], tuple[part, ...])  # type: ignore[valid-type]
    value = _container(options, node, path, note) if isinstance(node, dict | list) else _scalar(options, node)
    if value is _OTHER:
        note(path, f"expected {describe(hint)}, got {_got(node)}.{_hint(hint, node)}")
        return INVALID
    return PerName(value) if part is not None and value is not INVALID else value


_OTHER: Any = object()
"""Stands for a value of which no type of a union can be made."""


def _scalar(options: tuple[Any, ...], node: Any) -> Any:
    value = value_of(node)
    if type(value) in options or Any in options:
        return value
    if type(value) is int and float in options:
        try:
            return float(value)
        except OverflowError:
            return _OTHER
    if value is None or not isinstance(value, str | int | float):
        return _OTHER
    for option in options:
        if typing.get_origin(option) is Literal:
            chosen = [each for each in typing.get_args(option) if type(each) is type(value) and each == value]
            if chosen:
                return chosen[0]
        elif isinstance(node, str) and option is str:
            return str(node)
        elif isinstance(node, str) and isinstance(option, type) and issubclass(option, FilePath):
            return option(str(node))
        elif isinstance(option, type) and issubclass(option, Enum) and node in option.__members__:
            return option[str(node)]
    return _OTHER


def _container(options: tuple[Any, ...], node: Any, path: Path, note: Note) -> Any:
    """Read a list or a mapping as the first type that takes it; what the first of its form misses is noted."""
    complaints: list[list[tuple[Path, str]]] = []
    for option in options:
        found: list[tuple[Path, str]] = []
        value = _form(option, node, path, lambda *complaint, found=found: found.append(complaint))
        if value is not _OTHER and not found:
            return value
        complaints += [found] if found else []
    for complaint in complaints[0] if complaints else ():
        note(*complaint)
    return INVALID if complaints else _OTHER


def _form(option: Any, node: Any, path: Path, note: Note) -> Any:
    """The value as one type, or ``_OTHER`` if it has not that form at all."""
    arguments = typing.get_args(option) or (Any,)
    if isinstance(node, dict):
        if dataclasses.is_dataclass(option):
            return _settings(option, node, path, note)
        if option is Any or is_mapping(option):
            return {key: _read(arguments[-1], item, (*path, key), note) for key, item in node.items()}
    elif option is Any or is_list(option):
        fixed = typing.get_origin(option) is tuple and Ellipsis not in arguments
        if fixed and len(arguments) != len(node):
            return _OTHER
        parts = arguments if fixed else arguments[:1] * len(node)
        items = [_read(part, item, (*path, i), note) for i, (part, item) in enumerate(zip(parts, node, strict=True))]
        return items if (typing.get_origin(option) or option) in (list, Any) else tuple(items)
    return _OTHER


def _settings(cls: Any, node: dict[str, Any], path: Path, note: Note) -> Any:
    """Settings that stand within a value, such as one layer of a list; they have keys and limits of their own."""
    known, values = fields_of(cls), {}
    for key, item in node.items():
        if key not in known:
            note((*path, key), f"unknown key. {name_hint(key, known)}".strip())
        elif known[key].kind:
            raise PluginError(
                f"the setting '{key}' of {cls.__name__} selects a component inside a list",
                "components can be selected in the settings of a component and in groups of them only",
            )
        else:
            values[key] = read_field(known[key], item, (*path, key), note)
    if any(value is INVALID for value in values.values()):
        return INVALID
    try:
        return cls(**values)
    except (TpzooError, ValueError, TypeError) as error:
        note(path, " ".join(str(error).split()))
        return INVALID


def _got(node: Any) -> str:
    if isinstance(node, list):
        return "a list" if any(isinstance(item, dict | list) for item in node) else f"a list of {len(node)}"
    if isinstance(node, dict):
        return "a mapping"
    value = value_of(node)
    if value is None:
        return "nothing" if node == "" else "null"
    if isinstance(value, str):
        return repr(str(node))
    return str(node).lower() if isinstance(value, bool) else str(node)


def _hint(hint: Any, node: Any) -> str:
    """What would have worked, where it can be guessed."""
    choices = [choice for choice in typing.get_args(hint) if isinstance(choice, str)]
    near = did_you_mean(node, choices) if isinstance(node, str) else ""
    return f" {near}" if near else ""
