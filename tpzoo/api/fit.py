"""Whether what a config says by block and edge fits a network that it was not written for."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Sequence
from typing import Any, final

from torch import Tensor

from tpzoo.assembly.experiment import Experiment
from tpzoo.assembly.maker import Names, TwinMaker, make
from tpzoo.assembly.method import Method
from tpzoo.engine.feedback import Ends, Feedback, connector
from tpzoo.engine.maps import At, FeedbackMap
from tpzoo.engine.network import Network
from tpzoo.errors import SettingError
from tpzoo.plugin.catalogue import Catalogue
from tpzoo.plugin.settings import Component, PerName, matching


@final
class _NoMap(FeedbackMap):
    """Stands on an edge while only the edges are asked for."""

    def forward(self, u: Tensor, at: At) -> Tensor:
        raise TypeError("this map only holds a place")


def names_of(method: Method, network: Network, catalogue: Catalogue) -> Names:
    """The blocks of a network and the edges that the method's path has on it, found without its maps."""

    def hold_place(ends: Ends) -> FeedbackMap:
        return _NoMap()

    path: Feedback = make(method.feedback, network, connector(network, hold_place, TwinMaker(catalogue)))
    return Names.of(network, path)


def require_fitting(experiment: Experiment, method: Method, names: Names, what: str) -> None:
    """See that every value by block or edge is for names that are there.

    Args:
        what: the config, for the message.

    Raises:
        SettingError: some are not; all are listed, with the names that there are.
    """
    complaints = [f"  {problem}" for problem in _problems(experiment, method, names)]
    if complaints:
        blocks, edges = (", ".join(each or ()) or "none" for each in (names.block, names.edge))
        first = complaints[0].split(":")[0].split()[0]
        hint = f"the network's blocks are {blocks}; its feedback edges are {edges}. Replace each whole, as"
        hint += f' settings={{"{first}": 0.1}}'
        raise SettingError("\n".join([f"{what} says by name what this network has not:", *complaints]), hint)


def _problems(experiment: Experiment, method: Method, names: Names) -> Iterator[str]:
    chosen = {place: getattr(method, place.rpartition(".")[2]) for place in method.records if place != "architecture"}
    for place, part in chosen.items():
        yield from _of_settings(part.settings, place, names)
    yield from _of_optimizer(experiment.optimizer.forward, "optimizer.forward", names.block or ())
    yield from _of_optimizer(experiment.optimizer.feedback, "optimizer.feedback", names.edge or ())
    iterations = experiment.feedback_training.iterations
    yield from _refused(lambda: iterations.resolve(names.edge or [], "feedback_training.iterations"))


def _of_optimizer(chosen: Component, place: str, names: Sequence[str]) -> Iterator[str]:
    if chosen.settings is None or not names:
        return
    yield from _of_settings(chosen.settings, place, Names(names, names))
    train = chosen.settings.train
    yield from _refused(lambda: matching([train] if isinstance(train, str) else train, names, f"{place}.train"))


def _of_settings(settings: Any, place: str, names: Names) -> Iterator[str]:
    for field in dataclasses.fields(settings):
        axis, value = names.along(field.metadata.get("per", "")), getattr(settings, field.name)
        if axis is not None and isinstance(value, PerName):
            yield from _refused(lambda: value.resolve(axis, f"{place}.{field.name}"))  # noqa: B023 - called at once


def _refused(resolve: Any) -> Iterator[str]:
    try:
        resolve()
    except SettingError as error:
        yield error.what
