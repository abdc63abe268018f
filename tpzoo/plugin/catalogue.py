"""The catalogue: every record of every plugin, found by kind and name."""

from __future__ import annotations

import fnmatch
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import TypeVar, cast

from tpzoo.errors import PluginError, TpzooError, UnknownComponentError
from tpzoo.plugin.records import KINDS, Record, Twin
from tpzoo.plugin.suggest import name_hint
from tpzoo.plugin.twins import nearest_twins

R = TypeVar("R", bound=Record)

OWN = "tpzoo"
"""The distribution of what tpzoo itself brings."""


@dataclass(frozen=True)
class PluginInfo:
    """One plugin: where it comes from, and what it yielded or why it cannot be used.

    Attributes:
        key: unique: ``distribution:entry``, the path of a file, or a module's name.
        distribution: the name that selects its records, as in ``distribution/name``.
        version: of the distribution; empty if it has none.
        source: where it was found, for people.
        records: what it yields; empty if it failed or is blocked.
        error: why it cannot be used.
        blocked: it is named by ``TPZOO_BLOCK`` and was not loaded.
        requested: it was asked for by name, by the command line, a config or ``TPZOO_PLUGINS``.
        module: the name of the Python module that it is.
        content: the bytes that ran, of a plugin that is a single file.
    """

    key: str
    distribution: str
    version: str = ""
    source: str = ""
    records: tuple[Record, ...] = ()
    error: PluginError | None = None
    blocked: bool = False
    requested: bool = False
    module: str = ""
    content: bytes = field(default=b"", repr=False)


@dataclass(frozen=True)
class Entry:
    """One record and the plugin that it comes from."""

    record: Record
    plugin: PluginInfo

    @property
    def distribution(self) -> str:
        """The distribution that selects it, as in ``distribution/name``."""
        return self.plugin.distribution

    @property
    def full_name(self) -> str:
        """``distribution/name``."""
        return f"{self.distribution}/{self.record.name}"


