"""|gradient| / |weights| of every block, before the optimiser."""

from typing import final

import torch
from torch import Tensor

from tpzoo import Probe, Snapshot
from tpzoo.templates.probe.plugin import MyEntrySettings


@final
class MyEntryProbe(Probe):
    """One number by block; a block that is not trained is left out."""

    def __init__(self, settings: MyEntrySettings) -> None:
        self.every = settings.every
        self._biases = settings.biases

    def measure(self, snapshot: Snapshot) -> dict[str, Tensor]:
        """Called between the update being known and the weights being moved."""
        weights = dict(snapshot.network.blocks.named_parameters())
        found: dict[str, tuple[list[Tensor], list[Tensor]]] = {}
        for name, gradient in snapshot.gradients.items():
            if self._biases or not name.endswith("bias"):
                gradients, values = found.setdefault(name.split(".", 1)[0], ([], []))
                gradients.append(gradient.flatten())
                values.append(weights[name].detach().flatten())
        return {block: torch.cat(g).norm() / torch.cat(w).norm() for block, (g, w) in found.items()}
