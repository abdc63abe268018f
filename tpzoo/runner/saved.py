"""A finished or interrupted run, looked at again: rebuild it from its folder and score a checkpoint."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from tpzoo.config import load
from tpzoo.engine.data import Data, Split
from tpzoo.errors import SettingError
from tpzoo.runner import folder
from tpzoo.runner.build import build
from tpzoo.runner.checkpoint import Checkpoints, put_back
from tpzoo.runner.evaluate import Score, evaluate
from tpzoo.runner.session import modules_of


@dataclass(frozen=True)
class Evaluation:
    """The score of one checkpoint of a run on one split.

    Attributes:
        checkpoint: the label that was asked for, such as ``last`` or ``epoch-0010``.
        epoch, step: how far the run had come there.
        examples: how many were scored.
        score: mean loss, and accuracy where there are classes.
    """

    run: Path
    checkpoint: str
    split: str
    epoch: int
    step: int
    examples: int
    score: Score


def evaluate_run(
    run: Path,
    checkpoint: str = "last",
    split: str = "test",
    overrides: Sequence[str] = (),
    plugins: Sequence[str] = (),
) -> Evaluation:
    """Rebuild the run in folder ``run`` from its config, load a checkpoint of it and score the network.

    Args:
        checkpoint: ``last``, ``best`` or ``epoch-N``.
        split: ``test``, ``validation`` or ``train``.
        overrides: ``key=value`` over the run's config; only what does not change results, such as ``data.root``.
        plugins: further plugins, files or modules.

    Raises:
        TpzooError: ``run`` is no run, the checkpoint is missing, damaged or of another config, or the data have no
            such split.
    """
    where = folder.reopen(run)
    loaded = load(where.path / "config.yaml", overrides, plugins=plugins)
    label = _label(checkpoint)
    saved = Checkpoints(run / "checkpoints", loaded.hash).load(label)  # quicker to refuse than to build
    built = build(loaded.experiment, loaded.catalogue)
    put_back(modules_of(built), saved.weights)
    chosen = _split(built.data, split)
    size, engine = loaded.experiment.evaluation_batch_size, built.engine
    score = evaluate(engine.network, engine.loss, built.data, chosen, built.dtype, size)
    cursor = saved.state["training"]["progress"]["cursor"]
    return Evaluation(run, label, split, cursor["epoch"], cursor["step"], len(chosen), score)


def _label(checkpoint: str) -> str:
    """The label as a run writes it: ``epoch-5`` is ``epoch-0005``."""
    epoch = re.fullmatch(r"epoch-(\d+)", checkpoint)
    return f"epoch-{int(epoch[1]):04d}" if epoch else checkpoint


def _split(data: Data, name: str) -> Split:
    splits = {"train": data.train, "validation": data.validation, "test": data.test}
    found = splits[name]
    if found is None:
        raise SettingError("this run held no validation split out", "choose --split test or --split train")
    return found
