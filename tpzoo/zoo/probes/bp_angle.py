"""The angle between the update of every block and the gradient of backpropagation (Meulemans et al. 2020).

angle(g, g_bp) with g the update and g_bp the gradient of the mean loss, both of the same batch and weights.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import final

from torch import Tensor

from tpzoo import Probe, Snapshot, angle
from tpzoo.zoo.probes.plugin import AngleSettings
from tpzoo.zoo.probes.updates import vectors_by_block


@final
class BackpropAngle(Probe):
    """Degrees by block, and of biases by ``block/bias`` with ``biases``.

    Averages: none; g is the update of the whole batch, so it is the angle of the mean, not a mean of angles.
    Blocks: all that are trained, the output block included; a block that several nodes share once, with the sum of
    their updates.
    Weights: all parameters of a block whose name does not end in ``bias``, scales of norms too, as one vector; its
    biases as another.
    Updates: raw, as the run's update makes them: before clipping, weight decay and moments.
    Zeros: NaN where the update or the gradient is zero.
    """

    def __init__(self, settings: AngleSettings) -> None:
        self.every = settings.every
        self._biases = settings.biases

    def measure(self, snapshot: Snapshot) -> dict[str, Tensor]:
        return angles_by_block(snapshot.gradients, snapshot.backprop(), self._biases)


def angles_by_block(
    updates: Mapping[str, Tensor], reference: Mapping[str, Tensor], biases: bool = False
) -> dict[str, Tensor]:
    """The angle of the weights of every block that both have, by ``block``; of biases too, by ``block/bias``."""
    found = {}
    for suffix, of_biases in [("", False), ("/bias", True)][: 2 if biases else 1]:
        ours, theirs = (vectors_by_block(each, of_biases) for each in (updates, reference))
        found.update({f"{block}{suffix}": angle(ours[block], theirs[block]) for block in theirs if block in ours})
    return found
