"""Layerwise feedback: from every block to the one below it (Lee et al. 2015). Edges are named by their target."""

from __future__ import annotations

from tpzoo import Connect, Feedback, Network
from tpzoo.zoo.feedback.plugin import LayerwiseSettings


def build(settings: LayerwiseSettings, network: Network, connect: Connect) -> Feedback:
    """One edge for every block but the first, top first."""
    names = [node.name for node in network.nodes]
    pairs = list(zip(names[1:], names[:-1], strict=True))
    return Feedback([connect(lower, upper, lower) for upper, lower in reversed(pairs)])
