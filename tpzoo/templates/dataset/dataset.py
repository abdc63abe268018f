"""Two interleaved spirals: a plane that no line can part."""

import math

import torch
from torch import Tensor

from tpzoo import Data, DataSpec, Split, hold_out
from tpzoo.templates.dataset.plugin import MyEntrySettings

SEED = 1987  # a constant of the data set, so that test accuracies of all runs are comparable


def build(settings: MyEntrySettings) -> Data:
    """Points (count, 2) with two classes, from a generator of their own."""
    generator = torch.Generator().manual_seed(SEED)
    everything = Split(*spirals(settings, generator))
    train, test = hold_out(everything, settings.count // 5, SEED)
    train, validation = hold_out(train, settings.validation, settings.split_seed, settings.stratified)
    assert test is not None
    return Data(DataSpec((2,), 2, "classification"), train, test, validation)


def spirals(settings: MyEntrySettings, generator: torch.Generator) -> tuple[Tensor, Tensor]:
    """The points, (count, 2), and their arms, (count,): 0 or 1."""
    arms = torch.arange(settings.count) % 2
    radius = torch.rand(settings.count, generator=generator).sqrt()
    angle = math.tau * settings.turns * radius + math.pi * arms
    points = radius[:, None] * torch.stack([angle.cos(), angle.sin()], 1)
    return points + settings.noise * torch.randn(settings.count, 2, generator=generator), arms
