"""The parts of a method, built: network, feedback, learner, rule, update, output target and loss."""

from __future__ import annotations

from dataclasses import dataclass, field

import torch
from torch import nn

from tpzoo.assembly.maker import Names, TwinMaker, make, resolved, seeded
from tpzoo.assembly.method import Chosen, Method, choose
from tpzoo.engine.data import DataSpec
from tpzoo.engine.feedback import Ends, Feedback, connector
from tpzoo.engine.learner import Learner
from tpzoo.engine.maps import FeedbackMap
from tpzoo.engine.network import Network
from tpzoo.engine.objective import Loss, Output
from tpzoo.engine.passes import BACKENDS
from tpzoo.engine.randomness import find_draws
from tpzoo.engine.rule import Rule
from tpzoo.engine.update import Update
from tpzoo.errors import SettingError
from tpzoo.plugin.catalogue import Catalogue
from tpzoo.plugin.records import DEFAULT_UPDATE
from tpzoo.plugin.settings import Component, PerName


@dataclass
class Parts:
    """What a method was built into."""

    network: Network
    feedback: Feedback
    learner: Learner
    rule: Rule
    update: Update
    output: Output
    loss: Loss
    called: dict[str, str] = field(default_factory=dict)

    @property
    def modules(self) -> dict[str, nn.Module]:
        """All of them, by name."""
        return {name: value for name, value in vars(self).items() if isinstance(value, nn.Module)}


def build_parts(
    method: Method,
    spec: DataSpec,
    catalogue: Catalogue,
    *,
    seed: int = 0,
    device: torch.device | str = "cpu",
    dtype: torch.dtype = torch.float32,
    backend: str = "autograd",
    network: Network | None = None,
) -> Parts:
    """The parts of a method; on ``network`` instead of the architecture's own, if it is given.

    Raises:
        TpzooError: something cannot be built.
    """
    network = network or build_network(method.architecture, spec, seed)
    feedback = build_feedback(method.feedback, method.map, network, catalogue, seed)
    names = Names.of(network, feedback)
    with seeded(seed, "init/rest"):
        parts = Parts(
            network,
            feedback,
            learner=make(method.learner, names=names),
            rule=make(method.rule, names=names),
            update=make(method.update or _default_update(catalogue), names=names),
            output=make(method.output, names=names),
            loss=make(method.loss, spec, names=names),
            called=_called(method, catalogue),
        )
    for module in parts.modules.values():
        module.to(device=device, dtype=dtype)
    network.backend = feedback.backend = BACKENDS[backend]
    find_draws(network, torch.device(device), dtype)
    return parts


def _called(method: Method, catalogue: Catalogue) -> dict[str, str]:
    """What errors call the parts, by place: ``rule 'my_rules/mine'``."""
    found = {}
    for place, record in method.records.items():
        entry = catalogue.entry(record)
        found[place.rpartition(".")[2]] = f"{record.kind} '{entry.full_name if entry else record.name}'"
    return found


def build_network(architecture: Chosen, spec: DataSpec, seed: int = 0) -> Network:
    """The network for data of ``spec``, in float32 on the CPU."""
    with seeded(seed, "init/network"):
        network: Network = make(architecture, spec)
    return network


def build_feedback(
    path: Chosen, chosen_map: Chosen | None, network: Network, catalogue: Catalogue, seed: int = 0
) -> Feedback:
    """The feedback path on ``network``, with a map on every edge, in float32 on the CPU.

    Raises:
        SettingError: a setting of the map lists values by edge, or a pattern matches no edge.
    """

    def make_map(ends: Ends) -> FeedbackMap:
        if chosen_map is None:
            raise TypeError(f"feedback path '{path.record.name}' connects edges but has no setting 'map'")
        made: FeedbackMap = make(chosen_map, ends)
        return made

    if chosen_map is not None:
        _refuse_lists(chosen_map)
    with seeded(seed, "init/feedback"):
        feedback: Feedback = make(path, network, connector(network, make_map, TwinMaker(catalogue)))
    if chosen_map is not None:  # every pattern must match an edge
        resolved(chosen_map, Names.of(network, feedback))
    return feedback


def _default_update(catalogue: Catalogue) -> Chosen:
    record = catalogue.find("update", DEFAULT_UPDATE).record
    return choose("update", Component(DEFAULT_UPDATE, record.config() if record.config else None), catalogue)


def _refuse_lists(chosen: Chosen) -> None:
    """While maps are made, nobody knows all edges yet: no setting of a map can list values by edge."""
    for name, value in vars(chosen.settings).items():
        if isinstance(value, PerName) and isinstance(value.value, tuple):
            raise SettingError(
                f"map '{chosen.record.name}': {name} lists values, and a map's settings cannot be listed by edge",
                "give one value for all, or {pattern: value}",
            )
