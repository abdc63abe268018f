"""CIFAR-10: small colour images (Krizhevsky 2009), read from torchvision's files: 50,000 + 10,000.

``standard`` is the normalisation of Ernoult et al. (2022), ``triple`` that of their earlier code (three times the usual
deviation, which goes with a larger learning rate), ``half`` that of Meulemans et al. (2020).
"""

from __future__ import annotations

from tpzoo import Data
from tpzoo.zoo.datasets.plugin import CifarSettings
from tpzoo.zoo.datasets.vision import HALF, build_images

STATISTICS = {
    "standard": ((125.3 / 255, 123.0 / 255, 113.9 / 255), (63.0 / 255, 62.1 / 255, 66.7 / 255)),
    "triple": ((0.4914, 0.4822, 0.4465), (3 * 0.2023, 3 * 0.1994, 3 * 0.2010)),
    "half": HALF,
}


def build(settings: CifarSettings) -> Data:
    """Images ``(3, 32, 32)`` of ten classes.

    Raises:
        DataError: the files are missing or damaged.
    """
    from torchvision.datasets import CIFAR10  # heavy, and needed by this data set alone

    return build_images(
        settings,
        CIFAR10,
        files="cifar-10-batches-py",
        names=[name for name, _ in [*CIFAR10.train_list, *CIFAR10.test_list]],
        classes=10,
        shape=(3, 32, 32),
        statistics=STATISTICS,
    )
