"""CIFAR-100: small colour images (Krizhevsky 2009), read from torchvision's files: 50,000 + 10,000."""

from __future__ import annotations

from tpzoo import Data
from tpzoo.zoo.datasets.plugin import CifarSettings
from tpzoo.zoo.datasets.vision import HALF, build_images

MEAN = (129.3 / 255, 124.1 / 255, 112.4 / 255)
DEVIATION = (68.2 / 255, 65.4 / 255, 70.4 / 255)
STATISTICS = {
    "standard": (MEAN, DEVIATION),
    "triple": (MEAN, tuple(3 * value for value in DEVIATION)),
    "half": HALF,
}


def build(settings: CifarSettings) -> Data:
    """Images ``(3, 32, 32)`` of a hundred (fine) classes.

    Raises:
        DataError: the files are missing or damaged.
    """
    from torchvision.datasets import CIFAR100  # heavy, and needed by this data set alone

    return build_images(
        settings,
        CIFAR100,
        files="cifar-100-python",
        names=[name for name, _ in [*CIFAR100.train_list, *CIFAR100.test_list]],
        classes=100,
        shape=(3, 32, 32),
        statistics=STATISTICS,
    )
