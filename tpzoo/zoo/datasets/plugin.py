"""The data sets that come with tpzoo, and what each can be set to. Loads no torch."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from tpzoo import DataSet, DataSettings, Paper, hookimpl, setting
from tpzoo.zoo.papers import MEULEMANS_2020

FLIP = "mirror training images left to right with probability 1/2"
CROP = "shift training images by up to this many pixels, repeating the edge"


@dataclass(frozen=True)
class DigitsSettings(DataSettings):
    """Settings of `digits`; it comes with scikit-learn, so `root` and `download` have no effect."""


@dataclass(frozen=True)
class ImageSettings(DataSettings):
    """What every data set of natural or drawn images can be set to."""

    flip: bool = setting(False, help=FLIP)
    crop: int = setting(0, minimum=0, help=CROP)
    normalisation: str = setting("none", help="what is done to images in [0, 1]")


@dataclass(frozen=True)
class MnistSettings(ImageSettings):
    """Settings of `mnist`."""

    normalisation: str = setting(
        "standard",
        choices=("standard", "half", "none"),
        help="standard: (x - 0.1307) / 0.3081; half: (x - 0.5) / 0.5; none: x in [0, 1]",
    )


@dataclass(frozen=True)
class FashionMnistSettings(ImageSettings):
    """Settings of `fashion_mnist`."""

    normalisation: str = setting(
        "none",
        choices=("standard", "half", "none"),
        help="standard: (x - 0.2860) / 0.3530; half: (x - 0.5) / 0.5; none: x in [0, 1]",
    )


@dataclass(frozen=True)
class CifarSettings(ImageSettings):
    """Settings of `cifar10` and `cifar100`."""

    normalisation: str = setting(
        "standard",
        choices=("standard", "triple", "half", "none"),
        help="standard: by channel; triple: with three times its deviation; half: (x - 0.5) / 0.5; none: x in [0, 1]",
    )


@dataclass(frozen=True)
class NpzSettings(ImageSettings):
    """Settings of `npz`."""

    path: str = setting("", help="the .npz file; a relative path starts at `root`")
    channels: str = setting(
        "first", choices=("first", "last"), help="where images of four dimensions keep their channels"
    )
    normalisation: str = setting(
        "none",
        choices=("standard", "half", "none"),
        help="standard: mean 0, deviation 1 over the examples that are trained on (not those held out), by channel or"
        " feature; a checkpoint keeps both; half: (x - 0.5) / 0.5",
    )
    target_scaling: str = setting(
        "none",
        choices=("none", "standard"),
        help="of a regression: standard learns values of mean 0 and deviation 1 over the examples that are trained on",
    )


@dataclass(frozen=True)
class Imagenet32Settings(ImageSettings):
    """Settings of `imagenet32`."""

    normalisation: str = setting(
        "imagenet",
        choices=("imagenet", "half", "none"),
        help="imagenet: by channel, as usual for ImageNet; half: (x - 0.5) / 0.5; none: x in [0, 1]",
    )
    balanced: bool = setting(False, help="hold the same number of every class out (validation=50000: 50 of each)")


@dataclass(frozen=True)
class TeacherSettings(DataSettings):
    """Settings of `teacher`; it has no files, so `root` and `download` have no effect."""

    seed: int = setting(0, minimum=0, help="of the teacher and its examples, whatever the seed of the run")
    inputs: int = setting(30, minimum=1, help="width of the input")
    outputs: int = setting(10, minimum=1, help="width of the output")
    hidden: tuple[int, ...] = setting((1000, 1000, 1000, 1000), minimum=1, help="hidden widths of the teacher")
    gain: float = setting(3.0, above=0, help="gain of the teacher's initialisation")
    train_count: int = setting(1000, minimum=1, help="training examples")
    valid_count: int = setting(1000, minimum=0, help="validation examples, drawn besides")
    test_count: int = setting(1000, minimum=1, help="test examples")


MNIST = Paper(
    "Gradient-based learning applied to document recognition",
    "Yann LeCun, Léon Bottou, Yoshua Bengio, Patrick Haffner",
    1998,
    "Proceedings of the IEEE",
    "https://doi.org/10.1109/5.726791",
    "article",
)
FASHION_MNIST = Paper(
    "Fashion-MNIST: a novel image dataset for benchmarking machine learning algorithms",
    "Han Xiao, Kashif Rasul, Roland Vollgraf",
    2017,
    "arXiv",
    "https://arxiv.org/abs/1708.07747",
)
CIFAR = Paper(
    "Learning multiple layers of features from tiny images",
    "Alex Krizhevsky",
    2009,
    "University of Toronto",
    "https://www.cs.toronto.edu/~kriz/learning-features-2009-TR.pdf",
    "techreport",
)
IMAGENET32 = Paper(
    "A downsampled variant of ImageNet as an alternative to the CIFAR datasets",
    "Patryk Chrabaszcz, Ilya Loshchilov, Frank Hutter",
    2017,
    "arXiv",
    "https://arxiv.org/abs/1707.08819",
)


@hookimpl
def tpzoo_datasets() -> Iterator[DataSet]:
    """All built-in data sets."""
    yield DataSet(
        name="digits",
        summary="1,797 handwritten digits of 8 x 8 pixels that come with scikit-learn: 1,500 to train, 297 to test",
        build="tpzoo.zoo.datasets.digits:build",
        config=DigitsSettings,
        provides=("classification", "images"),
    )
    yield _images("mnist", "70,000 handwritten digits of 28 x 28 pixels", MnistSettings, MNIST)
    yield _images(
        "fashion_mnist", "70,000 pieces of clothing of 28 x 28 pixels, 10 classes", FashionMnistSettings, FASHION_MNIST
    )
    yield _images("cifar10", "60,000 colour images of 32 x 32 pixels, 10 classes", CifarSettings, CIFAR)
    yield _images("cifar100", "60,000 colour images of 32 x 32 pixels, 100 classes", CifarSettings, CIFAR)
    yield _images("imagenet32", "1,331,167 images of 32 x 32 pixels, 1,000 classes", Imagenet32Settings, IMAGENET32)
    yield DataSet(
        name="teacher",
        summary="regression of the outputs of a fixed random network",
        build="tpzoo.zoo.datasets.teacher:build",
        config=TeacherSettings,
        paper=MEULEMANS_2020,
        provides=("regression",),
        smallest={"inputs": 4, "outputs": 2, "hidden": [8], "train_count": 40, "valid_count": 8, "test_count": 12},
    )
    yield DataSet(
        name="npz",
        summary="anyone's arrays: x_train, y_train, x_test, y_test in one .npz file",
        build="tpzoo.zoo.datasets.npz:build",
        config=NpzSettings,
        provides=("classification", "images"),  # it may: what the file holds shows when it is read
    )


def _images(name: str, summary: str, config: type, paper: Paper) -> DataSet:
    build = f"tpzoo.zoo.datasets.{name}:build"
    return DataSet(
        name=name, summary=summary, build=build, config=config, paper=paper, provides=("classification", "images")
    )
