"""MNIST: handwritten digits (LeCun et al. 1998), read from torchvision's files: 60,000 + 10,000."""

from __future__ import annotations

from tpzoo import Data
from tpzoo.zoo.datasets.plugin import MnistSettings
from tpzoo.zoo.datasets.vision import HALF, build_images

STATISTICS = {"standard": ((0.1307,), (0.3081,)), "half": HALF}


def build(settings: MnistSettings) -> Data:
    """Images ``(1, 28, 28)`` of ten classes.

    Raises:
        DataError: the files are missing or damaged.
    """
    from torchvision.datasets import MNIST  # heavy, and needed by this data set alone

    return build_images(settings, MNIST, files="MNIST/raw", classes=10, shape=(1, 28, 28), statistics=STATISTICS)
