"""MNIST: handwritten digits (LeCun et al. 1998), read from torchvision's files: 60,000 + 10,000."""

from __future__ import annotations

from tpzoo import Data, data_folder
from tpzoo.zoo.datasets.plugin import MnistSettings
from tpzoo.zoo.datasets.vision import HALF, IDX, build_images, check_published

STATISTICS = {"standard": ((0.1307,), (0.3081,)), "half": HALF}

FILES = "MNIST/raw"
PUBLISHED = dict(
    zip(
        IDX,
        (
            (47_040_016, "ba891046e6505d7aadcbbe25680a0738ad16aec93bde7f9b65e87a2fc25776db"),
            (60_008, "65a50cbbf4e906d70832878ad85ccda5333a97f0f4c3dd2ef09a8a9eef7101c5"),
            (7_840_016, "0fa7898d509279e482958e8ce81c8e77db3f2f8254e26661ceb7762c4d494ce7"),
            (10_008, "ff7bcfd416de33731a308c3f266cc351222c34898ecbeaf847f06e48f7ec33f2"),
        ),
        strict=True,
    )
)
"""The published files: length in bytes and SHA-256."""


def build(settings: MnistSettings) -> Data:
    """Images ``(1, 28, 28)`` of ten classes.

    Raises:
        DataError: the files are missing or damaged.
    """
    from torchvision.datasets import MNIST  # heavy, and needed by this data set alone

    check_published(data_folder(settings.root) / FILES, PUBLISHED)
    return build_images(settings, MNIST, files=FILES, names=IDX, classes=10, shape=(1, 28, 28), statistics=STATISTICS)
