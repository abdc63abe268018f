"""Points on rings around one centre: no straight line parts them."""

from __future__ import annotations

import math

import torch

from tpzoo import Data, DataSpec, Split, hold_out
from tpzoo_example.plugin import RingsSettings

SEED = 2718  # a constant of the data set, so that test accuracies of all runs are comparable


def build(settings: RingsSettings) -> Data:
    """Points (count, 2) on rings of radius 1, 2, ... divided by their number."""
    generator = torch.Generator().manual_seed(SEED)  # never torch's global one
    ring = torch.arange(settings.count) % settings.classes
    radius = ring + 1 + settings.noise * torch.randn(settings.count, generator=generator)
    angle = math.tau * torch.rand(settings.count, generator=generator)
    points = radius[:, None] * torch.stack([angle.cos(), angle.sin()], 1) / settings.classes
    train, test = hold_out(Split(points, ring), settings.count // 5, SEED)
    train, validation = hold_out(train, settings.validation, settings.split_seed, settings.stratified)
    assert test is not None
    return Data(DataSpec((2,), settings.classes, "classification"), train, test, validation)
