"""How far a run has come: the next batch, the sums of the pass that is under way, and what it came to so far."""

from __future__ import annotations

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
        seconds: spent so far.
    """

    phase: int = 0
    batch: int = 0
    epoch: int = 0
    step: int = 0
    seconds: float = 0.0


@dataclass
class Results:
    """Metrics of the last epoch, and of the epoch that was best on the validation split; None: there are none."""

    train_loss: float | None = None
    train_accuracy: float | None = None
    test_loss: float | None = None
    test_accuracy: float | None = None
    best_epoch: int | None = None
    best_valid_accuracy: float | None = None
    test_accuracy_at_best_valid: float | None = None

    def note_best(self, epoch: int, valid: Score, test: Score) -> None:
        """Keep an epoch that is better than all before it; the first of equals stays."""
        best = self.best_valid_accuracy
        if valid.accuracy is not None and (best is None or valid.accuracy > best):
            self.best_epoch, self.best_valid_accuracy = epoch, valid.accuracy
            self.test_accuracy_at_best_valid = test.accuracy


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
