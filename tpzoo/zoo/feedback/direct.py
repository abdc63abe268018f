"""Direct feedback: from the output to every hidden block (Meulemans et al. 2020). Edges are named by their target."""

from __future__ import annotations

from tpzoo import Connect, Feedback, Network
from tpzoo.zoo.feedback.plugin import DirectSettings


def build(settings: DirectSettings, network: Network, connect: Connect) -> Feedback:
    """One edge from the output to every block but the last, top first."""
    hidden = [node.name for node in network.nodes[:-1]]
    return Feedback([connect(name, "output", name) for name in reversed(hidden)])
