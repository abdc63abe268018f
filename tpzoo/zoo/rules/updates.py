"""From displacements to updates, for every rule that leaves the update to the engine.

``gradient``: the loss of a block is |F(h) - t|^2, mean over the batch, differentiated at d = t - F(h). Papers scale it
differently: half its sum over units (tpzoo's own convention), its sum (fully connected layers of Meulemans et al.
2020), or its mean over units (their convolutional layers). Plain gradient descent does not care, Adam's epsilon does.

``minimal_norm`` (an experiment in the June 2020 code of Meulemans et al., not in the paper): the least change of a
dense block that moves its pre-activation a by D,

    Delta W = D h^T / (|h|^2 + rho),  Delta b = rho D / (|h|^2 + rho),   mean over samples,

least in the metric |Delta W|^2 + |Delta b|^2 / rho, where rho is ``norm_ratio``. Displacements here are those of
outputs, so D = s'(a) d, as in the gradient. A learning rate of 1 takes the whole step. Without a bias, rho only damps
it.
"""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor

from tpzoo import Rule, SettingError, Trace, dense_parameters
from tpzoo.zoo.rules.plugin import UpdateSettings


class LocalUpdates(Rule):
    """A rule whose updates are gradients of local losses, scaled as the settings say, or minimal-norm steps.

    Raises:
        SettingError: minimal-norm steps with a local loss other than the default: they are no gradient of one.
    """

    def __init__(self, settings: UpdateSettings | None = None) -> None:
        super().__init__()
        self.settings = settings or UpdateSettings()
        if self.settings.update == "minimal_norm":
            self.settings.local_loss.map(_only_half_sum)

    def gradients(self, trace: Trace, displacements: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """The updates by ``block.parameter``, with the sign of a gradient.

        Raises:
            SettingError: a minimal-norm update of a block that is not dense.
        """
        if self.settings.update == "minimal_norm":
            return self._minimal_norm(trace, displacements)
        scaled = {node: self._scale(trace[node].block, d) for node, d in displacements.items()}
        return super().gradients(trace, scaled)

    def _scale(self, block: str, d: Tensor) -> Tensor:
        """``d`` times the block's local loss in units of half the sum."""
        reduction = self.settings.local_loss[block]
        if reduction == "half_sum":
            return d
        return (2.0 if reduction == "sum" else 2.0 / d[0].numel()) * d

    def _minimal_norm(self, trace: Trace, displacements: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """The gradients with every sample's displacement divided by |h|^2 + rho, and of biases rho of that."""
        ratio, scaled, biases = self.settings.norm_ratio, {}, set()
        for node, d in displacements.items():
            biases.add(_bias_of(trace, node))
            squared = trace[node].input.flatten(1).square().sum(1) + ratio  # (batch,)
            # An input of zero with rho = 0 has no step: its matrix cannot move the pre-activation.
            inverse = torch.where(squared > 0, 1 / squared.clamp_min(torch.finfo(squared.dtype).tiny), 0.0)
            scaled[node] = d * inverse.view(-1, *[1] * (d.ndim - 1))
        found = super().gradients(trace, scaled)
        return {name: ratio * value if name in biases else value for name, value in found.items()}


def _only_half_sum(reduction: str) -> str:
    if reduction != "half_sum":
        raise SettingError(
            f"update minimal_norm is no gradient of a local loss that local_loss={reduction} could scale",
            "leave local_loss out, or set update=gradient",
        )
    return reduction


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
            "use update=gradient, or an architecture of dense blocks such as mlp",
        )
    return None if names[1] is None else f"{name}.{names[1]}"
