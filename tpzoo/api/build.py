"""What a trainer is made of: a method of a config on a network that the config does not know."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any, Literal

import torch
from torch import Tensor, nn

from tpzoo.api.fit import names_of, require_fitting
from tpzoo.api.own import own_feedback, own_network, own_part
from tpzoo.assembly.engine import Assembled, assemble
from tpzoo.assembly.legality import check_compatible
from tpzoo.assembly.maker import Names
from tpzoo.assembly.method import Chosen, Method, method_of
from tpzoo.assembly.parts import build_network
from tpzoo.assembly.weights import TrainedWeights
from tpzoo.config.resolved import LoadedConfig
from tpzoo.cut.places import SplitAt
from tpzoo.cut.split import split
from tpzoo.engine.data import DataSpec
from tpzoo.engine.network import Network
from tpzoo.engine.optimise import WeightStepper
from tpzoo.errors import SettingError
from tpzoo.plugin.catalogue import Catalogue
from tpzoo.plugin.records import DataSet
from tpzoo.runner.device import choose_device, choose_precision

Task = Literal["classification", "regression"]
MakeOptimizer = Callable[[list[nn.Parameter]], torch.optim.Optimizer]


@dataclass(frozen=True)
class Made:
    """An engine on a given network.

    Attributes:
        learnt: the parameters of the network that were to be trained when it was given.
    """

    assembled: Assembled
    names: Names
    learnt: list[nn.Parameter]


def built_for(
    loaded: LoadedConfig,
    what: str,
    network: nn.Module | None,
    example: Tensor | tuple[Tensor, Tensor],
    objects: Mapping[str, Any],
    task: Task | None,
    outputs: int | None,
    at: SplitAt,
    device: torch.device | str | None,
) -> Made:
    """Build the method of ``loaded`` on ``network``. Arguments are those of :class:`tpzoo.Trainer`.

    Args:
        what: what to call the config in messages.
        objects: by path, the parts that are given as objects.
    """
    experiment, catalogue = loaded.experiment, loaded.catalogue
    x, y = example if isinstance(example, tuple) else (example, None)
    method = method_of(experiment, catalogue)
    if network is None:
        dtype, place = choose_precision(experiment.precision), choose_device(experiment.device)
        built = _of_config(method, x, outputs, experiment.seed)
    else:
        like = next(network.parameters(), x)
        dtype, place = like.dtype, like.device
        built = network if isinstance(network, Network) else split(network, x, at)
    learnt = [p for p in built.parameters() if p.requires_grad]
    method = _with_objects(method, objects, built, catalogue)
    spec = _spec(built, x, y, task)
    check_compatible({**method.records, "data": _data(spec)}, catalogue)
    names = names_of(method, built, catalogue)
    require_fitting(experiment, method, names, what)
    where = place if device is None else torch.device(device)
    return Made(assemble(experiment, catalogue, spec, device=where, dtype=dtype, method=method), names, learnt)


def _of_config(method: Method, x: Tensor, outputs: int | None, seed: int) -> Network:
    if outputs is None:
        hint = "give network=..., or outputs=..., the number of classes or of values"
        raise SettingError("without a network nobody knows how many values it is to give", hint)
    return build_network(method.architecture, DataSpec(tuple(x.shape[1:]), outputs, "classification"), seed)


def _with_objects(method: Method, objects: Mapping[str, Any], network: Network, catalogue: Catalogue) -> Method:
    found: dict[str, Chosen | None] = {"architecture": own_network(network)}
    for path, part in objects.items():
        axis = path.rpartition(".")[2]
        found[axis] = own_feedback(part, catalogue) if axis == "feedback" else own_part(axis, part, catalogue)
    if "feedback" in found:
        found["map"] = None
    return replace(method, **found)  # type: ignore[arg-type]


def _spec(network: Network, x: Tensor, y: Tensor | None, task: Task | None) -> DataSpec:
    """What the network takes and gives; the task from the labels, if nobody says."""
    shape = network.shapes[network.nodes[-1].name]
    if len(shape) != 1:
        what = f"the network gives values of shape {shape} for each example"
        raise SettingError(what, "give one that returns (batch, classes), or (batch, values)")
    floating = y is not None and y.is_floating_point()
    return DataSpec(tuple(x.shape[1:]), shape[0], task or ("regression" if floating else "classification"))


def _data(spec: DataSpec) -> DataSet:
    """What stands for a data set where it is asked whether components fit together."""
    images = ("images",) if len(spec.input_shape) == 3 else ()
    return DataSet(name="given", summary="given", build=lambda settings: None, provides=(spec.task, *images))


def step_with(
    assembled: Assembled,
    optimizer: torch.optim.Optimizer | MakeOptimizer | None,
    feedback_optimizer: MakeOptimizer | None,
    learnt: list[nn.Parameter],
) -> None:
    """Put the caller's own optimisers in the place of the config's.

    Raises:
        SettingError: the optimiser steps nothing of the network.
    """
    engine = assembled.engine
    if optimizer is not None:
        for p in learnt:
            p.requires_grad_(True)  # what the config's optimiser leaves out is the caller's to say
        made = optimizer if isinstance(optimizer, torch.optim.Optimizer) else optimizer(learnt)
        assembled.forward = TrainedWeights(WeightStepper(dict(engine.network.blocks.items()), made), None)
        engine.forward_weights = assembled.forward.weights
        if not engine.forward_weights.trained:
            raise SettingError("the optimizer holds no parameter of the network", "make it from network.parameters()")
    parameters = list(engine.feedback.maps.parameters())
    if feedback_optimizer is not None and parameters:
        weights = WeightStepper(dict(engine.feedback.maps.items()), feedback_optimizer(parameters))
        assembled.feedback = TrainedWeights(weights, None)
        engine.feedback_weights = weights
