"""The angle of ``gnt_angle`` at many dampings, to choose one for a figure (Meulemans et al. 2020).

The paper averages each over an epoch with frozen weights (``tpzoo evaluate RUN --split train --probe
gnt_damping_search``) and takes, for every hidden layer, the damping whose angle is least: angles to Gauss-Newton
targets are reported at the most favourable damping of each method and layer. Here they are recorded; the choice is left
to whoever draws the figure.
"""

from __future__ import annotations

from typing import final

from torch import Tensor

from tpzoo import PerName, Probe, Snapshot
from tpzoo.zoo.probes.bp_angle import angles_by_block
from tpzoo.zoo.probes.gnt_angle import gnt_displacements
from tpzoo.zoo.probes.plugin import DampingSearchSettings


@final
class GntDampingSearch(Probe):
    """Degrees by hidden block and damping, ``fc1/0.1``; in all else as ``gnt_angle``.

    Averages: none; it is the angle of the two updates of the whole batch.
    Blocks: all hidden ones that are trained.
    Weights: all parameters of a block whose name does not end in ``bias`` as one vector.
    Updates: raw, as the run's update makes them; the reference is made by the run's own update.
    Zeros: NaN where one of the two updates is zero.
    """

    def __init__(self, settings: DampingSearchSettings) -> None:
        self.every = settings.every
        self._dampings, self._reference = settings.dampings, settings.reference

    def measure(self, snapshot: Snapshot) -> dict[str, Tensor]:
        trace, found = snapshot.clean_trace(), {}
        for damping in self._dampings:
            newton = gnt_displacements(snapshot, trace, PerName(damping), self._reference)
            angles = angles_by_block(snapshot.gradients, snapshot.updates_of(trace, newton))
            found.update({f"{block}/{damping:g}": value for block, value in angles.items()})
        return found
