"""The loss of the feedback learner, for every edge (not only the last one, as in the published code)."""

from __future__ import annotations

from typing import final

import torch
from torch import Tensor

from tpzoo import LossLearner, Probe, ProbeSettings, Snapshot


@final
class ReconstructionLoss(Probe):
    """The learner's own loss by edge, on noise that training does not see."""

    def __init__(self, settings: ProbeSettings) -> None:
        self.every = settings.every

    @torch.no_grad()
    def measure(self, snapshot: Snapshot) -> dict[str, Tensor]:
        if not isinstance(snapshot.learner, LossLearner):
            return {}
        trace = snapshot.clean_trace()
        found = {}
        for edge in snapshot.feedback.edges:
            noise = snapshot.learner.noise(edge, trace, snapshot.draw)
            found[edge.name] = snapshot.learner.loss(edge, trace, snapshot.feedback, noise)
        return found
