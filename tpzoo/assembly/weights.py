"""What steps the weights: optimisers and schedules over blocks and edges, each with its own settings."""

from __future__ import annotations

import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from torch import Tensor, nn
from torch.optim.lr_scheduler import LRScheduler

from tpzoo.assembly.experiment import Experiment
from tpzoo.assembly.maker import Names, make, resolved
from tpzoo.assembly.method import Chosen, Method, choose, nested
from tpzoo.assembly.parts import Parts
from tpzoo.engine.learner import LossLearner
from tpzoo.engine.optimise import WeightStepper
from tpzoo.errors import SettingError
from tpzoo.plugin.catalogue import Catalogue
from tpzoo.plugin.settings import PerName, matching


@dataclass
class TrainedWeights:
    """What steps named members, and the schedule of their learning rates; None if nothing is trained."""

    weights: WeightStepper
    schedule: LRScheduler | None

    def end_epoch(self) -> None:
        """Go to the learning rates of the next epoch."""
        if self.schedule is not None:
            with warnings.catch_warnings():
                # torch counts the optimiser's steps in this process alone, and none may have been due since resuming
                warnings.filterwarnings("ignore", message="Detected call of `lr_scheduler.step")
                self.schedule.step()

    def rates(self) -> dict[str, float]:
        """The learning rate of every member that is trained."""
        groups = self.weights.optimizer.param_groups if self.weights.optimizer is not None else []
        return {member: float(group["lr"]) for group in groups for member in group["name"].split(", ")}

    def state_dict(self) -> dict[str, Any]:
        """What a checkpoint keeps."""
        if self.weights.optimizer is None:
            return {}
        schedule = {} if self.schedule is None else {"schedule": self.schedule.state_dict()}
        return {"optimizer": self.weights.optimizer.state_dict(), **schedule}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Continue from a checkpoint."""
        if self.weights.optimizer is not None:
            self.weights.optimizer.load_state_dict(state["optimizer"])
        if self.schedule is not None:
            self.schedule.load_state_dict(state["schedule"])


def build_weights(
    experiment: Experiment, method: Method, parts: Parts, catalogue: Catalogue
) -> tuple[TrainedWeights, TrainedWeights]:
    """What steps the blocks, and what steps the feedback maps.

    Raises:
        SettingError: an optimiser's settings do not fit the blocks, the edges or the method.
    """
    forward = choose("optimizer", experiment.optimizer.forward, catalogue)
    backward = choose("optimizer", experiment.optimizer.feedback, catalogue)
    blocks, edges = dict(parts.network.blocks.items()), dict(parts.feedback.maps.items())
    for place, chosen in (("forward", forward), ("feedback", backward)):
        _check_warm_up(place, chosen.settings, experiment.epochs)
    settings = forward.settings.for_blocks(experiment.output, method.rule.record)
    backward.settings.for_edges()
    forward = Chosen(forward.record, settings)
    epochs = experiment.epochs
    stepped = optimised(forward, blocks, list(blocks), catalogue, epochs)
    # what is never trained needs no optimiser, whose schedule would warn that it was never stepped
    learns = isinstance(parts.learner, LossLearner) or parts.rule.trains_feedback
    if parts.learner.mirrors_forward_optimizer:
        inverted = {edge.name: edge.blocks for edge in parts.feedback.edges}
        return stepped, optimised(forward, edges, list(blocks), catalogue, epochs, learns, inverted)
    names = parts.feedback.names(parts.network)
    return stepped, optimised(backward, edges, names, catalogue, epochs, learns)


def _check_warm_up(place: str, settings: Any, epochs: int) -> None:
    """Raise :class:`SettingError` if the rate would not reach its full value within the run."""
    length = getattr(settings.schedule.settings, "warmup_epochs", 0)
    if 0 < epochs <= length:
        what = (
            f"optimizer.{place}.schedule.warmup_epochs is {length} and the run has {epochs} epochs: it would never end"
        )
        raise SettingError(what, "use a shorter warm-up, or 0")


def optimised(
    chosen: Chosen,
    members: Mapping[str, nn.Module],
    names: Sequence[str],
    catalogue: Catalogue,
    epochs: int = 1,
    learns: bool = True,
    inverted: Mapping[str, Sequence[str]] | None = None,
) -> TrainedWeights:
    """An optimiser and its schedule over ``members``.

    Args:
        names: what the settings may differ by, from input to output: the members, or for a mirrored optimiser the
            blocks.
        epochs: of the run, for the schedule.
        learns: whether anything will ever be stepped.
        inverted: as in :func:`parameter_groups`.
    """
    if not members:  # a path without edges: settings by edge, left over from another path, have no meaning
        return TrainedWeights(WeightStepper({}, None), None)
    known = Names(names, names)
    settings = resolved(chosen, known).settings
    groups = parameter_groups(settings, members, names, inverted)
    optimizer = make(chosen, groups, names=known) if groups and learns else None
    schedule = nested(chosen, "schedule", catalogue)
    stepped = make(schedule, optimizer, epochs) if optimizer and schedule else None
    return TrainedWeights(WeightStepper(members, optimizer, settings.clip), stepped)


def parameter_groups(
    settings: Any,
    members: Mapping[str, nn.Module],
    names: Sequence[str] | None = None,
    inverted: Mapping[str, Sequence[str]] | None = None,
) -> list[dict[str, Any]]:
    """Torch parameter groups for the members that ``settings.train`` names; the others stop requiring gradients.

    Members with the same settings share a group: the optimiser then steps them in one kernel, to the same numbers. The
    group's ``name`` lists them.

    Args:
        settings: optimiser settings, values by name resolved to ``names``.
        names: what the settings know; default the members.
        inverted: by member those of ``names`` whose settings it takes, the blocks that an edge inverts; default itself.

    Raises:
        SettingError: a pattern of ``train`` names nothing, or an edge inverts blocks with different settings.
    """
    per_name = {key: value for key, value in vars(settings).items() if isinstance(value, PerName)}
    patterns = [settings.train] if isinstance(settings.train, str) else settings.train
    trained = matching(patterns, list(members if names is None else names), "optimizer.train")
    groups: dict[tuple[Any, ...], dict[str, list[Tensor]]] = {}
    for name, member in members.items():
        owners = [name] if inverted is None else inverted[name]
        found = {(each in trained, *(value[each] for value in per_name.values())) for each in owners}
        if len(found) != 1:
            raise _no_common_settings(name, owners)
        ((learns, *values),) = found
        if not learns:
            member.requires_grad_(False)
        elif params := list[Tensor](member.parameters()):
            groups.setdefault(tuple(values), {})[name] = params
    return [
        group
        for values, found in groups.items()
        for group in _decayed_apart(
            {
                "name": ", ".join(found),
                "params": [p for params in found.values() for p in params],
                **dict(zip(per_name, values, strict=True)),
            },
            settings.decay == "all",
        )
    ]


def _decayed_apart(group: dict[str, Any], all_decay: bool) -> list[dict[str, Any]]:
    """The group, or where biases and scales of norms do not decay one group of these and one of the others."""
    if all_decay or not group["weight_decay"]:
        return [group]
    parts = [p for p in group["params"] if p.ndim > 1], [p for p in group["params"] if p.ndim <= 1]
    found = [{**group, "params": parts[0]}, {**group, "params": parts[1], "weight_decay": 0.0}]
    return [each for each in found if each["params"]]


def _no_common_settings(edge: str, blocks: Sequence[str]) -> SettingError:
    of = f"{', '.join(blocks)}, which differ in them" if blocks else "none"
    return SettingError(
        f"feedback edge '{edge}' takes the optimiser settings of the blocks that it inverts: {of}",
        "use a path whose edges invert one block each, such as layerwise, or one value for all",
    )
