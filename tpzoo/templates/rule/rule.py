"""Difference target propagation with shorter steps: below the output, d_l = fraction (g(h + d) - g(h)).

h and d are the activation and the displacement at the edge's source. What flows down the feedback path is dtp's own
displacement; the fraction shortens the step that a block makes of it.
"""

from typing import final

from torch import Tensor

from tpzoo import Batch, DisplacementRule, Draw, Feedback, Trace


@final
class MyEntryRule(DisplacementRule):
    """The update that the config chooses at ``rule.update`` turns displacements into steps of the weights."""

    def displacements(self, trace: Trace, feedback: Feedback, batch: Batch, draw: Draw) -> dict[str, Tensor]:
        """d = target - activity by node, like each node's output; a node left out is not trained."""
        found = feedback.displacements(trace, batch.output_displacement(trace.output), batch.y)
        return {node: d if node == trace.last else self.settings.fraction * d for node, d in found.items()}
