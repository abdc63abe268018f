"""scikit-learn's handwritten digits: real data without a download, from the UCI repository's test set.

1,797 images of 8 x 8 pixels with values 0..16. 297 of them, the same in every run, are the test set.
"""

from __future__ import annotations

import torch

from tpzoo import Data, DataSpec, Split, hold_out
from tpzoo.zoo.datasets.plugin import DigitsSettings

TEST_COUNT = 297
TEST_SEED = 1797  # a constant of the data set, so that test accuracies of all runs are comparable


def build(settings: DigitsSettings) -> Data:
    """The digits as ``(1, 8, 8)`` images in [0, 1], with ten classes."""
    from sklearn.datasets import load_digits  # a second to import, needed by this data set alone

    pixels, classes = load_digits(return_X_y=True)
    x = torch.from_numpy(pixels).view(-1, 1, 8, 8).float() / 16  # sixteenths are exact in float32
    everything = Split(x, torch.from_numpy(classes).long())
    train, test = hold_out(everything, TEST_COUNT, TEST_SEED)
    train, validation = hold_out(train, settings.validation, settings.split_seed, settings.stratified)
    assert test is not None
    return Data(DataSpec((1, 8, 8), 10, "classification"), train, test, validation, stored={"digits": "scikit-learn"})
