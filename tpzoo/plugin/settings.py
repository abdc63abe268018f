"""What a component's settings may say: defaults, help, limits, and values that differ from block to block.

A component declares its settings as a frozen dataclass whose fields are made by the functions below. Nothing here
imports torch, so that a config can be checked, and `tpzoo list` answer, without loading it.
"""

from __future__ import annotations

import dataclasses
import fnmatch
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from tpzoo.errors import SettingError

T = TypeVar("T")


@dataclass(frozen=True)
class PerName(Generic[T]):
    """One value for each block or edge: the same for all, by name or glob pattern, or a list from input to output.

    ``value`` is a plain value (the same everywhere), a mapping from name or pattern to value, or a sequence with
    exactly one value for each name, which is kept as a tuple. In a mapping a name is stronger than any pattern and any
    pattern stronger than ``*`` alone, whatever their order.
    """

    value: T | Mapping[str, T] | Sequence[T]

    def __post_init__(self) -> None:
        if isinstance(self.value, list):
            object.__setattr__(self, "value", tuple(self.value))

    def __getitem__(self, name: str) -> T:
        """The value for one name. A list must have been resolved first; the builder does that for every component."""
        known: dict[str, T] = vars(self).setdefault("_known", {})  # every step asks, and matching patterns is slow
        if name not in known:
            known[name] = self._of(name)
        return known[name]

    def _of(self, name: str) -> T:
        if isinstance(self.value, Mapping):
            pattern = _deciding(self.value, name, "setting")
            if pattern is None:
                raise _uncovered([name], "setting")
            return self.value[pattern]
        if isinstance(self.value, Sequence) and not isinstance(self.value, str):
            raise SettingError(f"a list of values cannot be asked for '{name}' before it is resolved")
        return self.value

    @property
    def varies(self) -> bool:
        """Whether it was written by name or as a list, other than as ``{"*": value}``."""
        by_name = isinstance(self.value, Mapping) and list(self.value) != ["*"]
        return by_name or (isinstance(self.value, Sequence) and not isinstance(self.value, str))

    def values(self) -> tuple[T, ...]:
        """Every value that was written, once for each name or pattern."""
        if isinstance(self.value, Mapping):
            return tuple(self.value.values())
        if isinstance(self.value, Sequence) and not isinstance(self.value, str):
            return tuple(self.value)
        return (self.value,)

    def map(self, change: Callable[[T], T]) -> PerName[T]:
        """The same names with ``change`` of every value."""
        value = self.value
        if isinstance(value, Mapping):
            return PerName({name: change(each) for name, each in value.items()})
        if isinstance(value, Sequence) and not isinstance(value, str):
            return PerName([change(each) for each in value])
        return PerName(change(value))

    def resolve(self, names: Sequence[str], what: str = "setting") -> dict[str, T]:
        """Return ``{name: value}`` for ``names``; nothing for no names, since nobody will ask.

        Args:
            names: all blocks or edges, from input to output: a list gives its values in this order.
            what: the setting, for messages.

        Raises:
            SettingError: the list has another length than ``names`` (both lengths are named), a name is decided by no
                entry or by two patterns alike, or an entry decides nothing.
        """
        value = self.value
        if not names:
            return {}
        if isinstance(value, Mapping):
            return {name: value[pattern] for name, pattern in _deciders(value, names, what).items()}
        if isinstance(value, Sequence) and not isinstance(value, str):
            if len(value) != len(names):
                raise SettingError(
                    f"{what} lists {len(value)} values for {len(names)} names ({', '.join(names)})",
                    "give one value for each name, one value for all, or {pattern: value}",
                )
            return dict(zip(names, value, strict=True))
        return dict.fromkeys(names, value)


def matching(patterns: Iterable[str], names: Sequence[str], what: str) -> set[str]:
    """The ``names`` that at least one of ``patterns`` matches.

    Raises:
        SettingError: a pattern matches none of them.
    """
    return {name for pattern in patterns for name in _matches(pattern, names, what)}


def _deciders(patterns: Collection[str], names: Sequence[str], what: str) -> dict[str, str]:
    """By name the pattern that decides it. Every pattern must decide something."""
    matches = {pattern: _matches(pattern, names, what) for pattern in sorted(patterns)}
    found = {name: _deciding(patterns, name, what) for name in names}
    if missing := [name for name, pattern in found.items() if pattern is None]:
        raise _uncovered(missing, what)
    for pattern, matched in matches.items():
        if pattern not in found.values():
            raise SettingError(
                f"{what}: the pattern '{pattern}' decides nothing: stronger entries decide {', '.join(matched)}",
                "leave it out",
            )
    return {name: pattern for name, pattern in found.items() if pattern is not None}


