"""What a check stands on: the entry and its partners, built small by the same builder as a run."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from contextlib import AbstractContextManager, suppress
from functools import partial
from typing import Any

import torch
from torch import nn

from tpzoo.assembly.engine import build_engine
from tpzoo.assembly.maker import Names, TwinMaker, make, seeded
from tpzoo.assembly.method import Chosen, Method
from tpzoo.assembly.parts import Parts, build_feedback, build_network, build_parts
from tpzoo.engine import DataSpec, Engine, Feedback, Network, Streams, WeightStepper, find_draws
from tpzoo.errors import SettingError
from tpzoo.plugin.catalogue import Catalogue
from tpzoo.plugin.records import Architecture, Record
from tpzoo.testing.partners import Partners
from tpzoo.testing.toys import IMAGES, VECTORS


class Stage(Partners):
    """Builds entries small, on one device, in float64 unless told otherwise."""

    def __init__(self, catalogue: Catalogue, device: str = "cpu") -> None:
        super().__init__(catalogue)
        self.device = device
        self.twins = TwinMaker(catalogue)

    def make(
        self, record: Record, *arguments: Any, seed: int = 0, smallest: bool = True, names: Sequence[str] | None = None
    ) -> Any:
        """Build ``record``; constructors draw from a stream of their own.

        ``names`` are the blocks or edges that values by name in its settings are for.
        """
        with seeded(seed, "init/rest"):
            return make(self.choose(record, smallest), *arguments, names=Names(names, names))

    def seeded(self, seed: int = 0) -> AbstractContextManager[None]:
        """Constructors draw from a stream of their own."""
        return seeded(seed, "init/network")

    def spec(self, record: Record) -> DataSpec:
        """Vectors, or images where ``record`` requires them."""
        if not (isinstance(record, Architecture) and "images" in record.requires):
            return VECTORS
        side = record.smallest_image
        return dataclasses.replace(IMAGES, input_shape=(*IMAGES.input_shape[:-2], side, side))

    def network(self, record: Record, dtype: torch.dtype = torch.float64, seed: int = 0) -> Network:
        """The network of an architecture."""
        made = build_network(self.choose(record), self.spec(record), seed).to(device=self.device, dtype=dtype)
        with suppress(SettingError):  # a check of its own says so
            find_draws(made, torch.device(self.device), dtype)
        return made

    def feedback(
        self, record: Record, chosen_map: Chosen | None, network: Network, seed: int = 0, smallest: bool = True
    ) -> Feedback:
        """The feedback path on ``network``, with ``chosen_map`` on its edges."""
        made = build_feedback(self.choose(record, smallest), chosen_map, network, self.catalogue, seed)
        like = next(network.parameters())
        return made.to(device=like.device, dtype=like.dtype)

    def parts(
        self, method: Method, dtype: torch.dtype = torch.float64, seed: int = 0, network: Network | None = None
    ) -> Parts:
        """Everything of ``method``, built; on ``network`` instead of the architecture's own, if given."""
        spec = self.spec(method.architecture.record)
        return build_parts(method, spec, self.catalogue, seed=seed, device=self.device, dtype=dtype, network=network)

    def engine(self, parts: Parts, seed: int = 0, blocks: Sequence[str] | None = None, rate: float = 0.1) -> Engine:
        """An engine with plain gradient descent on ``blocks`` (default all) and on all maps."""
        members, maps = dict(parts.network.blocks.items()), dict(parts.feedback.maps.items())
        trained = [members[name] for name in (members if blocks is None else blocks)]
        forward = WeightStepper(members, _descent(trained, rate))
        return build_engine(
            parts, forward, WeightStepper(maps, _descent(list(maps.values()), rate)), Streams(seed, self.device)
        )


def _descent(modules: Sequence[nn.Module], rate: float) -> torch.optim.Optimizer | None:
    parameters = [p for module in modules for p in module.parameters() if p.requires_grad]
    descent = partial(torch.optim.SGD, lr=rate, foreach=False)
    return descent(parameters) if parameters else None
