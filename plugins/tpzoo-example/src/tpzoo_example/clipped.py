"""Difference target propagation whose targets stay near the activation: d_l min(1, limit |h_l| / |d_l|)."""

from __future__ import annotations

from typing import final

from torch import Tensor

from tpzoo import Batch, DisplacementRule, Draw, Feedback, Trace
from tpzoo_example.plugin import ClippedSettings


@final
class Clipped(DisplacementRule):
    """Displacements flow down unclipped; each hidden block then clips its own, sample by sample."""

    def __init__(self, settings: ClippedSettings) -> None:
        super().__init__(settings)
        self.limit = settings.limit

    def displacements(self, trace: Trace, feedback: Feedback, batch: Batch, draw: Draw) -> dict[str, Tensor]:
        """d = target - activity by node."""
        found = feedback.displacements(trace, batch.output_displacement(trace.output), batch.y)
        return {node: d if node == trace.last else self._clip(d, node, trace) for node, d in found.items()}

    def _clip(self, d: Tensor, node: str, trace: Trace) -> Tensor:
        made = trace[node]
        allowed = self.limit[made.block] * made.out.flatten(1).norm(dim=1)  # (batch,)
        length = d.flatten(1).norm(dim=1)
        scale = allowed / length.clamp_min(allowed).clamp_min(length.new_tensor(1e-30))
        return d * scale.view(-1, *[1] * (d.dim() - 1))
