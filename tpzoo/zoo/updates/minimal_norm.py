"""The least change of a dense block that moves its pre-activation a by D.

    Delta W = D h^T / (|h|^2 + rho),  Delta b = rho D / (|h|^2 + rho),   mean over samples,

least in the metric |Delta W|^2 + |Delta b|^2 / rho, where rho is ``norm_ratio``: an experiment in the June 2020 code of
Meulemans et al., not in the paper. Displacements here are those of outputs, so D = s'(a) d, as in the gradient. A
learning rate of 1 takes the whole step. Without a bias, rho only damps it.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import final

import torch
from torch import Tensor

from tpzoo import SettingError, SingleStep, Trace, dense_parameters, local_gradients
from tpzoo.zoo.updates.plugin import MinimalNormSettings


@final
class MinimalNorm(SingleStep):
    """The local gradients with every sample's displacement divided by |h|^2 + rho, and of biases rho of that."""

    def __init__(self, settings: MinimalNormSettings) -> None:
        super().__init__(settings)
        self._ratio = settings.norm_ratio

    def gradients(self, trace: Trace, displacements: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """The updates by ``block.parameter``, with the sign of a gradient.

        Raises:
            SettingError: a block is not dense.
        """
        scaled, biases = {}, set()
        for node, d in displacements.items():
            biases.add(_bias_of(trace, node))
            squared = trace[node].input.flatten(1).square().sum(1) + self._ratio  # (batch,)
            # An input of zero with rho = 0 has no step: its matrix cannot move the pre-activation.
            inverse = torch.where(squared > 0, 1 / squared.clamp_min(torch.finfo(squared.dtype).tiny), 0.0)
            scaled[node] = d * inverse.view(-1, *[1] * (d.ndim - 1))
        found = local_gradients(trace, scaled)
        return {name: self._ratio * value if name in biases else value for name, value in found.items()}


def _bias_of(trace: Trace, node: str) -> str | None:
    """The bias of a dense block as ``block.parameter``; None if it has none or nothing to train."""
    name = trace[node].block
    block = trace.network.blocks[name]
    if not any(True for _ in block.parameters()):
        return None
    names = dense_parameters(block, trace[node])
    if names is None:
        raise SettingError(
            f"update minimal_norm is known for dense blocks only, and block '{name}' is not one",
            "use rule.update=gradient, or an architecture of dense blocks such as mlp",
        )
    return None if names[1] is None else f"{name}.{names[1]}"
