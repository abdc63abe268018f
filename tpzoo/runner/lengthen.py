"""A finished run goes on for more epochs, in a new folder that holds what one long run would have written by then.

A run measures its probes on its last step, off their interval too, and logs what stands behind its last test score. A
longer run would have done neither there: these rows are taken out of the copy's ``metrics.csv``. Nothing else of a run
depends on how long it is, but for a schedule that does, which is refused.
"""

from __future__ import annotations

import csv
import hashlib
import io
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch
from torch import nn

from tpzoo.assembly.experiment import Experiment
from tpzoo.assembly.maker import make
from tpzoo.assembly.method import choose, nested
from tpzoo.config import LoadedConfig
from tpzoo.errors import CheckpointError
from tpzoo.files import LoggedFile, write_atomic
from tpzoo.plugin.catalogue import Catalogue
from tpzoo.runner.checkpoint import Checkpoints, pickled
from tpzoo.runner.folder import RunFolder
from tpzoo.runner.history import WHOLE, copy_run
from tpzoo.runner.manifest import STATE, checkpoint_names, read_manifest

METRICS = "metrics.csv"


def is_longer(loaded: LoadedConfig, started: LoadedConfig) -> bool:
    """Whether ``loaded`` is the config that a run was started with but for more epochs."""
    epochs = started.experiment.epochs
    same = replace(loaded, experiment=replace(loaded.experiment, epochs=epochs)).hash == started.hash
    return same and loaded.experiment.epochs > epochs


def lengthened(
    where: RunFolder, started: LoadedConfig, loaded: LoadedConfig, catalogue: Catalogue, target: Path | None
) -> RunFolder:
    """A copy of a finished run that can go on to the end of ``loaded``; the run itself stays as it is.

    Raises:
        CheckpointError: it is not done, no folder is given for the copy, or a schedule depends on the epochs.
    """
    said = f"{where.path} has {started.experiment.epochs} epochs, and {loaded.experiment.epochs} are asked for"
    if where.status() != "done":
        raise CheckpointError(f"{said}; it is not done yet", "finish it first, with its own epochs")
    if target is None:
        raise CheckpointError(said, "--run-dir NEW goes on in a copy; the run itself stays as it is")
    _require_open_end(started.experiment, loaded.experiment, catalogue, said)
    checkpoints = Checkpoints(where.path / "checkpoints", started.hash)
    name = checkpoints.verify(WHOLE)
    state = checkpoints.load(name).state
    made = copy_run(where, checkpoints, name, target)
    kept = _rows_of_a_longer_run(where.path / METRICS, started.experiment, state)
    for each in checkpoint_names(target / "checkpoints"):
        folder = target / "checkpoints" / each
        manifest = replace(read_manifest(folder), config_hash=loaded.hash)
        if each == name and kept is not None:
            write_atomic(target / METRICS, kept)
            state["loggers"]["csv"] = {"bytes": len(kept)}
            content = pickled(state)
            write_atomic(folder / STATE, content)
            files = {**manifest.files, STATE: hashlib.sha256(content).hexdigest()}
            logs = {**manifest.logs, METRICS: LoggedFile(len(kept), hashlib.sha256(kept).hexdigest())}
            manifest = replace(manifest, files=files, logs=logs)
        manifest.write(folder)
    config = loaded.to_yaml(full_names=True)
    digest = hashlib.sha256(config.encode()).hexdigest()
    made.write_environment({**made.environment(), "config_hash": loaded.hash, "config_digest": digest})
    write_atomic(target / "config.yaml", config)
    return made


def _rows_of_a_longer_run(path: Path, experiment: Experiment, state: Mapping[str, Any]) -> bytes | None:
    """What ``metrics.csv`` would hold of a run that did not end there; None if the run did not write it."""
    if "csv" not in state["loggers"] or not path.is_file():
        return None
    last = state["training"]["progress"]["cursor"]["step"]
    every = {name: getattr(probe.settings, "every", 1) for name, probe in experiment.probes.items()}
    lines = path.read_bytes().decode("utf-8").splitlines(keepends=True)
    kept = []
    for line, row in zip(lines, csv.reader(io.StringIO("".join(lines))), strict=True):
        event, _, step, name, *_ = row
        beside = event == "probe" and step == str(last) and (last - 1) % every.get(name.partition("/")[0], 1) != 0
        if event != "detail" and not beside:
            kept.append(line)
    return "".join(kept).encode()


def _require_open_end(short: Experiment, long: Experiment, catalogue: Catalogue, said: str) -> None:
    """See that each schedule sets the same rates up to the end of the short run, and would go on alike."""
    for place in ("forward", "feedback"):
        one, other = (_scheduled(experiment, place, short.epochs, catalogue) for experiment in (short, long))
        if one != other:
            name = getattr(long.optimizer, place).settings.schedule.name
            what = f"{said}, but the schedule '{name}' of optimizer.{place} depends on how many there are"
            raise CheckpointError(what, "start a new run; a constant, step or multistep schedule does not")


def _scheduled(experiment: Experiment, place: str, count: int, catalogue: Catalogue) -> tuple[Any, ...]:
    """The rates of the first ``count`` epochs and of the one after, and the schedule's state then."""
    chosen = choose("optimizer", getattr(experiment.optimizer, place), catalogue)
    schedule = nested(chosen, "schedule", catalogue)
    lr: Any = chosen.settings.lr
    groups = [{"params": [nn.Parameter(torch.zeros(1))], "lr": rate} for rate in lr.values()]
    optimizer = torch.optim.SGD(groups, lr=0.0)
    moved = make(schedule, optimizer, experiment.epochs) if schedule is not None else None
    rates = []
    for _ in range(count):
        rates.append([group["lr"] for group in optimizer.param_groups])
        optimizer.step()
        if moved is not None:
            moved.step()
    state = moved.state_dict() if moved is not None else {}
    return rates, [group["lr"] for group in optimizer.param_groups], repr(sorted(state.items(), key=str))
