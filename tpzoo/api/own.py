"""Parts that are given as objects, in place of names of entries."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch

from tpzoo.assembly.legality import provided
from tpzoo.assembly.method import Chosen
from tpzoo.engine.block import SplitBlock
from tpzoo.engine.feedback import Feedback
from tpzoo.engine.jacobians import dense_parameters
from tpzoo.engine.learner import Learner
from tpzoo.engine.network import Network
from tpzoo.engine.objective import Loss, Output
from tpzoo.engine.rule import DisplacementRule, Rule
from tpzoo.engine.update import Update
from tpzoo.errors import SettingError
from tpzoo.plugin.catalogue import Catalogue
from tpzoo.plugin.records import (
    Architecture,
    FeedbackLearner,
    FeedbackPath,
    LossFunction,
    OutputTarget,
    Record,
    TargetRule,
    WeightUpdate,
)

KINDS: dict[str, tuple[type[Record], type]] = {
    "rule": (TargetRule, Rule),
    "update": (WeightUpdate, Update),
    "learner": (FeedbackLearner, Learner),
    "output": (OutputTarget, Output),
    "loss": (LossFunction, Loss),
}


def is_choice(value: Any) -> bool:
    """Whether a part is given as a config says it: a name, or a mapping with ``name`` and settings."""
    return isinstance(value, str | dict)


def own_part(axis: str, part: Any, catalogue: Catalogue) -> Chosen:
    """An object as an entry of its axis. It counts as providing all that any entry of its kind does.

    Raises:
        SettingError: it is no such part.
    """
    record, kind = KINDS[axis]
    if not isinstance(part, kind):
        what = f"{axis} is {_called(part)}, no {kind.__name__} of tpzoo, nor the name of an entry"
        raise SettingError(
            what, f"give a name, a mapping with name and settings, or an instance of tpzoo.{kind.__name__}"
        )
    options: dict[str, Any] = {}
    if record is TargetRule:
        options["makes_displacements"] = isinstance(part, DisplacementRule)
    return Chosen(_record(record, type(part).__name__, lambda *arguments: part, catalogue, **options))


def own_network(network: Network) -> Chosen:
    """A network as an architecture; what it provides is what its blocks do."""
    x = next(network.parameters(), torch.empty(0)).new_zeros(2, *network.input_shape)
    trace = network.trace(x, update_buffers=False, graph=False)
    blocks = [(network.block_of(node), trace[node.name]) for node in network.nodes]
    found = {
        "pre_activation": all(isinstance(block, SplitBlock) for block, _ in blocks),
        "dense_blocks": all(dense_parameters(block, made) is not None for block, made in blocks),
    }
    provides = tuple(name for name, holds in found.items() if holds)
    return Chosen(Architecture(name="network", summary="given", build=lambda *arguments: network, provides=provides))


def own_feedback(make: Callable[[Network], Feedback], catalogue: Catalogue) -> Chosen:
    """A function ``make(network) -> Feedback`` as a feedback path.

    Raises:
        SettingError: it is no function.
    """
    if not callable(make) or isinstance(make, Feedback):
        what = f"feedback is {_called(make)}"
        raise SettingError(what, "give a name, a mapping, or a function that makes a tpzoo.Feedback for a network")
    return Chosen(_record(FeedbackPath, "feedback", lambda settings, network, connect: make(network), catalogue))


def _record(kind: type[Record], name: str, build: Callable[..., Any], catalogue: Catalogue, **options: Any) -> Record:
    offered = [capability for entry in catalogue.entries(kind.kind) for capability in provided(entry.record)]
    return kind(name=name, summary="given", build=build, provides=tuple(dict.fromkeys(offered)), **options)


def _called(part: Any) -> str:
    return f"the class {part.__name__}" if isinstance(part, type) else f"of type {type(part).__name__}"
