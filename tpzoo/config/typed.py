"""The type that a setting declares for what was written, or why it cannot have it: the one strict validator of values.

A text takes what was written, not what YAML reads (``no``, ``08``), and a whole number is a number; nothing else is
converted: ``"3"`` is no number and ``on`` is not true.
"""

from __future__ import annotations

import functools
import typing
from collections.abc import Callable, Iterable
from enum import Enum
from pathlib import Path as FilePath
from typing import Any, Final

from tpzoo.config.fields import describe, fields_of, is_list, is_mapping, members, per_name_of
from tpzoo.config.limits import broken_limits
from tpzoo.config.tree import OWN, Tree, plain, value_of
from tpzoo.errors import PluginError, TpzooError
from tpzoo.plugin.settings import PerName
from tpzoo.plugin.suggest import did_you_mean, name_hint

INVALID: Final = object()
Report = Callable[[str, str], None]
"""``report(path, message)``: the path below the setting, as ``[3].kernel``."""


def read(hint: Any, limits: Any, tree: Tree, report: Report, path: str = "") -> Any:
    """The typed value of a tree that keeps its limits; :data:`INVALID`, with the reasons reported, if it has none."""
    require_supported(hint)
    value = _typed(hint, tree, path, report)
    if value is INVALID:
        return INVALID
    broken = list(broken_limits(value, limits))
    for message in broken:
        report(path, message)
    return INVALID if broken else value


def _typed(hint: Any, tree: Tree, path: str, report: Report) -> Any:
    if isinstance(tree, dict) and OWN in tree:
        report(path, "is set both as a whole and in parts: write one mapping")
        return INVALID
    part = per_name_of(hint)
    if part is not None:
        found = plain(tree) if part is Any else _typed(_by_name(part), tree, path, report)
        return found if found is INVALID else PerName(found)
    candidates = members(hint)
    if Any in candidates:
        return plain(tree)
    for member in candidates:
        if isinstance(tree, list) and is_list(member):
            return _list(hint, member, tree, path, report)
        if isinstance(tree, dict) and is_mapping(member):
            inner = typing.get_args(member)[-1] if typing.get_args(member) else Any
            items = {key: _typed(inner, item, f"{path}.{key}", report) for key, item in tree.items()}
            return INVALID if INVALID in items.values() else items
        if isinstance(tree, dict) and _is_settings(member):
            return _settings(member, tree, path, report)
    found = _scalar(candidates, tree) if isinstance(tree, str) else INVALID
    if found is INVALID:
        report(path, f"expected {describe(_named(hint))}, got {_got(tree)}.{_near(hint, tree)}")
    return found


def _list(hint: Any, member: Any, tree: list[Tree], path: str, report: Report) -> Any:
    arguments = typing.get_args(member)
    if arguments and Ellipsis not in arguments and len(arguments) > 1 and len(arguments) != len(tree):
        report(path, f"expected {describe(hint)}, got {_got(tree)}.")
        return INVALID
    each = arguments if len(arguments) > 1 and Ellipsis not in arguments else (*arguments[:1], Any)[:1] * len(tree)
    items = [_typed(part, item, f"{path}[{i}]", report) for i, (part, item) in enumerate(zip(each, tree, strict=True))]
    if any(item is INVALID for item in items):
        return INVALID
    return items if (typing.get_origin(member) or member) is list else tuple(items)


def _settings(settings: Any, tree: dict[str, Tree], path: str, report: Report) -> Any:
    """A dataclass inside a value, such as one layer of a list of layers; it has its own keys and limits."""
    known, values, wrong = fields_of(settings), {}, False
    for key, item in tree.items():
        if key not in known:
            report(f"{path}.{key}", f"unknown key. {name_hint(key, known)}".strip())
            wrong = True
            continue
        if known[key].kind:
            raise PluginError(
                f"the setting '{key}' of {settings.__name__} selects a component inside a list",
                "components can be selected in the settings of a component and in groups of them only",
            )
        values[key] = read(known[key].hint, known[key].metadata, item, report, f"{path}.{key}")
    if wrong or any(value is INVALID for value in values.values()):
        return INVALID
    try:
        return settings(**values)
    except (TpzooError, ValueError, TypeError) as error:
        report(path, " ".join(str(error).split()))
        return INVALID


def _scalar(candidates: Iterable[Any], text: str) -> Any:
    value = value_of(text)
    types = [member for member in candidates if isinstance(member, type)]
    if value is None:
        return None if type(None) in types else INVALID
    if type(value) in types:
        return value if type(value) is not str else str(text)
    if type(value) is int and float in types:
        try:
            return float(value)
        except OverflowError:
            return INVALID
    if str in types:
        return str(text)
    for member in candidates:
        if typing.get_origin(member) is typing.Literal:
            return next((each for each in typing.get_args(member) if each in (value, str(text))), INVALID)
        if isinstance(member, type) and issubclass(member, FilePath):
            return FilePath(text)
        if isinstance(member, type) and issubclass(member, Enum) and text in member.__members__:
            return member[text]
    return INVALID


@functools.cache
def require_supported(hint: Any) -> None:
    """Refuse annotations that a config cannot hold.

    Raises:
        PluginError: ``hint`` is one.
    """
    part = per_name_of(hint)
    for member in members(hint) if part is None else (part,):
        simple = member in (Any, int, float, str, bool, type(None)) or typing.get_origin(member) is typing.Literal
        by_class = isinstance(member, type) and issubclass(member, (FilePath, Enum))
        if len(members(member)) > 1:
            require_supported(member)
        elif is_list(member) or is_mapping(member):
            for inner in typing.get_args(member):
                if inner is not Ellipsis:
                    require_supported(inner)
        elif not (simple or by_class or _is_settings(member)):
            raise PluginError(
                f"a setting is annotated {hint}, which a config cannot hold",
                "use int, float, str, bool, list, tuple, dict, Literal, an Enum, a frozen dataclass, or their unions",
            )


def _by_name(part: Any) -> Any:
    """What a value by name may be: one value, a mapping from names and patterns, or a list."""
    return part | dict[str, part] | tuple[part, ...]


def _is_settings(hint: Any) -> bool:
    return isinstance(hint, type) and hasattr(hint, "__dataclass_fields__")


def _named(hint: Any) -> Any:
    """The hint as it was declared: the union that a value by name stands for is ``PerName[T]``."""
    arguments = members(hint)
    by_name = len(arguments) > 2 and any(is_mapping(member) for member in arguments)
    return PerName[arguments[0]] if by_name and any(map(is_list, arguments)) else hint  # type: ignore[valid-type]


def _got(tree: Tree) -> str:
    if isinstance(tree, list):
        return f"a list of {len(tree)}" if all(isinstance(item, str) for item in tree) else "a list"
    if isinstance(tree, dict):
        return "a mapping"
    value = value_of(tree)
    if value is None:
        return "null" if tree else "nothing"
    return repr(str(tree)) if isinstance(value, str) else str(tree)


def _near(hint: Any, tree: Tree) -> str:
    """What would have worked, where it can be guessed."""
    choices = [str(choice) for choice in typing.get_args(hint) if isinstance(choice, str)]
    near = did_you_mean(tree, choices) if isinstance(tree, str) else ""
    return f" {near}" if near else ""
