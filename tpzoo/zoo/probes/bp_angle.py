"""The angle between the update of every block and the gradient of backpropagation (Meulemans et al. 2020).

Both are raw gradients on the same batch and weights, before the optimiser. Weights of a block are taken together as one
vector, biases as another.
"""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor

from tpzoo import Probe, Snapshot, angle
from tpzoo.zoo.probes.cards import AngleSettings


class BackpropAngle(Probe):
    """Degrees by block; a block that is not trained is left out."""

    def __init__(self, settings: AngleSettings) -> None:
        self.every = settings.every
        self._biases = settings.biases

    def measure(self, snapshot: Snapshot) -> dict[str, Tensor]:
        reference = snapshot.backprop()
        found = {}
        for suffix, biases in [("", False), ("/bias", True)][: 2 if self._biases else 1]:
            ours, theirs = (_by_block(each, biases) for each in (snapshot.gradients, reference))
            found.update({f"{block}{suffix}": angle(ours[block], theirs[block]) for block in theirs if block in ours})
        return found


def _by_block(gradients: Mapping[str, Tensor], biases: bool) -> dict[str, Tensor]:
    parts: dict[str, list[Tensor]] = {}
    for name in sorted(gradients):
        if name.endswith("bias") == biases:
            parts.setdefault(name.split(".", 1)[0], []).append(gradients[name].flatten())
    return {block: torch.cat(tensors) for block, tensors in parts.items()}