class Catalogue:
    """All records, by kind and name. Reads only; nothing in it changes.

    Args:
        plugins: what :mod:`tpzoo.plugin.discovery` found, in the order in which it was found.
    """

    def __init__(self, plugins: Iterable[PluginInfo]) -> None:
        self.plugins = tuple(plugins)
        self._entries = tuple(Entry(record, plugin) for plugin in self.plugins for record in plugin.records)

    @property
    def failures(self) -> tuple[PluginInfo, ...]:
        """The plugins that cannot be used."""
        return tuple(plugin for plugin in self.plugins if plugin.error)

    @property
    def conflicts(self) -> tuple[PluginError, ...]:
        """Names that two plugins give to records of one kind: one of them must be written ``distribution/name``."""
        grouped: dict[tuple[str, str], list[Entry]] = {}
        for entry in self._entries:
            grouped.setdefault((entry.record.kind, entry.record.name), []).append(entry)
        return tuple(
            PluginError(*_conflict(kind, name, found)) for (kind, name), found in grouped.items() if len(found) > 1
        )

    def entries(self, kind: str | None = None, pattern: str = "*") -> list[Entry]:
        """Return what there is, sorted by kind and name.

        Args:
            kind: one kind, or None for all.
            pattern: what the name, or ``distribution/name``, must match; ``*`` and ``?`` are wildcards.

        Raises:
            UnknownComponentError: there is no such kind.
        """
        if kind is not None and kind not in KINDS:
            raise UnknownComponentError(f"unknown kind '{kind}'", name_hint(kind, KINDS))
        order = list(KINDS)
        found = (entry for entry in self._of(kind) if _matches(entry, pattern))
        return sorted(found, key=lambda entry: (order.index(entry.record.kind), entry.record.name, entry.distribution))

    def names(self, kind: str) -> list[str]:
        """Return the names of one kind, sorted."""
        return sorted({entry.record.name for entry in self._of(kind)})

    def find(self, kind: str, name: str, owner: str = "") -> Entry:
        """Return the entry called ``name`` or ``distribution/name``.

        Where several distributions have one called ``name``, it is that of ``owner``, or else tpzoo's own: what one
        more plugin brings never changes what a name meant before.

        Args:
            owner: the distribution that the name is written in, such as that of a recipe; empty for none.

        Raises:
            UnknownComponentError: there is none (near names, and the errors of plugins that might have had it, are
                quoted), or two other distributions have one (both are named).
        """
        own = self._qualified(kind, name) if name.startswith(f"{OWN}/") else []
        found = own or [entry for entry in self._of(kind) if entry.record.name == name] or self._qualified(kind, name)
        if not found:
            raise UnknownComponentError(f"unknown {kind} '{name}'", self._hint(kind, name))
        for distribution in (owner, OWN):
            found = [entry for entry in found if normal_name(entry.distribution) == normal_name(distribution)] or found
            if len(found) == 1:
                return found[0]
        raise UnknownComponentError(*_conflict(kind, name, found))

    def get(self, kind: type[R], name: str) -> R:
        """Return the record of class ``kind`` called ``name``; errors as :meth:`find`."""
        return cast(R, self.find(kind.kind, name).record)

    def entry(self, record: Record) -> Entry | None:
        """The entry of a record, which says whose it is; None if it is in no plugin of this catalogue."""
        return next((entry for entry in self._of(record.kind) if entry.record is record), None)

    def twin(self, module_type: type) -> Twin:
        """Return the twin of a module type or of its nearest ancestor that has one; of several tpzoo's own.

        Raises:
            UnknownComponentError: no ancestor has a twin, or the nearest has two of other distributions.
        """
        entries = [entry for entry in self._of("twin") if isinstance(entry.record, Twin)]
        found = nearest_twins(module_type, entries, lambda entry: cast(Twin, entry.record).module)
        if not found:
            known = ", ".join(self.names("twin")) or "none"
            raise UnknownComponentError(
                f"no twin for the module type {module_type.__name__}",
                f"known: {known}. A plugin can add one by the hook tpzoo_twins.",
            )
        found = [entry for entry in found if entry.distribution == OWN] or found
        if len(found) > 1:
            raise UnknownComponentError(*_conflict("twin", module_type.__name__, found))
        return cast(Twin, found[0].record)

    def _of(self, kind: str | None) -> Iterator[Entry]:
        return (entry for entry in self._entries if kind is None or entry.record.kind == kind)

    def _qualified(self, kind: str, name: str) -> list[Entry]:
        distribution, slash, rest = name.partition("/")
        if not slash:
            return []
        return [
            entry
            for entry in self._of(kind)
            if entry.record.name == rest and normal_name(entry.distribution) == normal_name(distribution)
        ]

    def _hint(self, kind: str, name: str) -> str:
        parts = [name_hint(name, self.names(kind))]
        parts += [f"Not loaded: {quote(plugin.error)}." for plugin in self.failures if plugin.error]
        parts += [f"Plugin '{plugin.key}' is blocked by TPZOO_BLOCK." for plugin in self.plugins if plugin.blocked]
        return " ".join(part for part in parts if part)


def quote(error: TpzooError) -> str:
    """An error on one line."""
    return f"{error.what} ({error.hint})" if error.hint else error.what


def normal_name(distribution: str) -> str:
    """The name of a distribution as packaging compares it (PEP 503)."""
    return re.sub(r"[-_.]+", "-", distribution).lower()


def _matches(entry: Entry, pattern: str) -> bool:
    return fnmatch.fnmatchcase(entry.record.name, pattern) or fnmatch.fnmatchcase(entry.full_name, pattern)


def _conflict(kind: str, name: str, found: list[Entry]) -> tuple[str, str]:
    owners = " and ".join(f"'{entry.distribution}'" for entry in found)
    choices = " or ".join(f"'{entry.full_name}'" for entry in found)
    return f"the {kind} '{name}' comes from {owners}", f"write {choices}"
