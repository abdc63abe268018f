"""Fixed feedback weights (Shibuya et al. 2023; and direct feedback alignment, on a direct path)."""

from __future__ import annotations

from torch import Tensor

from tpzoo import Edge, Feedback, Learner, Noise, Trace


class Frozen(Learner):
    """Never trains."""

    trains = False

    def loss(self, edge: Edge, trace: Trace, feedback: Feedback, noise: Noise) -> Tensor:
        """Zero: there is nothing to learn."""
        return trace.output.new_zeros(())
