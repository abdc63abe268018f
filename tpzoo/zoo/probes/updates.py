"""How probes take the updates of a snapshot apart."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import torch
from torch import Tensor


def names_by_block(gradients: Mapping[str, Tensor]) -> dict[str, list[str]]:
    """The names ``block.parameter`` of every block's update, in the order of the alphabet."""
    found: dict[str, list[str]] = {}
    for name in sorted(gradients):
        found.setdefault(name.split(".", 1)[0], []).append(name)
    return found


def vectors_by_block(gradients: Mapping[str, Tensor], biases: bool = False) -> dict[str, Tensor]:
    """The weights of every block's update as one vector, or its biases."""
    chosen = {name: value for name, value in gradients.items() if name.endswith("bias") == biases}
    return {block: flat(chosen, names) for block, names in names_by_block(chosen).items()}


def flat(tensors: Mapping[str, Tensor], names: Sequence[str]) -> Tensor:
    """The named tensors as one vector, in float64."""
    return torch.cat([tensors[name].flatten() for name in names]).double()
