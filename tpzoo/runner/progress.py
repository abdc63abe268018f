"""How far a run has come: the next batch, the sums of the pass that is under way, and what it came to so far."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

import torch

from tpzoo.runner.evaluate import Score, Totals


@dataclass
class Cursor:
    """The next batch, and how much was done before it.

    Attributes:
        phase, batch: a place in the plan, and a batch of that phase.
        epoch: completed epochs.
        step: completed training steps.
        seconds: spent so far, on everything.
        pass_seconds: spent on the training pass that is under way.
        train_seconds: spent on the training passes of the epochs so far, feedback passes included.
    """

    phase: int = 0
    batch: int = 0
    epoch: int = 0
    step: int = 0
    seconds: float = 0.0
    pass_seconds: float = 0.0
    train_seconds: float = 0.0


@dataclass
class Results:
    """Metrics of the last epoch, and of the epoch that was best on the validation split; None: there are none."""

    train_loss: float | None = None
    train_accuracy: float | None = None
    test_loss: float | None = None
    test_accuracy: float | None = None
    best_epoch: int | None = None
    best_valid_accuracy: float | None = None
    best_valid_loss: float | None = None
    test_accuracy_at_best_valid: float | None = None
    test_loss_at_best_valid: float | None = None

    def note_best(self, epoch: int, valid: Score, test: Score, monitor: str = "auto") -> None:
        """Keep an epoch that is better than all before it; the first of equals stays.

        Args:
            monitor: ``valid_accuracy``, ``valid_loss``, or ``auto``: the accuracy where there is one.
        """
        accuracy, best = valid.accuracy, self.best_valid_accuracy
        if monitor == "valid_loss" or accuracy is None:
            lowest = math.inf if self.best_valid_loss is None else self.best_valid_loss
            better = valid.loss < lowest
        else:
            better = best is None or accuracy > best
        if better:
            self.best_epoch, self.best_valid_accuracy, self.best_valid_loss = epoch, accuracy, valid.loss
            self.test_accuracy_at_best_valid, self.test_loss_at_best_valid = test.accuracy, test.loss


@dataclass
class Progress:
    """What a checkpoint keeps of a run besides weights, random streams and optimisers."""

    cursor: Cursor = field(default_factory=Cursor)
    totals: Totals = field(default_factory=Totals)
    results: Results = field(default_factory=Results)

    def state_dict(self) -> dict[str, Any]:
        """Plain numbers in dicts and lists."""
        return {"cursor": asdict(self.cursor), "totals": self.totals.state_dict(), "results": asdict(self.results)}

    @classmethod
    def of(cls, state: Mapping[str, Any], device: torch.device) -> Progress:
        """The progress that :meth:`state_dict` gave.

        Raises:
            KeyError, TypeError: it is of another shape.
        """
        totals = Totals()
        totals.load_state_dict(state["totals"], device)
        return cls(Cursor(**state["cursor"]), totals, Results(**state["results"]))
