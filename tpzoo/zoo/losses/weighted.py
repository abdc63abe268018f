"""Any loss of classes with a weight for each class: samples of a class with weight w count w times.

With ``balanced`` class c of n_c training examples among n has the weight n / (K n_c), as in scikit-learn, so that all K
classes weigh alike and the mean weight of a training example is 1. A sample with soft labels has the mean of its
classes' weights, by their shares.
"""

from __future__ import annotations

from typing import final

import torch
from torch import Tensor

from tpzoo import ClassLoss, DataSpec, Loss, MinimisableLoss, SettingError, one_hot
from tpzoo.zoo.losses.plugin import ClassLossSettings


@final
class Weighted(MinimisableLoss, ClassLoss):
    """w_y times the loss of a sample, and of its gradient; what is correct stays as it is.

    Args:
        loss: of classes, with a minimiser.
        weights: by class; a checkpoint keeps them.
    """

    weights: Tensor

    def __init__(self, loss: Loss, weights: Tensor) -> None:
        super().__init__()
        assert isinstance(loss, MinimisableLoss)
        assert isinstance(loss, ClassLoss)
        self.loss: MinimisableLoss = loss
        self.register_buffer("weights", weights)

    def per_sample(self, out: Tensor, y: Tensor) -> Tensor:
        return self._of(out, y) * self.loss.per_sample(out, y)

    def gradient(self, out: Tensor, y: Tensor) -> Tensor:
        return self._of(out, y).unsqueeze(1) * self.loss.gradient(out, y)

    def minimiser(self, out: Tensor, y: Tensor) -> Tensor:
        return self.loss.minimiser(out, y)

    def correct(self, out: Tensor, y: Tensor) -> Tensor:
        assert isinstance(self.loss, ClassLoss)
        return self.loss.correct(out, y)

    def _of(self, out: Tensor, y: Tensor) -> Tensor:
        """The weight of every sample, (batch,)."""
        return one_hot(y, out) @ self.weights.to(out.dtype)


def weighted(loss: Loss, settings: ClassLossSettings, spec: DataSpec) -> Loss:
    """``loss`` with the class weights that the settings ask for; itself if they ask for none.

    Raises:
        SettingError: the data have no classes, or another number of them, or a class has no training example.
    """
    chosen = settings.class_weights
    if chosen == "none":
        return loss
    if spec.task != "classification":
        raise SettingError("class_weights needs classes, and this data set is a regression", "set class_weights=none")
    if chosen != "balanced":
        given = [float(weight) for weight in chosen]
        if len(given) != spec.output_size:
            raise SettingError(f"class_weights has {len(given)} numbers for {spec.output_size} classes")
        return Weighted(loss, torch.tensor(given, dtype=torch.float64))
    counts = torch.tensor(spec.class_counts, dtype=torch.float64)
    if not len(counts) or bool((counts == 0).any()):
        none = [str(i) for i, count in enumerate(spec.class_counts) if not count]
        what = f"class_weights=balanced: no training example has class {', '.join(none) or '(nobody has counted)'}"
        raise SettingError(what, "list the weights")
    return Weighted(loss, counts.sum() / (len(counts) * counts))
