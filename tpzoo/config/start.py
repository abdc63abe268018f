"""The weights that a run starts from: a checkpoint of another run, known by the digest of its file.

The digest is part of a config's hash, the place of the file is not. A config that has it already (that of a run's
folder) keeps it, and the file is looked for only when a run starts.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from tpzoo.assembly.experiment import Experiment, StartFrom
from tpzoo.config.problems import Problems, Where
from tpzoo.digests import file_digest
from tpzoo.errors import TpzooError
from tpzoo.sealed import DamagedError, read_sealed

LENGTH = 16
WEIGHTS = "weights.safetensors"


def with_digest(experiment: Experiment, problems: Problems) -> Experiment:
    """The experiment with the digest of the weights that it starts from; a problem is noted if they are not there."""
    start = experiment.start_from
    if not start.run:
        if start.digest:
            problems.add(
                Where("start_from"), ("start_from", "run"), "a digest is given, and no run that has the weights"
            )
        return experiment
    if start.digest:
        return experiment
    try:
        return replace(experiment, start_from=replace(start, digest=digest_of(start)))
    except TpzooError as error:
        problems.add(Where("start_from"), ("start_from",), error.what)
        return experiment


def file_of(start: StartFrom) -> Path:
    """The file with the weights.

    Raises:
        TpzooError: the run has no such checkpoint.
    """
    folder = Path(start.run).expanduser() / "checkpoints"
    try:
        labels = read_sealed(folder / "labels.json")
    except (OSError, DamagedError) as error:
        raise TpzooError(f"{start.run} is no folder of a run with checkpoints: {error}") from error
    label = "last" if start.checkpoint == "best" and "best" not in labels else start.checkpoint
    if label not in labels:
        raise TpzooError(f"{start.run} has no checkpoint '{start.checkpoint}'; it has {', '.join(sorted(labels))}")
    return folder / Path(str(labels[label])).name / WEIGHTS


def digest_of(start: StartFrom) -> str:
    """The digest of the file with the weights; errors as :func:`file_of`."""
    file = file_of(start)
    try:
        return file_digest(file)[:LENGTH]
    except OSError as error:
        raise TpzooError(f"{file} cannot be read: {error.strerror}") from error
