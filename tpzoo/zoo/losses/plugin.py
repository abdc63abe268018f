"""The built-in losses."""

from collections.abc import Iterator
from dataclasses import dataclass

from tpzoo import LossFunction, SettingError, hookimpl, setting


@dataclass(frozen=True)
class ClassLossSettings:
    """What every built-in loss can be set to."""

    class_weights: str | tuple[float, ...] = setting(
        "none",
        help="how much a sample counts by its class, in training and evaluation: none, balanced (n / (K n_c), of n"
        " training examples n_c in class c of K), or a list with a number for each class",
    )

    def __post_init__(self) -> None:
        chosen = self.class_weights
        if isinstance(chosen, str) and chosen not in ("none", "balanced"):
            raise SettingError(f"class_weights is '{chosen}'", "write none, balanced, or a list of numbers")
        if not isinstance(chosen, str) and not all(weight > 0 for weight in chosen):
            raise SettingError("class_weights must be above 0")


@hookimpl
def tpzoo_losses() -> Iterator[LossFunction]:
    """Yield the built-in losses."""
    yield LossFunction(
        name="auto",
        summary="cross_entropy for classes, mse for regression",
        build="tpzoo.zoo.losses.auto:build",
        config=ClassLossSettings,
    )
    yield LossFunction(
        name="cross_entropy",
        summary="softmax and cross-entropy of class labels",
        build="tpzoo.zoo.losses.cross_entropy:build",
        config=ClassLossSettings,
        requires=("classification",),
    )
    yield LossFunction(
        name="mse",
        summary="squared error, mean over outputs; class labels become one-hot vectors",
        build="tpzoo.zoo.losses.mse:build",
        config=ClassLossSettings,
    )
