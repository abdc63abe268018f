"""Partners for an entry, chosen by what all of them require and provide, and everybody's settings."""

from __future__ import annotations

import dataclasses
import importlib.util
import itertools
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from tpzoo.plugin.catalogue import Catalogue
from tpzoo.plugin.compatibility import provided, required
from tpzoo.plugin.records import FeedbackPath, Record
from tpzoo.plugin.settings import Component, PerName
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

HAS_CONFIG = importlib.util.find_spec("omegaconf") is not None


@dataclass(frozen=True)
class Cast:
    """One entry for every axis; ``map`` is None for a path that puts no map form on its edges."""

    architecture: Record
    feedback: Record
    map: Record | None
    learner: Record
    rule: Record
    output: Record
    loss: Record


class Casting:
    """Finds partners in a catalogue."""

    def __init__(self, catalogue: Catalogue) -> None:
        self.catalogue = catalogue

    def settings(self, record: Record, smallest: bool = True) -> Any:
        """The smallest settings of ``record``, or its defaults."""
        return settings_of(record, record.smallest if smallest else {}, self.catalogue)

    def cast(self, record: Record, **fixed: Record) -> Cast:
        """The first partners that ``record`` can work with.

        Raises:
            ConformanceError: nothing that is installed fulfils what it requires.
        """
        found = next(self.casts(record, **fixed), None)
        if found is None:
            raise ConformanceError(f"no installed partners fulfil what {record.kind} '{record.name}' requires")
        return found

    def casts(self, record: Record, **fixed: Record) -> Iterator[Cast]:
        """Every combination of partners that works, preferred ones first."""
        fixed = {**fixed, record.kind: record}
        map_record = fixed.pop("map", None)
        axes = [[fixed[kind]] if kind in fixed else self._preferred(kind) for kind in PREFERRED]
        for chosen in itertools.product(*axes):
            parts = dict(zip(PREFERRED, chosen, strict=True))
            own = self._map_of(parts["feedback"])
            if map_record is not None and own is None:
                continue
            cast = Cast(map=map_record or own, **parts)
            if _fits(cast, record):
                yield cast

    def casts_by_path(self, record: Record) -> list[Cast]:
        """One cast for each of the built-in paths that ``record`` can work with; at least one.

        Raises:
            ConformanceError: there is none.
        """
        paths = [self.find("feedback", name) for name in PREFERRED["feedback"]]
        found = [next(self.casts(record, feedback=path), None) for path in paths]
        return [cast for cast in found if cast is not None] or [self.cast(record)]

    def find(self, kind: str, name: str) -> Record:
        """A record by name, tpzoo's own where several have it."""
        entries = [entry for entry in self.catalogue.entries(kind) if entry.record.name == name]
        return min(entries, key=lambda entry: entry.distribution != "tpzoo").record

    def _preferred(self, kind: str) -> list[Record]:
        first = [self.find(kind, name) for name in PREFERRED[kind]]
        if kind in ("output", "loss"):
            return first
        others = [entry.record for entry in self.catalogue.entries(kind) if entry.record not in first]
        return [*first, *(_one_of_each_kind(others) if kind == "architecture" else others)]

    def _map_of(self, path: Record) -> Record | None:
        chosen = getattr(self.settings(path), "map", None) if isinstance(path, FeedbackPath) else None
        return self.find("map", chosen.name) if isinstance(chosen, Component) else None


def _one_of_each_kind(architectures: Sequence[Record]) -> list[Record]:
    """The first of those that share their settings: a plugin may bring a thousand variants of one architecture."""
    found: dict[Any, Record] = {}
    for record in architectures:
        found.setdefault(record.config or record, record)
    return list(found.values())


def settings_of(record: Record, values: Mapping[str, Any], catalogue: Catalogue) -> Any:
    """Settings as the config makes them; without OmegaConf, the dataclass with ``values`` as they are."""
    if HAS_CONFIG:
        from tpzoo.config import settings_from

        return settings_from(record, values, catalogue)
    cls = record.config or record.shared
    if cls is None:
        return None
    plain = cls()
    wrappers = {name: type(getattr(plain, name)) for name in values}
    wrapped = {
        name: wrappers[name](value) if wrappers[name] in (PerName, Component) else value
        for name, value in values.items()
    }
    return dataclasses.replace(plain, **wrapped)


def _fits(cast: Cast, record: Record) -> bool:
    """Whether everything that one of them requires, or ``record`` beside them, is provided by another."""
    records = [DATA, *(getattr(cast, field.name) for field in dataclasses.fields(cast))]
    chosen = [each for each in records if each is not None]
    chosen += [] if record in chosen else [record]
    return all(
        any(capability in provided(other) for other in chosen if other is not each)
        for each in chosen
        for capability in required(each)
    )
