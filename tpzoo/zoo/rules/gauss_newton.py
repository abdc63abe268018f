"""Exact Gauss-Newton targets, GNT (Meulemans et al. 2020, section 3).

    d_i = J_i^T (J_i J_i^T + damping I)^-1 d_L,   J_i = dh_L/dh_i of the sample itself (n_L x n_i)

With damping 0 this is pinv(J_i) d_L, the least displacement that moves the output by d_L to first order; with much
damping its direction is that of backpropagation. At the output J = I, so that d_L / (1 + damping) is left of d_L. The
paper's d_L contains no step size: set ``output.step_size`` to 1 for its scale. No feedback path is used.
With damping 0 the pseudo-inverse is a decomposition that may wait for the host on a GPU: capture a CUDA graph with a
damping above 0.
"""

from __future__ import annotations

from typing import final

from torch import Tensor

from tpzoo import Batch, DisplacementRule, Draw, Feedback, Trace, gauss_newton_displacement, output_jacobians
from tpzoo.zoo.rules.plugin import GaussNewtonSettings


@final
class GaussNewton(DisplacementRule):
    """All Jacobians come from one downward sweep; memory is n_L times that of the activations.

    Raises:
        SettingError: a block above the first couples samples (batch norm in training mode).
    """

    def __init__(self, settings: GaussNewtonSettings) -> None:
        super().__init__(settings)
        self._damping = settings.damping

    def displacements(self, trace: Trace, feedback: Feedback, batch: Batch, draw: Draw) -> dict[str, Tensor]:
        d_output = batch.output_displacement(trace.output)
        return {
            node: d_output / (1 + self._damping[trace[node].block])
            if node == trace.last
            else gauss_newton_displacement(jacobian, d_output, self._damping[trace[node].block])
            for node, jacobian in output_jacobians(trace).items()
        }
