"""Target propagation (Bengio 2014).

    t_{l-1} = g_l(t_l), so d_{l-1} = [g_l(h_l + d_l) - g_l(h_l)] + [g_l(h_l) - h_{l-1}]

The first bracket is the difference that DTP sends; the second is the reconstruction error.
"""

from __future__ import annotations

from typing import final

from torch import Tensor

from tpzoo import At, Batch, DisplacementRule, Draw, Edge, Feedback, Trace, source_activation


@final
class TP(DisplacementRule):
    """Every edge sends its difference and its reconstruction error; where several edges meet, both add."""

    def displacements(self, trace: Trace, feedback: Feedback, batch: Batch, draw: Draw) -> dict[str, Tensor]:
        return feedback.sweep(trace, batch.output_displacement(trace.output), _send, batch.y)


def _send(edge: Edge, d: Tensor, at: At) -> Tensor:
    return edge.map.difference(d, at) + (edge.map(source_activation(at), at) - at.target.out)
