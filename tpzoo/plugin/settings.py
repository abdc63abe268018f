"""What a component's settings may say: defaults, help, limits, and values that differ from block to block.

A component declares its settings as a frozen dataclass whose fields are made by the functions below. Nothing here
imports torch, so that a config can be checked, and `tpzoo list` answer, without loading it.
"""

from __future__ import annotations

import dataclasses
import fnmatch
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from tpzoo.errors import SettingError

T = TypeVar("T")


@dataclass(frozen=True)
class PerName(Generic[T]):
    """One value for each block or edge: the same for all, by glob pattern, or a list in order.

    ``value`` is a plain value (the same everywhere), a mapping from glob pattern to value (the last pattern that
    matches wins), or a sequence with exactly one value for each name. A list is kept as a tuple.
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
            return _by_pattern(
                {p: v for p, v in self.value.items() if fnmatch.fnmatchcase(name, p)}, [name], "setting"
            )[name]
        if isinstance(self.value, Sequence) and not isinstance(self.value, str):
            raise SettingError(f"a list of values cannot be asked for '{name}' before it is resolved")
        return self.value

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

        Raises:
            SettingError: the list has another length than ``names`` (both lengths are named), a pattern matches no
                name, or a name is matched by no pattern.
        """
        value = self.value
        if not names:
            return {}
        if isinstance(value, Mapping):
            return _by_pattern(value, names, what)
        if isinstance(value, Sequence) and not isinstance(value, str):
            if len(value) != len(names):
                raise SettingError(
                    f"{what} lists {len(value)} values for {len(names)} names ({', '.join(names)})",
                    "give one value for each name, one value for all, or {pattern: value}",
                )
            return dict(zip(names, value, strict=True))
        return dict.fromkeys(names, value)


def _by_pattern(patterns: Mapping[str, T], names: Sequence[str], what: str) -> dict[str, T]:
    found: dict[str, T] = {}
    for pattern, value in patterns.items():
        matches = fnmatch.filter(names, pattern)
        if not matches and pattern != "*":
            raise SettingError(f"{what}: the pattern '{pattern}' matches none of {', '.join(names)}")
        found.update(dict.fromkeys(matches, value))
    missing = [name for name in names if name not in found]
    if missing:
        raise SettingError(
            f"{what}: no pattern covers {', '.join(missing)}", "add a '*' entry, first, as the value for all others"
        )
    return {name: found[name] for name in names}


@dataclass(frozen=True)
class NoSettings:
    """The settings of an entry that has none: builders always get some."""


@dataclass(frozen=True)
class Component:
    """A chosen component: its name, its settings as an instance of the record's dataclass, and where it comes from."""

    name: str
    settings: Any = None
    distribution: str = ""


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
