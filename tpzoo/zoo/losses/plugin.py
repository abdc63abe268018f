"""The built-in losses."""

from collections.abc import Iterator

from tpzoo import LossFunction, hookimpl


@hookimpl
def tpzoo_losses() -> Iterator[LossFunction]:
    """Yield the built-in losses."""
    yield LossFunction(
        name="auto",
        summary="cross_entropy for classes, mse for regression",
        build="tpzoo.zoo.losses.auto:build",
    )
    yield LossFunction(
        name="cross_entropy",
        summary="softmax and cross-entropy of class labels",
        build="tpzoo.zoo.losses.cross_entropy:build",
        requires=("classification",),
    )
    yield LossFunction(
        name="mse",
        summary="squared error, mean over outputs; class labels become one-hot vectors",
        build="tpzoo.zoo.losses.mse:build",
    )
