"""The angle between the update of every hidden block and the one that exact Gauss-Newton targets would give.

Meulemans et al. 2020: the target is replaced by the exact one of every sample, d = J^T (J J^T + damping I)^-1 d_L with
J = dh_L/dh, and turned into an update as the run turns its own. d_L is the negative gradient of a sample's loss
(``reference: loss``, as in the paper), or what the run's output target makes (``reference: output``); for output
target ``gradient`` both have one direction.
"""

from __future__ import annotations

from typing import final

from torch import Tensor

from tpzoo import PerName, Probe, Snapshot, Trace, gauss_newton_displacement, output_jacobians
from tpzoo.zoo.probes.bp_angle import angles_by_block
from tpzoo.zoo.probes.plugin import GntAngleSettings


@final
class GntAngle(Probe):
    """Degrees by hidden block, and of biases by ``block/bias`` with ``biases``.

    Averages: none; it is the angle of the two updates of the whole batch.
    Blocks: all hidden ones that are trained. At the output J = I: it is no hidden block and is left out.
    Weights: all parameters of a block whose name does not end in ``bias`` as one vector, its biases as another.
    Updates: raw, as the run's update makes them. The reference is made by the run's own update (``rule.update``), so
    that exact Gauss-Newton targets are at 0 degrees under ``minimal_norm`` too; for one that steps several times by the
    gradient of the local losses.
    Zeros: NaN where one of the two updates is zero.

    Raises:
        SettingError: a block above the first couples samples (batch norm).
    """

    def __init__(self, settings: GntAngleSettings) -> None:
        self.every = settings.every
        self._biases, self._damping, self._reference = settings.biases, settings.damping, settings.reference

    def measure(self, snapshot: Snapshot) -> dict[str, Tensor]:
        trace = snapshot.clean_trace()
        newton = gnt_displacements(snapshot, trace, self._damping, self._reference)
        return angles_by_block(snapshot.gradients, snapshot.updates_of(trace, newton), self._biases)


def gnt_displacements(
    snapshot: Snapshot, trace: Trace, damping: PerName[float], reference: str = "loss"
) -> dict[str, Tensor]:
    """The exact Gauss-Newton displacement of every hidden node, of the loss gradient or of the output target."""
    out, batch = trace.output, snapshot.batch
    d_output = batch.output_displacement(out) if reference == "output" else -batch.error(out)
    return {
        node: gauss_newton_displacement(jacobian, d_output, damping[trace[node].block])
        for node, jacobian in output_jacobians(trace).items()
        if node != trace.last
    }
