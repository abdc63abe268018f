"""How good a network is on a split: sums over all samples, so that a short last batch weighs no more than others."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import torch

from tpzoo.engine.data import Data, Split
from tpzoo.engine.network import Network
from tpzoo.engine.objective import ClassLoss, Loss
from tpzoo.runner.details import Details


@dataclass(frozen=True)
class Score:
    """How good a network is on a split.

    Attributes:
        loss: the mean.
        accuracy, balanced_accuracy: the fraction classified correctly, and the mean of that over classes; None where
            there are no classes.
        r2: of a regression the mean R^2 over its targets, whatever they are scaled with; None for classes.
    """

    loss: float
    accuracy: float | None
    balanced_accuracy: float | None = None
    r2: float | None = None


@torch.no_grad()
def evaluate(
    network: Network, loss: Loss, data: Data, split: Split, dtype: torch.dtype, batch_size: int
) -> tuple[Score, Details]:
    """Score ``network`` in evaluation mode, with what stands behind the score; its mode is put back."""
    training = network.training
    network.eval()
    totals, details = Totals(), Details(data)
    for x, y in zip(torch.split(split.x, batch_size), torch.split(split.y, batch_size), strict=True):
        out = network(data.prepare(x, dtype))
        totals.add(out, data.labels(y), loss)
        details.add(out, y)
    network.train(training)
    score = replace(totals.score(), balanced_accuracy=details.balanced_accuracy, r2=details.mean_r2)
    return score, details


class Totals:
    """Sums of loss and correct answers, kept on the device and read once."""

    def __init__(self) -> None:
        self.count = 0
        self.sums: torch.Tensor | None = None
        self.classes = True

    @torch.no_grad()
    def add(self, out: torch.Tensor, y: torch.Tensor, loss: Loss) -> None:
        """Add one batch: outputs (batch, ...) and labels (batch, ...)."""
        self.classes = isinstance(loss, ClassLoss)
        right = loss.correct(out, y).sum() if isinstance(loss, ClassLoss) else out.new_zeros(())
        found = torch.stack([loss.per_sample(out, y).sum().double(), right.double()])
        self.sums = found if self.sums is None else self.sums + found
        self.count += out.shape[0]

    def state_dict(self) -> dict[str, Any]:
        """The sums as numbers."""
        return {"sums": [] if self.sums is None else self.sums.tolist(), "count": self.count}

    def load_state_dict(self, state: Mapping[str, Any], device: torch.device) -> None:
        """Go on from what :meth:`state_dict` gave."""
        self.count = state["count"]
        self.sums = torch.tensor(state["sums"], dtype=torch.float64, device=device) if self.count else None

    def score(self) -> Score:
        """The means so far; NaN before anything was added."""
        if self.sums is None:
            return Score(float("nan"), None)
        total, right = self.sums.tolist()
        return Score(total / self.count, right / self.count if self.classes else None)
