"""Training and evaluation mode for a while, each module put back to the mode that it had."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from torch import nn


@contextmanager
def in_mode(module: nn.Module, training: bool) -> Iterator[None]:
    """Put ``module`` into training or evaluation mode for a while; every part of it then has its own again."""
    before = [(each, each.training) for each in module.modules()]
    module.train(training)
    try:
        yield
    finally:
        for each, value in before:
            each.training = value
