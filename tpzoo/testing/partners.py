"""Partners for an entry: a whole method around it, of what all of them require and provide, with small settings."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from tpzoo.assembly.legality import unfulfilled
from tpzoo.assembly.method import Chosen, Method, nested
from tpzoo.config import settings_from
from tpzoo.plugin.catalogue import Catalogue
from tpzoo.plugin.records import Record
from tpzoo.plugin.settings import NoSettings
from tpzoo.testing.outcome import ConformanceError
from tpzoo.testing.toys import DATA

PREFERRED = {
    "architecture": ("mlp",),
    "feedback": ("layerwise", "direct", "tied", "none"),
    "learner": ("reconstruction", "drl", "frozen", "none"),
    "rule": ("dtp", "tp", "bp"),
    "output": ("gradient",),
    "loss": ("auto",),
}
"""Partners that are tried first, of every axis."""


class Partners:
    """Finds partners in a catalogue."""

    def __init__(self, catalogue: Catalogue) -> None:
        self.catalogue = catalogue
        self._chosen: dict[tuple[int, bool], Chosen] = {}

    def choose(self, record: Record, smallest: bool = True) -> Chosen:
        """``record``, registered or not, with its smallest settings, or with its defaults."""
        key = (id(record), smallest)  # records are not hashable; what is kept here keeps its record alive
        if key not in self._chosen:
            values = record.smallest if smallest else {}
            self._chosen[key] = Chosen(record, settings_of(record, values, self.catalogue))
        return self._chosen[key]

    def method(self, record: Record, **fixed: Record) -> Method:
        """The first method around ``record`` that works.

        Raises:
            ConformanceError: nothing that is installed fulfils what it requires.
        """
        found = next(self.methods(record, **fixed), None)
        if found is None:
            raise ConformanceError(f"no installed partners fulfil what {record.kind} '{record.name}' requires")
        return found

    def methods(self, record: Record, **fixed: Record) -> Iterator[Method]:
        """Every method around ``record`` that works, preferred partners first."""
        fixed = {**fixed, record.kind: record}
        axes = [[fixed[kind]] if kind in fixed else self._preferred(kind) for kind in PREFERRED]
        for records in itertools.product(*axes):
            parts = {kind: self.choose(each) for kind, each in zip(PREFERRED, records, strict=True)}
            own = {"map": self._nested(parts["feedback"], "map"), "update": self._nested(parts["rule"], "update")}
            given = {kind: self.choose(fixed[kind]) for kind in own if kind in fixed}
            if any(own[kind] is None for kind in given):  # there is no place for it
                continue
            method = Method(**{**parts, **own, **given})  # type: ignore[arg-type]
            beside = {} if record in method.records.values() else {record.kind: record}
            if not unfulfilled({"data": DATA, **method.records, **beside}):
                yield method

    def methods_by_path(self, record: Record) -> list[Method]:
        """One method for each of the built-in paths that ``record`` can work with; at least one.

        Raises:
            ConformanceError: there is none.
        """
        paths = [self.find("feedback", name) for name in PREFERRED["feedback"]]
        found = [next(self.methods(record, feedback=path), None) for path in paths]
        return [method for method in found if method is not None] or [self.method(record)]

    def find(self, kind: str, name: str) -> Record:
        """A record by name, tpzoo's own where several have it."""
        entries = [entry for entry in self.catalogue.entries(kind) if entry.record.name == name]
        return min(entries, key=lambda entry: entry.distribution != "tpzoo").record

    def _nested(self, chosen: Chosen, kind: str) -> Chosen | None:
        found = nested(chosen, kind, self.catalogue)
        return None if found is None else self.choose(found.record)

    def _preferred(self, kind: str) -> list[Record]:
        first = [self.find(kind, name) for name in PREFERRED[kind]]
        if kind in ("output", "loss"):
            return first
        others = [entry.record for entry in self.catalogue.entries(kind) if entry.record not in first]
        return [*first, *(_one_of_each_kind(others) if kind == "architecture" else others)]


def _one_of_each_kind(architectures: Sequence[Record]) -> list[Record]:
    """The first of those that share their settings: a plugin may bring a thousand variants of one architecture."""
    found: dict[Any, Record] = {}
    for record in architectures:
        found.setdefault(record.config or record, record)
    return list(found.values())


def settings_of(record: Record, values: Mapping[str, Any], catalogue: Catalogue) -> Any:
    """Settings as a config makes them, typed and checked; needs neither OmegaConf nor YAML."""
    return settings_from(record, values, catalogue) or NoSettings()
