"""The loss of the feedback learner, for every edge.

Each learner minimises a quantity of its own, with a scale of its own: ``reconstruction`` a squared error over sigma^2,
``drl`` one through the path from the output, ``ldrl`` a difference of products that may be negative. So it shows
whether the maps of one method still learn; reports never put two learners into one table.
"""

from __future__ import annotations

from typing import final

import torch
from torch import Tensor

from tpzoo import Edge, LossLearner, Probe, Snapshot, Trace
from tpzoo.zoo.probes.plugin import ReconstructionLossSettings


@final
class ReconstructionLoss(Probe):
    """The learner's own loss by edge, and ``edge/se``, its standard error over the draws of noise.

    Averages: over the batch as the learner does, then the mean over ``draws`` draws of noise that training does not
    see.
    Blocks: all edges, by their names. A learner without a loss gives nothing.
    Weights: none enter but those of the maps.
    Zeros: with one draw the standard error is NaN.
    """

    def __init__(self, settings: ReconstructionLossSettings) -> None:
        self.every = settings.every
        self._draws = settings.draws

    @torch.no_grad()
    def measure(self, snapshot: Snapshot) -> dict[str, Tensor]:
        if not isinstance(snapshot.learner, LossLearner):
            return {}
        trace = snapshot.clean_trace()
        found = {}
        for edge in snapshot.feedback.edges:
            losses = torch.stack([self._loss(snapshot, edge, trace) for _ in range(self._draws)]).double()
            found[edge.name] = losses.mean()
            found[f"{edge.name}/se"] = losses.std() / self._draws**0.5
        return found

    @staticmethod
    def _loss(snapshot: Snapshot, edge: Edge, trace: Trace) -> Tensor:
        assert isinstance(snapshot.learner, LossLearner)
        noise = snapshot.learner.noise(edge, trace, snapshot.draw)
        return snapshot.learner.loss(edge, trace, snapshot.feedback, noise)
