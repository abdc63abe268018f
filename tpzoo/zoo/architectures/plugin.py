"""The built-in architectures and what they can be set to."""

from collections.abc import Iterator
from dataclasses import dataclass

from tpzoo import ACTIVATION_NAMES, INITIALISATION_NAMES, Architecture, PerName, hookimpl, per_block, setting
from tpzoo.zoo.papers import ERNOULT_2022

BIAS_HELP = "whether a block's layer has a bias; by block, as fc1 or conv2"
NORMS = ("none", "batch", "layer")
NORM_HELP = "between each layer and its nonlinearity, but not in the last block: "


@dataclass(frozen=True)
class MlpSettings:
    """Settings of ``mlp``."""

    hidden: tuple[int, ...] = setting((256, 256), minimum=1, help="width of every hidden layer")
    activation: str = setting("tanh", choices=ACTIVATION_NAMES, help="nonlinearity of the hidden layers")
    bias: PerName[bool] = per_block(True, help=BIAS_HELP)
    norm: str = setting("none", choices=NORMS, help=f"{NORM_HELP}batch norm or layer norm")
    init: str = setting("xavier_normal", choices=INITIALISATION_NAMES, help="initialisation; 'torch' is its own")


@dataclass(frozen=True)
class ConvSettings:
    """One convolutional block of ``cnn``."""

    channels: int = setting(32, minimum=1, help="feature maps")
    kernel: int = setting(3, minimum=1, help="side of the kernel")
    stride: int = setting(1, minimum=1, help="stride of the convolution")
    padding: int | None = setting(None, minimum=0, help="padding; null: half the kernel")
    activation: str = setting("", choices=("", *ACTIVATION_NAMES), help="nonlinearity; empty: that of the network")
    pool: str = setting("max", choices=("max", "average", "none"), help="pooling after the nonlinearity")
    pool_kernel: int = setting(2, minimum=1, help="side of the pooling window")
    pool_stride: int | None = setting(None, minimum=1, help="stride of the pooling; null: the window")
    pool_padding: int = setting(0, minimum=0, help="padding of the pooling")


@dataclass(frozen=True)
class CnnSettings:
    """Settings of ``cnn``."""

    conv: tuple[ConvSettings, ...] = setting((ConvSettings(32), ConvSettings(64)), help="the convolutional blocks")
    hidden: tuple[int, ...] = setting((), minimum=1, help="widths of the dense hidden layers")
    activation: str = setting("elu", choices=ACTIVATION_NAMES, help="nonlinearity of all hidden layers")
    bias: PerName[bool] = per_block(True, help=BIAS_HELP)
    norm: str = setting("none", choices=NORMS, help=f"{NORM_HELP}batch norm, or layer norm over a whole example")
    init: str = setting("torch", choices=INITIALISATION_NAMES, help="initialisation; 'torch' is its own")


@dataclass(frozen=True)
class ResnetSettings:
    """Settings of ``resnet``."""

    units: tuple[int, ...] = setting(
        (2, 2, 2, 2), minimum=1, help="residual units of every stage; ResNet-18: 2, 2, 2, 2; ResNet-34: 3, 4, 6, 3"
    )
    width: int = setting(64, minimum=1, help="channels of the first stage; every stage doubles them")
    norm: str = setting("batch", choices=("batch", "group", "none"), help="normalisation after every convolution")
    groups: int = setting(8, minimum=1, help="groups of the group norm")
    activation: str = setting("relu", choices=("relu", "elu", "tanh"), help="nonlinearity")
    credit: str = setting("unit", choices=("unit", "stage"), help="what is one block: a residual unit, or a stage")


@hookimpl
def tpzoo_architectures() -> Iterator[Architecture]:
    """Yield the built-in architectures."""
    yield Architecture(
        name="mlp",
        summary="fully connected layers fc1 ... fcL, the last one linear",
        config=MlpSettings,
        build="tpzoo.zoo.architectures.mlp:build",
        provides=("pre_activation", "dense_blocks"),
        smallest={"hidden": (5, 4)},
    )
    yield Architecture(
        name="cnn",
        summary="convolutional blocks conv1 ... with pooling, then dense layers fc1 ...",
        config=CnnSettings,
        build="tpzoo.zoo.architectures.cnn:build",
        paper=ERNOULT_2022,
        provides=("pre_activation",),
        requires=("images",),
        smallest={
            "conv": [
                {"channels": 3},
                {"channels": 2, "kernel": 5, "pool_kernel": 3, "pool_stride": 2, "pool_padding": 1},
            ]
        },
    )
    yield Architecture(
        name="resnet",
        summary="residual network for small images; credit to residual units or to whole stages",
        config=ResnetSettings,
        build="tpzoo.zoo.architectures.resnet:build",
        paper=ERNOULT_2022,
        requires=("images",),
        smallest={"units": [1, 1], "width": 2, "norm": "none", "activation": "elu"},
    )
