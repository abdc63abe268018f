"""Backpropagation, end to end: the baseline of every comparison."""

from __future__ import annotations

from typing import final

from tpzoo import Context, Rule


@final
class BP(Rule):
    """The gradient of the mean loss. A feedback path, if the config has one, is trained beside it."""

    def train_step(self, context: Context) -> None:
        gradients = context.backprop()
        context.train_feedback()
        context.step("forward", gradients)
