"""``summary.json``: the metrics of a finished run, a contract that other programs read."""

from __future__ import annotations

import dataclasses
import hashlib
import json
import math
from dataclasses import dataclass
from pathlib import Path

from tpzoo.errors import DataError
from tpzoo.files import write_atomic

NAME = "summary.json"
SCHEMA = 1


@dataclass(frozen=True, kw_only=True)
class Summary:
    """What a run came to.

    Attributes:
        status: ``done``, ``failed`` or ``interrupted``.
        epochs: completed epochs.
        steps: completed training steps.
        parameters: numbers in the forward network that are trained by gradients.
        train_loss: mean over the last epoch.
        test_accuracy: 0..1; None for a regression.
        best_valid_accuracy, best_valid_loss: of the best epoch (``checkpoint.monitor``); None without a validation
            split, the accuracy for a regression too.
        test_accuracy_at_best_valid, test_loss_at_best_valid: of the same epoch.
        seconds: of everything, resumed parts included.
        train_seconds: of the training passes of the epochs, feedback passes included; without pre-training, evaluation,
            probes, logs and checkpoints.
        seconds_per_epoch: ``train_seconds`` by the completed epochs.
        schema: version of this contract.
    """

    status: str
    config_hash: str
    seed: int
    device: str
    epochs: int
    steps: int
    parameters: int
    train_loss: float | None
    test_loss: float | None
    test_accuracy: float | None
    best_valid_accuracy: float | None = None
    best_valid_loss: float | None = None
    test_accuracy_at_best_valid: float | None = None
    test_loss_at_best_valid: float | None = None
    seconds: float
    train_seconds: float
    seconds_per_epoch: float | None
    schema: int = SCHEMA


def write_summary(folder: Path, summary: Summary) -> Path:
    """Write ``summary.json``; numbers that are not finite become null, which JSON has no other word for."""
    values = dataclasses.asdict(summary)
    ordered = {"schema": values.pop("schema"), **values}
    finite = {name: None if _is_infinite(value) else value for name, value in ordered.items()}
    path = folder / NAME
    write_atomic(path, json.dumps(finite, indent=2, allow_nan=False) + "\n")
    return path


def digest_of_summary(folder: Path) -> str:
    """The SHA-256 of ``summary.json``; empty if it cannot be read."""
    try:
        return hashlib.sha256((folder / NAME).read_bytes()).hexdigest()
    except OSError:
        return ""


def read_summary(folder: Path) -> Summary:
    """Read ``summary.json`` back.

    Raises:
        DataError: there is none, or it is not one of this schema.
    """
    path = folder / NAME
    try:
        values = json.loads(path.read_text("utf-8"))
        if values["schema"] != SCHEMA:
            raise DataError(f"{path} has schema {values['schema']}; this tpzoo reads {SCHEMA}")
        return Summary(**values)
    except FileNotFoundError as error:
        raise DataError(f"{folder} holds no {NAME}", "give the folder of a run that has ended") from error
    except (ValueError, KeyError, TypeError) as error:
        raise DataError(f"{path} is not a run's summary: {error}") from error


def _is_infinite(value: object) -> bool:
    return isinstance(value, float) and not math.isfinite(value)
