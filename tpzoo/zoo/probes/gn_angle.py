"""The angle between the update of every block and the damped Gauss-Newton step of its own parameters.

Meulemans et al. 2020: with J = dvec(h_L)/d[W_l, b_l] of the whole batch (batch n_L rows) and e = dloss/dh_L the step
is J^T (J J^T + damping I)^-1 vec(e); for damping 0, pinv(J) vec(e), with the rank threshold of ``null_space_ratio``.
The cost is that of a square matrix of batch n_L rows: its eigenvalues for damping 0, its Cholesky factor otherwise.
"""

from __future__ import annotations

from typing import final

from torch import Tensor

from tpzoo import Probe, Snapshot, angle, damped_solve
from tpzoo.zoo.probes.parameter_jacobian import parameter_jacobian
from tpzoo.zoo.probes.plugin import GaussNewtonAngleSettings
from tpzoo.zoo.probes.updates import flat, names_by_block


@final
class GaussNewtonAngle(Probe):
    """Degrees by block.

    Averages: none; J and e are those of the whole batch.
    Blocks: all that are trained, the output block included; of a block that several nodes share J is their sum.
    Weights: all parameters of a block, biases included, as one vector.
    Updates: raw, as the run's update makes them.
    Zeros: NaN where the update or the step is zero. Where the inputs of a block are all zero, its weights have neither
    an update nor a step, and the angle is that of its biases alone; with one output it is then 0 or 180 degrees.

    Raises:
        SettingError: a block couples samples (batch norm), or the matrices would be larger than ``max_entries``.
    """

    def __init__(self, settings: GaussNewtonAngleSettings) -> None:
        self.every = settings.every
        self._damping, self._max_entries = settings.damping, settings.max_entries

    def measure(self, snapshot: Snapshot) -> dict[str, Tensor]:
        trace = snapshot.clean_trace()
        error = snapshot.batch.error(trace.output).flatten().double()
        found = {}
        for block, names in names_by_block(snapshot.gradients).items():
            jacobian, damping = parameter_jacobian(trace, names, self._max_entries), self._damping[block]
            if damping == 0:
                rows = jacobian.pseudo_inverse_of_gram()[0] @ error
            else:
                rows = damped_solve(jacobian.gram(), error.unsqueeze(-1), damping).squeeze(-1)
            found[block] = angle(flat(snapshot.gradients, names), flat(jacobian.pull(rows), names))
        return found