def _deciding(patterns: Collection[str], name: str, what: str) -> str | None:
    """The one of ``patterns`` whose value ``name`` gets; None if none matches. Their order never matters.

    The name itself is stronger than any pattern, and any pattern is stronger than ``*`` alone.

    Raises:
        SettingError: two other patterns match. Both are named.
    """
    if name in patterns:
        return name
    found = [pattern for pattern in sorted(patterns) if pattern != "*" and fnmatch.fnmatchcase(name, pattern)]
    if len(found) > 1:
        raise SettingError(
            f"{what}: the patterns '{found[0]}' and '{found[1]}' both match {name}", f"give {name} an entry of its own"
        )
    return found[0] if found else "*" if "*" in patterns else None


def _matches(pattern: str, names: Sequence[str], what: str) -> list[str]:
    matches = [name for name in names if name == pattern or fnmatch.fnmatchcase(name, pattern)]
    if names and not matches:
        raise SettingError(f"{what}: the pattern '{pattern}' matches none of {', '.join(names)}")
    return matches


def _uncovered(names: Sequence[str], what: str) -> SettingError:
    return SettingError(f"{what}: no pattern covers {', '.join(names)}", "add a '*' entry as the value for all others")


@dataclass(frozen=True)
class NoSettings:
    """The settings of an entry that has none: builders always get some."""


@dataclass(frozen=True)
class Component:
    """A chosen component: its name, its settings as an instance of the record's dataclass, and where it comes from."""

    name: str
    settings: Any = None
    distribution: str = ""


def values_by_name(settings: Any, path: str = "") -> Iterator[tuple[str, str, PerName[Any]]]:
    """The values by block or edge in ``settings``, at any depth: their path, ``block`` or ``edge``, and themselves."""
    if isinstance(settings, Component):
        yield from values_by_name(settings.settings, path)
    elif isinstance(settings, Mapping):
        for key, value in settings.items():
            yield from values_by_name(value, f"{path}.{key}" if path else str(key))
    elif dataclasses.is_dataclass(settings) and not isinstance(settings, type | PerName):
        for field in dataclasses.fields(settings):
            value, place = getattr(settings, field.name), f"{path}.{field.name}" if path else field.name
            if isinstance(value, PerName):
                yield place, field.metadata.get("per", "block"), value
            else:
                yield from values_by_name(value, place)


def setting(
    default: Any = dataclasses.MISSING,
    *,
    help: str = "",
    minimum: float | None = None,
    maximum: float | None = None,
    above: float | None = None,
    below: float | None = None,
    choices: Sequence[str] | None = None,
    pattern: str | None = None,
) -> Any:
    """A dataclass field with a help line and limits.

    ``minimum`` and ``maximum`` are inclusive, ``above`` and ``below`` exclusive; ``pattern`` is a regular expression
    that the whole text must match. Limits hold for every element of a list and every value of a mapping.
    """
    limits = {
        "help": help,
        "minimum": minimum,
        "maximum": maximum,
        "above": above,
        "below": below,
        "choices": tuple(choices) if choices else None,
        "pattern": pattern,
    }
    return _field(default, {key: value for key, value in limits.items() if value is not None})


def per_block(default: Any, **limits: Any) -> Any:
    """A setting that may differ from block to block. Annotate it ``PerName[float]`` (or ``int``, ``str``, ``bool``)."""
    return _per_name(default, "block", limits)


def per_edge(default: Any, **limits: Any) -> Any:
    """A setting that may differ from feedback edge to feedback edge. Annotate it ``PerName[float]``."""
    return _per_name(default, "edge", limits)


def component(kind: str, default: str, *, help: str = "", beside: Sequence[str] = ()) -> Any:
    """A setting that selects a component of ``kind`` by name. Annotate it ``Component``.

    ``beside`` names settings of such components that a config may also write beside the choice, as in
    ``rule: {update: minimal_norm, norm_ratio: 1}``.
    """
    return _field(Component(default), {"component": kind, "help": help, "beside": tuple(beside)})


def components(kind: str, *defaults: str, help: str = "") -> Any:
    """A mapping from name to component of ``kind``: any number at once. Annotate it ``Mapping[str, Component]``."""
    return _field({name: Component(name) for name in defaults}, {"components": kind, "help": help})


def _per_name(default: Any, axis: str, limits: dict[str, Any]) -> Any:
    limits = {key: value for key, value in limits.items() if value is not None}
    return _field(PerName(default), {"help": "", **limits, "per": axis})


def _field(default: Any, metadata: dict[str, Any]) -> Any:
    if isinstance(default, list | dict | set):
        return dataclasses.field(default_factory=lambda: type(default)(default), metadata=metadata)
    return dataclasses.field(default=default, metadata=metadata)
