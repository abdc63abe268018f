"""Target propagation (Bengio 2014).

    t_{l-1} = g_l(t_l), so d_{l-1} = [g_l(h_l + d_l) - g_l(h_l)] + [g_l(h_l) - h_{l-1}]

The first bracket is the difference that DTP sends; the second is the reconstruction error.
"""

from __future__ import annotations

from typing import final

from torch import Tensor

from tpzoo import Batch, DisplacementRule, Draw, Feedback, Trace, source_activation


@final
class TP(DisplacementRule):
    """Every edge sends its difference and its reconstruction error; where several edges meet, both add."""

    def displacements(self, trace: Trace, feedback: Feedback, batch: Batch, draw: Draw) -> dict[str, Tensor]:
        found = {trace.last: batch.output_displacement(trace.output)}
        memory = feedback.memory(trace)
        for edge in feedback.edges:
            at = feedback.at(edge, trace, batch.y, memory)
            u = source_activation(at)
            source = trace.last if edge.source == "output" else edge.source
            sent = edge.map.difference(found[source], at) + (edge.map(u, at) - at.target.out)
            found[edge.target] = found[edge.target] + sent if edge.target in found else sent
        return found
