"""The angle between the update of every block and the gradient of backpropagation (Meulemans et al. 2020).

Both are raw gradients on the same batch and weights, before the optimiser. Weights of a block are taken together as one
vector, biases as another.
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
    """Degrees by block; a block that is not trained is left out."""

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
