"""The built-in architectures and what they can be set to."""

from collections.abc import Iterator
from dataclasses import dataclass

from tpzoo import Architecture, hookimpl, setting

ACTIVATION_NAMES = ("linear", "tanh", "sigmoid", "elu", "relu", "leaky_relu")
INITIALISATION_NAMES = ("torch", "xavier_normal", "xavier_uniform", "orthogonal")


@dataclass(frozen=True)
class MlpSettings:
    """Settings of ``mlp``."""

    hidden: tuple[int, ...] = setting((256, 256), minimum=1, help="width of every hidden layer")
    activation: str = setting("tanh", choices=ACTIVATION_NAMES, help="nonlinearity of the hidden layers")
    bias: bool = setting(True, help="whether layers have a bias")
    init: str = setting("xavier_normal", choices=INITIALISATION_NAMES, help="initialisation; 'torch' is its own")


@hookimpl
def tpzoo_architectures() -> Iterator[Architecture]:
    """Yield the built-in architectures."""
    yield Architecture(
        name="mlp",
        summary="fully connected layers fc1 ... fcL, the last one linear",
        config=MlpSettings,
        build="tpzoo.zoo.architectures.mlp:build",
        provides=("pre_activation",),
        smallest={"hidden": (5, 4)},
    )
