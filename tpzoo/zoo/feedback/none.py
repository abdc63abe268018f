"""No feedback path, for rules that need none."""

from __future__ import annotations

from tpzoo import Connect, Feedback, Network


def build(settings: None, network: Network, connect: Connect) -> Feedback:
    """A feedback without edges."""
    return Feedback([])
