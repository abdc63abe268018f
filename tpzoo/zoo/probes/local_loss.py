"""The local loss of every block: half the squared distance of its output to its target, |d|^2 / 2, mean over samples.

What a block is trained to make smaller (Meulemans et al. 2020, eq. 4), summed over its units.
"""

from __future__ import annotations

from typing import final

from torch import Tensor

from tpzoo import Probe, ProbeSettings, Snapshot


@final
class LocalLoss(Probe):
    """One number for each node.

    Averages: the mean over the samples of the batch.
    Blocks: every node that has a displacement, the output too; the others are not trained. Of a rule without targets
    (bp) nothing.
    Weights: none; it looks at activations.
    Zeros: a sample without a displacement counts as 0.
    """

    def __init__(self, settings: ProbeSettings) -> None:
        self.every = settings.every

    def measure(self, snapshot: Snapshot) -> dict[str, Tensor]:
        return {node: d.detach().flatten(1).square().sum(1).mean() / 2 for node, d in snapshot.displacements.items()}
