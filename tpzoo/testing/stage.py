"""What a check stands on: partners for the entry, chosen by what all require and provide, and all of it built small."""

from __future__ import annotations

import dataclasses
import importlib.util
import itertools
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from typing import Any

import torch
from torch import nn

from tpzoo.engine import DataSpec, Engine, Feedback, Group, Learner, Loss, Network, Output, Rule, Streams, connector
from tpzoo.engine.step import Iterations
from tpzoo.plugin.catalogue import Catalogue
from tpzoo.plugin.compatibility import incompatibilities
from tpzoo.plugin.records import FeedbackPath, Record
from tpzoo.plugin.settings import Component, PerName
from tpzoo.testing.outcome import ConformanceError
from tpzoo.testing.toys import DATA, PICTURES, VECTORS

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
    """One entry for every axis; ``map`` is None for a path that puts no map form on its wires."""

    architecture: Record
    feedback: Record
    map: Record | None
    learner: Record
    rule: Record
    output: Record
    loss: Record


@dataclass
class Parts:
    """What a cast was built into."""

    network: Network
    feedback: Feedback
    learner: Learner
    rule: Rule
    output: Output
    loss: Loss

    @property
    def modules(self) -> tuple[nn.Module, ...]:
        """All of them."""
        return (self.network, self.feedback, self.learner, self.rule, self.output, self.loss)


class Stage:
    """Builds entries small, on one device, in float64 unless told otherwise."""

    def __init__(self, catalogue: Catalogue, device: str = "cpu") -> None:
        self.catalogue = catalogue
        self.device = device

    def settings(self, record: Record, smallest: bool = True) -> Any:
        """The smallest settings of ``record``, or its defaults."""
        return settings_of(record, record.smallest if smallest else {}, self.catalogue)

    def make(
        self, record: Record, *arguments: Any, seed: int = 0, smallest: bool = True, names: Sequence[str] = ()
    ) -> Any:
        """Build ``record`` as the runner does: constructors draw from a stream of their own.

        ``names`` are the blocks or edges that lists of values in its settings are for.
        """
        settings = _resolved(self.settings(record, smallest), names)
        with seeded(seed):
            if record.config is None and record.shared is None and not arguments:
                return record.builder()()
            return record.builder()(settings, *arguments)

    def spec(self, record: Record) -> DataSpec:
        """Vectors, or pictures where ``record`` requires them."""
        return PICTURES if "images" in record.requires else VECTORS

    def network(self, record: Record, dtype: torch.dtype = torch.float64, seed: int = 0) -> Network:
        """The network of an architecture."""
        made: Network = self.make(record, self.spec(record), seed=seed)
        return made.to(device=self.device, dtype=dtype)

    def feedback(
        self, record: Record, map_record: Record | None, network: Network, seed: int = 0, smallest: bool = True
    ) -> Feedback:
        """The feedback path on ``network``, with ``map_record`` on its wires."""

        def make_map(ends: Any) -> Any:
            if map_record is None:
                raise ConformanceError(f"path '{record.name}' connects wires but has no setting 'map'")
            return self.make(map_record, ends, seed=seed + len(ends.name), names=[ends.name])

        made: Feedback = self.make(record, network, connector(network, make_map), seed=seed, smallest=smallest)
        like = next(network.parameters())
        return made.to(device=like.device, dtype=like.dtype)

    def parts(
        self, cast: Cast, dtype: torch.dtype = torch.float64, seed: int = 0, network: Network | None = None
    ) -> Parts:
        """Everything of ``cast``, built; on ``network`` instead of the architecture's own, if given."""
        spec = self.spec(cast.architecture)
        network = self.network(cast.architecture, dtype, seed) if network is None else network
        feedback = self.feedback(cast.feedback, cast.map, network, seed)
        edges = [edge.name for edge in feedback.edges]
        learner = self.make(cast.learner, seed=seed, names=edges)
        rule = self.make(cast.rule, seed=seed, names=list(network.blocks))
        output, loss = self.make(cast.output, seed=seed), self.make(cast.loss, spec, seed=seed)
        parts = Parts(network, feedback, learner, rule, output, loss)
        for module in parts.modules:
            module.to(device=self.device, dtype=dtype)
        return parts

    def engine(self, parts: Parts, seed: int = 0, blocks: Sequence[str] | None = None, rate: float = 0.1) -> Engine:
        """An engine with plain gradient descent on ``blocks`` (default all) and on all maps."""
        chosen = [parts.network.blocks[name] for name in (parts.network.blocks if blocks is None else blocks)]
        forward, backward = (
            _descent([p for module in modules for p in module.parameters() if p.requires_grad], rate)
            for modules in (chosen, [parts.feedback.maps])
        )
        return Engine(
            parts.network,
            parts.feedback,
            parts.rule,
            parts.learner,
            parts.loss,
            parts.output,
            Group(dict(parts.network.blocks.items()), forward),
            Group(dict(parts.feedback.maps.items()), backward),
            Streams(seed, self.device),
            Iterations(),
        )

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
            if not incompatibilities(_places(cast), self.catalogue):
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
        others = [entry.record for entry in self.catalogue.entries(kind) if entry.record not in first]
        return first if kind in ("output", "loss") else [*first, *others]

    def _map_of(self, path: Record) -> Record | None:
        chosen = getattr(self.settings(path), "map", None) if isinstance(path, FeedbackPath) else None
        return self.find("map", chosen.name) if isinstance(chosen, Component) else None


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


@contextmanager
def seeded(seed: int) -> Iterator[None]:
    """Constructors draw from a stream of their own, as in a run."""
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        yield


def _resolved(settings: Any, names: Sequence[str]) -> Any:
    if not names or not dataclasses.is_dataclass(settings) or isinstance(settings, type):
        return settings
    values = {field.name: getattr(settings, field.name) for field in dataclasses.fields(settings)}
    lists = {name: value for name, value in values.items() if isinstance(value, PerName)}
    return dataclasses.replace(settings, **{name: PerName(each.resolve(names, name)) for name, each in lists.items()})


def _descent(parameters: list[nn.Parameter], rate: float) -> torch.optim.Optimizer | None:
    descent = partial(torch.optim.SGD, lr=rate, foreach=False)
    return descent(parameters) if parameters else None


def _places(cast: Cast) -> dict[str, Record]:
    places = {"data": DATA, **{kind: getattr(cast, kind) for kind in PREFERRED}}
    return {**places, **({"feedback.map": cast.map} if cast.map is not None else {})}
