"""The angle between the update of every hidden block and the one that exact Gauss-Newton targets would give.

Meulemans et al. 2020: the target is replaced by the exact one of every sample, d = J^T (J J^T + damping I)^-1 d_L as in
rule ``gauss_newton``, and turned into an update by the gradient of the local loss. Weights of a block are taken
together as one vector, biases as another. At the output J = I: it is no hidden block and is left out.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import final

from torch import Tensor

from tpzoo import PerName, Probe, Snapshot, Trace, gauss_newton_displacement, output_jacobians
from tpzoo.zoo.probes.bp_angle import angles_by_block
from tpzoo.zoo.probes.plugin import GntAngleSettings


@final
class GntAngle(Probe):
    """Degrees by hidden block; a block that is not trained is left out. NaN where one of the updates is zero.

    Raises:
        SettingError: a block above the first couples samples (batch norm).
    """

    def __init__(self, settings: GntAngleSettings) -> None:
        self.every = settings.every
        self._biases, self._damping = settings.biases, settings.damping

    def measure(self, snapshot: Snapshot) -> dict[str, Tensor]:
        trace = snapshot.clean_trace()
        reference = gnt_updates(trace, gnt_displacements(snapshot, trace, self._damping))
        return angles_by_block(snapshot.gradients, reference, self._biases)


def gnt_displacements(snapshot: Snapshot, trace: Trace, damping: PerName[float]) -> dict[str, Tensor]:
    """The exact Gauss-Newton displacement of every hidden node."""
    d_output = snapshot.batch.output_displacement(trace.output)
    return {
        node: gauss_newton_displacement(jacobian, d_output, damping[trace[node].block])
        for node, jacobian in output_jacobians(trace).items()
        if node != trace.last
    }


def gnt_updates(trace: Trace, displacements: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """The gradients of the local losses, as ``Rule.gradients`` makes them."""
    return trace.parameter_gradients({node: -d / trace.batch_size for node, d in displacements.items()})
