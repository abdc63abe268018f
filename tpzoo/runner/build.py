"""From a config to everything that a run needs: data, network, feedback, learner, rule, optimisers, probes."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import torch
from torch import nn

from tpzoo.config.schema import Experiment
from tpzoo.engine.data import Data
from tpzoo.engine.draw import Streams, stream_seed
from tpzoo.engine.feedback import Feedback, connector
from tpzoo.engine.learner import Learner
from tpzoo.engine.network import Network
from tpzoo.engine.optimise import WeightStepper
from tpzoo.engine.probe import Probe
from tpzoo.engine.rule import Rule
from tpzoo.engine.step import Engine, Iterations
from tpzoo.engine.twin import TwinEnds, TwinLayer
from tpzoo.errors import SettingError
from tpzoo.plugin.catalogue import Catalogue, normal_name
from tpzoo.plugin.settings import Component, PerName
from tpzoo.runner.device import choose_device, choose_precision
from tpzoo.runner.groups import Stepper, parameter_groups


@dataclass
class Built:
    """Everything that a run needs, on its device."""

    data: Data
    engine: Engine
    forward: Stepper
    backward: Stepper
    probes: dict[str, Probe]
    device: torch.device
    dtype: torch.dtype


def build(experiment: Experiment, catalogue: Catalogue) -> Built:
    """Build what the config names. The global generator is left as it was.

    Raises:
        TpzooError: something cannot be built as the config says.
    """
    device, dtype = choose_device(experiment.device), choose_precision(experiment.precision)
    make = Maker(catalogue)
    data: Data = make("dataset", experiment.data)
    with seeded(experiment.seed, "init/network"):
        network: Network = make("architecture", experiment.architecture, data.spec)
    with seeded(experiment.seed, "init/feedback"):
        feedback = build_feedback(make, experiment.feedback, network)
    blocks, edges = list(network.blocks), [edge.name for edge in feedback.edges]
    make = Maker(catalogue, blocks, edges)
    with seeded(experiment.seed, "init/rest"):
        learner: Learner = make("learner", experiment.learner)
        rule: Rule = make("rule", experiment.rule)
        loss, output = make("loss", experiment.loss, data.spec), make("output", experiment.output)
        probes = {name: make("probe", component) for name, component in experiment.probes.items()}
    for module in (network, feedback, learner, rule, loss, output):
        module.to(device=device, dtype=dtype)
    forward, backward = _steppers(experiment, catalogue, network, feedback, learner, rule)
    iterations = _iterations(experiment.feedback_training.iterations, edges)
    streams = Streams(experiment.seed, device)
    engine = Engine(network, feedback, rule, learner, loss, output, forward.group, backward.group, streams, iterations)
    return Built(data.to(device), engine, forward, backward, probes, device, dtype)


class Maker:
    """Calls the builders of chosen components, with per-block and per-edge settings resolved once names are known."""

    def __init__(
        self, catalogue: Catalogue, blocks: Sequence[str] | None = None, edges: Sequence[str] | None = None
    ) -> None:
        self.catalogue = catalogue
        self._names = {"block": blocks, "edge": edges}

    def __call__(self, kind: str, chosen: Component, *arguments: Any) -> Any:
        """Build one component: its builder gets its settings, then ``arguments``."""
        record = self.catalogue.find(kind, _full_name(chosen)).record
        settings = self.resolve(chosen.settings, chosen.name)
        if record.config is None and not arguments:
            return record.builder()()
        return record.builder()(settings, *arguments)

    def twin(self, layer: nn.Module, shape_in: tuple[int, ...], shape_out: tuple[int, ...], settings: Any) -> TwinLayer:
        """The twin of a layer, by its type; inner layers are looked up in the same way."""

        def inner(each: nn.Module, before: tuple[int, ...], after: tuple[int, ...]) -> TwinLayer:
            return self.twin(each, before, after, settings)

        record = self.catalogue.twin(type(layer))
        found: TwinLayer = record.builder()(layer, TwinEnds(shape_in, shape_out, inner, settings))
        return found

    def resolve(self, settings: Any, owner: str) -> Any:
        """``settings`` with every list and pattern as a mapping from name to value, where the names are known."""
        if not dataclasses.is_dataclass(settings) or isinstance(settings, type):
            return settings
        found = {}
        for field in dataclasses.fields(settings):
            names, value = self._names.get(field.metadata.get("per", "")), getattr(settings, field.name)
            if names is not None and isinstance(value, PerName):
                found[field.name] = PerName(value.resolve(names, f"{owner}.{field.name}"))
        return dataclasses.replace(settings, **found)


def _full_name(chosen: Component) -> str:
    """``distribution/name``, also where the config wrote it so; the bare name if no distribution is known."""
    written = normal_name(chosen.name.partition("/")[0]) == normal_name(chosen.distribution)
    return chosen.name if written or not chosen.distribution else f"{chosen.distribution}/{chosen.name}"


def build_feedback(make: Maker, chosen: Component, network: Network) -> Feedback:
    """The feedback path, with the map form of its settings on every edge."""
    chosen_map = getattr(chosen.settings, "map", None)

    def make_map(ends: Any) -> Any:
        if chosen_map is None:
            raise TypeError(f"feedback path '{chosen.name}' connects edges but has no setting 'map'")
        return make("map", _without_lists(chosen_map), ends)

    feedback: Feedback = make("feedback", chosen, network, connector(network, make_map, make.twin))
    if chosen_map is not None:  # every pattern must match an edge
        Maker(make.catalogue, edges=[edge.name for edge in feedback.edges]).resolve(
            chosen_map.settings, chosen_map.name
        )
    return feedback


def _without_lists(chosen: Component) -> Component:
    """``chosen``, if no setting lists values by edge: while maps are made, nobody knows all edges yet.

    Raises:
        SettingError: one does.
    """
    settings = chosen.settings
    for name, value in vars(settings).items() if dataclasses.is_dataclass(settings) else ():
        if isinstance(value, PerName) and isinstance(value.value, tuple):
            raise SettingError(
                f"map '{chosen.name}': {name} lists values, and a map's settings cannot be listed by edge",
                "give one value for all, or {pattern: value}",
            )
    return chosen


@contextmanager
def seeded(seed: int, stream: str) -> Iterator[None]:
    """Let torch's and timm's constructors draw from a stream of their own; the global generators are put back."""
    with torch.random.fork_rng():
        torch.manual_seed(stream_seed(seed, stream))
        yield


def _steppers(
    experiment: Experiment, catalogue: Catalogue, network: Network, feedback: Feedback, learner: Learner, rule: Rule
) -> tuple[Stepper, Stepper]:
    chosen, epochs = experiment.optimizer, experiment.epochs
    blocks, edges = dict(network.blocks.items()), dict(feedback.maps.items())
    if getattr(chosen.feedback.settings, "divide_by_step_size", False):
        raise SettingError("optimizer.feedback.divide_by_step_size: no step size belongs to the maps")
    record = catalogue.find("rule", _full_name(experiment.rule)).record
    divides = getattr(record, "uses_output", True)
    forward_chosen = with_rate_used(chosen.forward, experiment.output) if divides else chosen.forward
    forward = _stepper(forward_chosen, blocks, list(blocks), catalogue, epochs)
    # what is never trained needs no optimiser, whose schedule would warn that it was never stepped
    learns = learner.trains or rule.trains_feedback
    if learner.mirrors_forward_optimizer:
        return forward, _stepper(forward_chosen, edges, list(blocks), catalogue, epochs, learns)
    return forward, _stepper(chosen.feedback, edges, list(edges), catalogue, epochs, learns)


def with_rate_used(optimizer: Component, output: Component) -> Component:
    """``optimizer`` with lr / step_size as its rate where its settings ask for that (Meulemans et al. 2020).

    Raises:
        SettingError: the output target has no step size.
    """
    settings = optimizer.settings
    if not getattr(settings, "divide_by_step_size", False):
        return optimizer
    step_size = getattr(output.settings, "step_size", None)
    if step_size is None:
        raise SettingError(
            f"optimizer.forward.divide_by_step_size: output '{output.name}' has no step_size",
            "select output=gradient, or give the rate itself",
        )
    rate = settings.lr.map(lambda lr: lr / step_size)
    return dataclasses.replace(optimizer, settings=dataclasses.replace(settings, lr=rate))


def _stepper(
    chosen: Component,
    members: Mapping[str, nn.Module],
    names: Sequence[str],
    catalogue: Catalogue,
    epochs: int,
    learns: bool = True,
) -> Stepper:
    """``names`` are what the settings may differ by: the members, or for a mirrored optimiser the blocks."""
    if not members:  # a path without edges: settings by edge, left over from another path, have no meaning
        return Stepper(WeightStepper({}, None), None)
    make = Maker(catalogue, names, names)
    settings = make.resolve(chosen.settings, chosen.name)
    groups = parameter_groups(settings, members, names)
    optimizer = make("optimizer", chosen, groups) if groups and learns else None
    schedule = make("schedule", settings.schedule, optimizer, epochs) if optimizer else None
    return Stepper(WeightStepper(members, optimizer, settings.clip), schedule)


def _iterations(chosen: PerName[int], edges: Sequence[str]) -> Iterations:
    if not edges:
        return Iterations()
    if isinstance(chosen.value, int):
        return Iterations(together=chosen.value)
    return Iterations(by_edge=chosen.resolve(edges, "feedback_training.iterations"))
