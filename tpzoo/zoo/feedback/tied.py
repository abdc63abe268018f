"""Tied feedback: the exact vector-Jacobian product of every block.

With rule ``dtp`` it is backpropagation, at any step size: d_{l-1} = J_l^T d_l from d_L = -step_size dloss/dh_L. It is
the oracle of everything else that flows down a feedback path.
"""

from __future__ import annotations

import itertools
from typing import final

from torch import Tensor

from tpzoo import At, Connect, Edge, Feedback, FeedbackMap, Network


@final
class TiedMap(FeedbackMap):
    """g(u) = J^T u, with J the Jacobian of the block at the clean input. It has no weights."""

    differentiates_forward = True

    def forward(self, u: Tensor, at: At) -> Tensor:
        """``u`` like the block's output; returns the shape of its input."""
        assert at.source is not None, "a tied edge starts at a node"
        return at.source.vjp(u)

    def difference(self, d: Tensor, at: At) -> Tensor:
        return self.forward(d, at)


def build(settings: None, network: Network, connect: Connect) -> Feedback:
    """One edge for every block but the first, top first, named by its target."""
    pairs = reversed(list(itertools.pairwise(network.nodes)))
    return Feedback(
        [Edge(lower.name, upper.name, lower.name, TiedMap(), blocks=(upper.block,)) for lower, upper in pairs]
    )
