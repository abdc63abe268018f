"""Fashion-MNIST: pieces of clothing (Xiao et al. 2017), read from torchvision's files: 60,000 + 10,000."""

from __future__ import annotations

from tpzoo import Data
from tpzoo.zoo.datasets.plugin import FashionMnistSettings
from tpzoo.zoo.datasets.vision import HALF, IDX, build_images

STATISTICS = {"standard": ((0.2860,), (0.3530,)), "half": HALF}


def build(settings: FashionMnistSettings) -> Data:
    """Images ``(1, 28, 28)`` of ten classes.

    Raises:
        DataError: the files are missing or damaged.
    """
    from torchvision.datasets import FashionMNIST  # heavy, and needed by this data set alone

    return build_images(
        settings,
        FashionMNIST,
        files="FashionMNIST/raw",
        names=IDX,
        classes=10,
        shape=(1, 28, 28),
        statistics=STATISTICS,
    )
