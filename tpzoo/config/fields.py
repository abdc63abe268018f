"""What a settings dataclass declares: for each field its type, its limits and the role that it plays in a config."""

from __future__ import annotations

import dataclasses
import functools
import types
import typing
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import Enum
from pathlib import Path
from typing import Any, Literal, Union

from tpzoo.errors import PluginError
from tpzoo.plugin.settings import PerName

Role = Literal["component", "table", "group", "leaf"]


@dataclass(frozen=True)
class Field:
    """One setting.

    Attributes:
        name: its key.
        hint: its type, evaluated.
        metadata: help and limits, as :func:`tpzoo.setting` stores them.
        role: ``component`` selects one by name, ``table`` any number of them, ``group`` holds settings, ``leaf`` is a
            value.
        kind: of the component or components.
    """

    name: str
    hint: Any
    metadata: Mapping[str, Any]
    role: Role
    kind: str = ""

    @property
    def help(self) -> str:
        """The help line."""
        return str(self.metadata.get("help", ""))


@functools.cache
def fields_of(settings: Any) -> dict[str, Field]:
    """Return the fields of a settings dataclass by name; empty for None."""
    if settings is None:
        return {}
    hints = typing.get_type_hints(settings)
    return {field.name: _field(field, hints[field.name]) for field in dataclasses.fields(settings) if field.init}


def _field(field: dataclasses.Field[Any], hint: Any) -> Field:
    metadata = field.metadata
    if "component" in metadata:
        return Field(field.name, hint, metadata, "component", metadata["component"])
    if "components" in metadata:
        return Field(field.name, hint, metadata, "table", metadata["components"])
    if dataclasses.is_dataclass(hint) and hint is not PerName:
        return Field(field.name, hint, metadata, "group")
    return Field(field.name, _per_name(hint, metadata), metadata, "leaf")


def _per_name(hint: Any, metadata: Mapping[str, Any]) -> Any:
    """``PerName[T]`` for a per-block setting, however it is annotated."""
    if "per" not in metadata or typing.get_origin(hint) is PerName:
        return hint
    return PerName[Any] if hint is PerName else PerName[hint]


def per_name_of(hint: Any) -> Any | None:
    """Return ``T`` of ``PerName[T]``, or None if the hint is another."""
    return typing.get_args(hint)[0] if typing.get_origin(hint) is PerName else None


def members(hint: Any) -> tuple[Any, ...]:
    """The members of a union, or the hint itself."""
    return typing.get_args(hint) if typing.get_origin(hint) in (Union, types.UnionType) else (hint,)


def is_list(hint: Any) -> bool:
    """Whether a hint is that of a list, a tuple or another sequence."""
    origin = typing.get_origin(hint) or hint
    return isinstance(origin, type) and issubclass(origin, list | tuple | Sequence) and not issubclass(origin, str)


def is_mapping(hint: Any) -> bool:
    """Whether a hint is that of a dict or another mapping."""
    origin = typing.get_origin(hint) or hint
    return isinstance(origin, type) and issubclass(origin, Mapping)


_TEXTS = {int: "a whole number", float: "a number", str: "a text", bool: "true or false", type(None): "null"}
_TEXTS |= {Any: "any value", list: "a list", tuple: "a list", dict: "a mapping"}


def describe(hint: Any) -> str:
    """Return a type as text: ``a number or null``.

    Raises:
        PluginError: no config can hold a value of this type.
    """
    part = per_name_of(hint)
    if part is not None:
        return f"{describe(part)}, a list of them, or {{pattern: value}}"
    if len(members(hint)) > 1:
        return " or ".join(dict.fromkeys(describe(member) for member in members(hint)))
    arguments = typing.get_args(hint)
    if typing.get_origin(hint) is Literal:
        return "one of " + ", ".join(map(str, arguments))
    if is_list(hint) and arguments:
        return f"a list of {_plural(arguments)}"
    if is_mapping(hint) and arguments:
        return f"a mapping to {describe(arguments[-1])}"
    if isinstance(hint, type) and issubclass(hint, Enum | Path):
        return hint.__name__
    if hint not in _TEXTS and not dataclasses.is_dataclass(hint):
        raise PluginError(
            f"a setting is annotated {hint}, which a config cannot hold",
            "use int, float, str, bool, list, tuple, dict, Literal, an Enum, a frozen dataclass, or unions of these",
        )
    return _TEXTS.get(hint, "a mapping")


def _plural(arguments: tuple[Any, ...]) -> str:
    plural = {int: "whole numbers", float: "numbers", str: "texts", bool: "true or false"}
    word = plural.get(arguments[0], "items")
    return word if Ellipsis in arguments or len(arguments) == 1 else f"{len(arguments)} {word}"
