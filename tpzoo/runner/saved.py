"""A finished or interrupted run, looked at again: rebuild it from its folder and score a checkpoint."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch

from tpzoo.config import LoadedConfig, load
from tpzoo.config.resolved import FOR_EVALUATION
from tpzoo.engine.data import Data, Split
from tpzoo.errors import SettingError
from tpzoo.plugin.source import sources_of
from tpzoo.runner import folder
from tpzoo.runner.build import Built, build
from tpzoo.runner.checkpoint import Checkpoints, label_of, put_back
from tpzoo.runner.code import plugins_to_load, plugins_used, require_same_code
from tpzoo.runner.data_identity import require_same_data
from tpzoo.runner.details import Details
from tpzoo.runner.evaluate import Score, evaluate
from tpzoo.runner.measure import Moments, measure
from tpzoo.runner.session import modules_of, versions_of


@dataclass(frozen=True)
class Evaluation:
    """The score of one checkpoint of a run on one split.

    Attributes:
        checkpoint: the label that was asked for, such as ``last`` or ``epoch-0010``.
        epoch, step: how far the run had come there.
        examples: how many were scored.
        score: mean loss, and accuracy where there are classes.
        details: recall by class and the confusion matrix, or errors and R^2 by target.
        probes: what probes measured on the split, by ``probe/name``.
    """

    run: Path
    checkpoint: str
    split: str
    epoch: int
    step: int
    examples: int
    score: Score
    details: Details
    probes: Mapping[str, Moments] = field(default_factory=dict)


def evaluate_run(
    run: Path,
    checkpoint: str = "last",
    split: str = "test",
    overrides: Sequence[str] = (),
    plugins: Sequence[str] = (),
    other_data: bool = False,
    changed_plugin: bool = False,
    probes: Sequence[str] = (),
) -> Evaluation:
    """Rebuild the run in folder ``run`` from its config, load a checkpoint of it and score the network.

    Args:
        checkpoint: ``last``, ``best`` or ``epoch-N``.
        split: ``test``, ``validation`` or ``train``.
        overrides: ``key=value`` over the run's config; only what does not change the network, such as ``data.root``,
            ``device``, ``precision`` or ``evaluation_batch_size``.
        plugins: further plugins, files or modules.
        other_data: score on other data than the run was trained on; one line says so.
        changed_plugin: score though the code of a plugin is not what it was.
        probes: measure these on each batch of the split, with nothing moving: names of the config's own probes, or of
            others, which then have their defaults. Batches have the size of training, in the stored order.

    Raises:
        TpzooError: ``run`` is no run, the checkpoint is missing, damaged or of another config, or the data have no
            such split.
    """
    where = folder.reopen(run)
    config = where.path / "config.yaml"
    asked = [f"probes.{probe}.every=1" for probe in probes]
    loaded = load(config, [*asked, *overrides], plugins=plugins_to_load(where, plugins, changed_plugin))
    started_with = load(config, (), loaded.catalogue)
    _require_same_method(started_with, loaded)
    label = label_of(checkpoint)
    checkpoints = Checkpoints(run / "checkpoints", started_with.hash)
    saved = checkpoints.load(label)  # quicker to refuse than to build
    built = build(loaded.experiment, loaded.catalogue)
    require_same_data(where, built.data_identity, checkpoints.data_of(label), other_data)
    modules = modules_of(built)
    require_same_code(where, sources_of(plugins_used(loaded, modules.values())), versions_of(loaded), changed_plugin)
    of_these = {
        name: {key: value.clone() for key, value in part.state_dict().items()}
        for name, part in built.data.modules.items()
    }
    put_back(modules, saved.weights)
    for line in _other_preparation(built, of_these):
        print(line, file=sys.stderr)
    chosen = _split(built.data, split)
    size, engine = loaded.experiment.evaluation_batch_size, built.engine
    score, details = evaluate(engine.network, engine.loss, built.data, chosen, built.dtype, size)
    cursor = saved.state["training"]["progress"]["cursor"]
    built.probes = {name: probe for name, probe in built.probes.items() if name in probes}
    measured = measure(built, chosen, loaded.experiment.batch_size) if probes else {}
    return Evaluation(run, label, split, cursor["epoch"], cursor["step"], len(chosen), score, details, measured)


def _other_preparation(built: Built, of_these: Mapping[str, Mapping[str, Any]]) -> Iterator[str]:
    """A line where the checkpoint prepares examples otherwise than the data that are there would."""
    for name, part in built.data.modules.items():
        for key, value in part.state_dict().items():
            other = of_these[name][key]
            if not torch.equal(value, other):
                yield f"{name}: {key} is that of the checkpoint, {_short(value)}; these data have {_short(other)}"


def _short(value: torch.Tensor) -> str:
    shown = [f"{each:.4g}" for each in value.flatten()[:3].tolist()]
    return f"[{', '.join(shown)}{', ...' if value.numel() > 3 else ''}]"


def _require_same_method(started_with: LoadedConfig, loaded: LoadedConfig) -> None:
    """Raise :class:`SettingError` if an override changes more than how and where the network is scored."""
    one, other = (dict(_flat(each.compared(FOR_EVALUATION))) for each in (started_with, loaded))
    changed = [key for key in {**one, **other} if one.get(key) != other.get(key)]
    if changed:
        free = ", ".join(".".join(path) for path in FOR_EVALUATION if path not in (("name",), ("plugins",)))
        what = f"to evaluate a run, {', '.join(changed)} cannot be changed: the weights were trained with it"
        raise SettingError(what, f"these can be: {free}")


def _flat(tree: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    for key, value in tree.items():
        if isinstance(value, Mapping) and value:
            yield from _flat(value, f"{prefix}{key}.")
        else:
            yield f"{prefix}{key}", value


def _split(data: Data, name: str) -> Split:
    splits = {"train": data.train, "validation": data.validation, "test": data.test}
    found = splits[name]
    if found is None:
        raise SettingError("this run held no validation split out", "choose --split test or --split train")
    return found
