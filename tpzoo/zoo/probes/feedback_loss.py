"""The loss that the map on every edge is trained with, and the norm of its gradient, before the map's step.

``EDGE`` is the learner's own loss on this batch with its own noise (difference reconstruction and its kin), and
``EDGE/gradient`` the norm of its gradient, for a learner that solves the norm of the solution.
"""

from __future__ import annotations

from typing import final

import torch
from torch import Tensor

from tpzoo import FeedbackSnapshot, Probe, ProbeSettings, Snapshot


@final
class FeedbackLoss(Probe):
    """Two numbers for each edge whose map learns in a step; where no map does, nothing.

    Averages: as the learner's loss has it, over the samples of the batch; of several steps on a batch the first.
    Blocks: edges, by their names.
    Weights: the norm is of all parameters of a map together.
    Zeros: as they are; a map without noise or error has the loss 0.
    """

    def __init__(self, settings: ProbeSettings) -> None:
        self.every = settings.every

    def measure(self, snapshot: Snapshot) -> dict[str, Tensor]:
        return {}

    def measure_feedback(self, snapshot: FeedbackSnapshot) -> dict[str, Tensor]:
        found = dict(snapshot.losses)
        for edge in snapshot.losses:
            squares = [g.square().sum() for name, g in snapshot.gradients.items() if name.startswith(f"{edge}.")]
            found[f"{edge}/gradient"] = torch.stack(squares).sum().sqrt()
        return found
