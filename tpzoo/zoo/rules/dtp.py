"""Difference target propagation (Lee et al. 2015).

    t_{l-1} = h_{l-1} + g_l(t_l) - g_l(h_l), so d_{l-1} = g_l(h_l + d_l) - g_l(h_l)

On a direct path the same rule is Meulemans et al.'s DDTP: d_i = g_i(h_L + d_L) - g_i(h_L). The difference corrects
every target, that of the last hidden block included.
"""

from __future__ import annotations

from typing import final

from torch import Tensor

from tpzoo import Batch, DisplacementRule, Draw, Feedback, Trace


@final
class DTP(DisplacementRule):
    """Displacements flow down the edges; where several meet they add."""

    def displacements(self, trace: Trace, feedback: Feedback, batch: Batch, draw: Draw) -> dict[str, Tensor]:
        return feedback.displacements(trace, batch.output_displacement(trace.output), batch.y)
