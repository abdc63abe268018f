"""One run has one history: going on from a checkpoint that is not the last one gives up what came after it."""

from __future__ import annotations

import shutil
from contextlib import suppress
from pathlib import Path

from tpzoo.errors import CheckpointError
from tpzoo.runner.checkpoint import Checkpoints
from tpzoo.runner.code import PLUGINS
from tpzoo.runner.folder import RunFolder, claim
from tpzoo.runner.manifest import checkpoint_names, require_logs, write_labels

WHOLE = "last"
COPIED = ("config.yaml", "command.txt", "environment.json")


def require_last(checkpoints: Checkpoints, name: str) -> None:
    """Refuse to go on from the checkpoint called ``name`` if others were made after it.

    Raises:
        CheckpointError: the message says which would go.
    """
    later = checkpoints.later_than(name)
    if later:
        run = checkpoints.folder.parent
        what = f"{name} is not the last checkpoint of {run}: {', '.join(later)} came after it"
        hint = (
            "--discard-later goes on from it and gives up those, with the rows of metrics.csv since;"
            " --run-dir NEW goes on in a copy and leaves this run as it is"
        )
        raise CheckpointError(what, hint)


def best_by_then(checkpoints: Checkpoints, name: str) -> str | None:
    """The checkpoint that was the best one when that called ``name`` was made; None if it was none, or is gone."""
    best = checkpoints.load(name).state["training"]["progress"]["results"]["best_epoch"]
    for each in reversed([each for each in checkpoint_names(checkpoints.folder) if each <= name]):
        with suppress(CheckpointError):  # a damaged one cannot be it
            if "best" in checkpoints.manifest(each).labels:
                cursor = checkpoints.load(each).state["training"]["progress"]["cursor"]
                return each if cursor["epoch"] == best else None
    return None


def copy_run(source: RunFolder, checkpoints: Checkpoints, name: str, target: Path) -> RunFolder:
    """A run folder with the history of ``source`` up to the checkpoint called ``name``, which is its last one.

    Raises:
        SettingError: ``target`` holds something already.
        CheckpointError: the logs do not hold what the checkpoint counts on.
    """
    manifest = checkpoints.manifest(name)
    require_logs(source.path, manifest.logs)
    made = claim("", "", target)
    (target / "checkpoints").mkdir(exist_ok=True)
    labels = {label: each for label, each in checkpoints.readable_labels().items() if each <= name and label != "best"}
    if best := best_by_then(checkpoints, name):
        labels["best"] = best
    for each in sorted({*labels.values(), name}):
        shutil.copytree(checkpoints.folder / each, target / "checkpoints" / each, dirs_exist_ok=True)
    write_labels(target / "checkpoints", {**labels, WHOLE: name})
    for log in manifest.logs:
        shutil.copyfile(source.path / log, target / log)
    if (source.path / PLUGINS).is_dir():
        shutil.copytree(source.path / PLUGINS, target / PLUGINS)
    made.set_status("interrupted", saved=True)
    for file in reversed(COPIED):  # config.yaml last: with it the folder is a run
        if (source.path / file).exists():
            shutil.copyfile(source.path / file, target / file)
    return made
