"""The local loss of every block: half the squared distance of its output to its target, |d|^2 / 2, mean over samples.

What a block is trained to make smaller (Meulemans et al. 2020, eq. 4), summed over its units.
"""

from __future__ import annotations

from torch import Tensor

from tpzoo import Probe, ProbeSettings, Snapshot


class LocalLoss(Probe):
    """By block; a block without a displacement is not trained, and has none. Of a rule without targets (bp) nothing."""

    def __init__(self, settings: ProbeSettings) -> None:
        self.every = settings.every

    def measure(self, snapshot: Snapshot) -> dict[str, Tensor]:
        return {node: d.detach().flatten(1).square().sum(1).mean() / 2 for node, d in snapshot.displacements.items()}
