"""What a check stands on: the entry and its partners, built small."""

from __future__ import annotations

import dataclasses
import importlib
import inspect
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from typing import Any

import torch
from torch import nn

from tpzoo.engine import (
    Connect,
    DataSpec,
    Ends,
    Engine,
    Feedback,
    FeedbackMap,
    Learner,
    Loss,
    Network,
    Output,
    Rule,
    Streams,
    WeightStepper,
    connector,
)
from tpzoo.engine.step import Iterations
from tpzoo.plugin.catalogue import Catalogue
from tpzoo.plugin.records import Record
from tpzoo.plugin.settings import PerName
from tpzoo.testing.casting import Cast, Casting
from tpzoo.testing.outcome import ConformanceError
from tpzoo.testing.toys import IMAGES, VECTORS


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


class Stage(Casting):
    """Builds entries small, on one device, in float64 unless told otherwise."""

    def __init__(self, catalogue: Catalogue, device: str = "cpu") -> None:
        super().__init__(catalogue)
        self.device = device

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
        """Vectors, or images where ``record`` requires them."""
        if "images" not in record.requires:
            return VECTORS
        side = getattr(record, "smallest_image", IMAGES.input_shape[-1])
        return dataclasses.replace(IMAGES, input_shape=(*IMAGES.input_shape[:-2], side, side))

    def network(self, record: Record, dtype: torch.dtype = torch.float64, seed: int = 0) -> Network:
        """The network of an architecture."""
        made: Network = self.make(record, self.spec(record), seed=seed)
        return made.to(device=self.device, dtype=dtype)

    def feedback(
        self, record: Record, map_record: Record | None, network: Network, seed: int = 0, smallest: bool = True
    ) -> Feedback:
        """The feedback path on ``network``, with ``map_record`` on its edges."""

        def make_map(ends: Any) -> Any:
            if map_record is None:
                raise ConformanceError(f"path '{record.name}' connects edges but has no setting 'map'")
            return self.make(map_record, ends, seed=seed + len(ends.name), names=[ends.name])

        made: Feedback = self.make(record, network, self.connector(network, make_map), seed=seed, smallest=smallest)
        like = next(network.parameters())
        return made.to(device=like.device, dtype=like.dtype)

    def connector(self, network: Network, make_map: Callable[[Ends], FeedbackMap]) -> Connect:
        """What a feedback path is given to connect its edges; map forms that mirror a block get twins."""
        takes_twins = "make_twin" in inspect.signature(connector).parameters
        options: dict[str, Any] = {"make_twin": self.twin} if takes_twins else {}
        return connector(network, make_map, **options)

    def twin(self, layer: nn.Module, shape_in: tuple[int, ...], shape_out: tuple[int, ...], settings: Any) -> Any:
        """The twin of a layer, by its type; inner layers are looked up in the same way."""
        return self.twin_by(self.catalogue.twin(type(layer)), layer, shape_in, shape_out, settings)

    def twin_by(
        self, record: Record, layer: nn.Module, shape_in: tuple[int, ...], shape_out: tuple[int, ...], settings: Any
    ) -> Any:
        """The twin that ``record``, registered or not, makes of a layer."""
        ends = importlib.import_module("tpzoo.engine.twin").TwinEnds
        return record.builder()(layer, ends(shape_in, shape_out, partial(self._inner, settings), settings))

    def _inner(self, settings: Any, layer: nn.Module, before: tuple[int, ...], after: tuple[int, ...]) -> Any:
        return self.twin(layer, before, after, settings)

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
            WeightStepper(dict(parts.network.blocks.items()), forward),
            WeightStepper(dict(parts.feedback.maps.items()), backward),
            Streams(seed, self.device),
            Iterations(),
        )


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
