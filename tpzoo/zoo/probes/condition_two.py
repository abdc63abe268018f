"""Whether feedback stays in the row space of the network's Jacobian (condition 2 of Meulemans et al. 2021).

    |P Q|_F / |Q|_F of every sample, mean over the batch;   P = J^T (J J^T)^+ J

J is the Jacobian of the output for all hidden blocks side by side, (n_L, sum n_i), and Q stacks what the feedback makes
of unit displacements of the output, (sum n_i, n_L): the weights of linear direct maps, for others the Jacobian of
d -> displacements, by central differences. The ratio is 1 where Q = J^T M for some M.

``space`` says what J is taken for: ``pre``, pre-activations, as in the paper's measure (the activation where a block
exposes none, or one of another shape, before a pool), or ``out``, activations, where the displacements of this package
are.
"""

from __future__ import annotations

from typing import final

import torch
from torch import Tensor

from tpzoo import Feedback, Probe, SettingError, Snapshot, Trace, output_jacobians
from tpzoo.zoo.probes.plugin import ConditionTwoSettings


@final
class ConditionTwo(Probe):
    """``ratio``, between 0 and 1. NaN if the feedback of some sample is zero.

    Raises:
        SettingError: there is no feedback from the output, or a block above the first couples samples (batch norm).
    """

    def __init__(self, settings: ConditionTwoSettings) -> None:
        self.every = settings.every
        self._space, self._epsilon = settings.space, settings.epsilon

    def measure(self, snapshot: Snapshot) -> dict[str, Tensor]:
        trace = snapshot.clean_trace()
        _require_feedback(snapshot.feedback, trace)
        forward = self._forward(trace)  # (batch, n_L, sum n_i)
        backward = feedback_jacobian(snapshot.feedback, trace, self._epsilon)  # (batch, sum n_i, n_L)
        q, r = torch.linalg.qr(forward.mT)
        u, s, _ = torch.linalg.svd(r)
        rounding = max(forward.shape[1:]) * torch.finfo(trace.output.dtype).eps
        basis = (q @ u) * (s > rounding * s[:, :1]).unsqueeze(1)  # of the row space, (batch, sum n_i, n_L)
        ratios = (basis.mT @ backward).flatten(1).norm(dim=1) / backward.flatten(1).norm(dim=1)
        return {"ratio": ratios.mean()}

    def _forward(self, trace: Trace) -> Tensor:
        jacobians, found = output_jacobians(trace), []
        for node in hidden(trace):
            jacobian, made = jacobians[node], trace[node]
            if self._space == "pre" and made.pre is not None and made.pre.shape == made.out.shape:
                jacobian = made.vjp_batched(jacobian.transpose(0, 1), at="pre").transpose(0, 1)
            found.append(jacobian.flatten(2))
        return torch.cat(found, 2).double()


def hidden(trace: Trace) -> list[str]:
    """All nodes but the last."""
    return [node for node in trace.passes if node != trace.last]


@torch.no_grad()
def feedback_jacobian(feedback: Feedback, trace: Trace, epsilon: float) -> Tensor:
    """The displacements of all hidden nodes by unit displacements of the output: (batch, sum n_i, n_L), float64.

    A node that no edge reaches has zeros.
    """
    columns = []
    for unit in torch.eye(trace.output[0].numel(), dtype=trace.output.dtype, device=trace.output.device):
        d = (epsilon * unit).view(1, *trace.output.shape[1:]).expand_as(trace.output)
        up, down = (feedback.displacements(trace, each) for each in (d, -d))
        column = [
            (up[node].double() - down[node].double()).flatten(1) / (2 * epsilon)
            if node in up
            else torch.zeros_like(trace[node].out, dtype=torch.float64).flatten(1)
            for node in hidden(trace)
        ]
        columns.append(torch.cat(column, 1))
    return torch.stack(columns, 2)


def _require_feedback(feedback: Feedback, trace: Trace) -> None:
    sources = {edge.source for edge in feedback.edges}
    if not sources:
        raise SettingError("probe 'condition_two' needs feedback, and there is none", "set feedback, or leave it out")
    if foreign := sorted(sources - {"output", *trace.passes}):
        raise SettingError(
            f"probe 'condition_two' needs feedback from the output, and this path sends from {', '.join(foreign)}",
            "use a path such as direct or layerwise",
        )
