"""What stands behind one score: by class which classes were taken for it, by target how large the error is."""

from __future__ import annotations

import math
import statistics
from collections.abc import Sequence
from dataclasses import dataclass, field

import torch
from torch import Tensor

from tpzoo.engine.data import Data
from tpzoo.engine.objective import classes_of

MOST_CLASSES = 1000
"""Of more classes no confusion matrix is kept."""


@dataclass
class Details:
    """Sums over the examples of a split.

    Attributes:
        confusion: (classes, classes) counts, rows by the label, columns by the largest output; None for a regression.
        squares, sums, errors: by target the sums of y^2, y and (out - y)^2, in the units of the data; empty for
            classes.
    """

    data: Data
    count: int = 0
    confusion: Tensor | None = None
    squares: Tensor = field(default_factory=lambda: torch.zeros(0, dtype=torch.float64))
    sums: Tensor = field(default_factory=lambda: torch.zeros(0, dtype=torch.float64))
    errors: Tensor = field(default_factory=lambda: torch.zeros(0, dtype=torch.float64))

    @torch.no_grad()
    def add(self, out: Tensor, y: Tensor) -> None:
        """Add one batch: outputs (batch, ...), and labels (batch, ...) as they are stored."""
        self.count += len(out)
        if self.data.spec.task == "classification":
            self._add_classes(out, y)
        else:
            self._add_values(out, y)

    def _add_classes(self, out: Tensor, y: Tensor) -> None:
        size = self.data.spec.output_size
        if size > MOST_CLASSES:
            return
        places = classes_of(y) * size + out.argmax(-1)
        counts = torch.bincount(places, minlength=size * size).view(size, size)
        self.confusion = counts if self.confusion is None else self.confusion + counts

    def _add_values(self, out: Tensor, y: Tensor) -> None:
        scale = self.data.scale_targets
        values = y.flatten(1).double()
        found = out.flatten(1).double()
        if scale is not None:
            found = found * scale.std + scale.mean
        sums = values.square().sum(0), values.sum(0), (found - values).square().sum(0)
        first = not len(self.sums)
        self.squares, self.sums, self.errors = (
            each if first else before + each
            for before, each in zip((self.squares, self.sums, self.errors), sums, strict=True)
        )

    @property
    def recall(self) -> list[float]:
        """By class the part of its examples that were classified right; NaN for a class without any."""
        if self.confusion is None:
            return []
        found: list[float] = (self.confusion.diagonal().double() / self.confusion.sum(1)).tolist()
        return found

    @property
    def balanced_accuracy(self) -> float | None:
        """The mean recall over the classes that have examples; None where there are no classes."""
        return _mean(self.recall)

    @property
    def rmse(self) -> list[float]:
        """By target the root of the mean squared error, in the units of the data."""
        found: list[float] = (self.errors / max(self.count, 1)).sqrt().tolist()
        return found

    @property
    def r2(self) -> list[float]:
        """By target R^2 = 1 - sum (out - y)^2 / sum (y - mean y)^2 over the split; NaN for one that never varies."""
        about_mean = self.squares - self.sums.square() / max(self.count, 1)
        found: list[float] = torch.where(about_mean > 0, 1 - self.errors / about_mean, torch.nan).tolist()
        return found

    @property
    def mean_r2(self) -> float | None:
        """The mean R^2 over the targets that vary; None where there are none."""
        return _mean(self.r2)

    def values(self) -> dict[str, float]:
        """All of it by name: ``recall/3``, ``confusion/3/5`` (label, output), ``rmse/0`` and ``r2/0``."""
        found = {f"recall/{i}": value for i, value in enumerate(self.recall) if not math.isnan(value)}
        if self.confusion is not None:
            for label, output in self.confusion.nonzero().tolist():
                found[f"confusion/{label}/{output}"] = float(self.confusion[label, output])
        found.update({f"rmse/{i}": value for i, value in enumerate(self.rmse)})
        found.update({f"r2/{i}": value for i, value in enumerate(self.r2) if not math.isnan(value)})
        return found


def _mean(values: Sequence[float]) -> float | None:
    known = [value for value in values if not math.isnan(value)]
    return statistics.fmean(known) if known else None
