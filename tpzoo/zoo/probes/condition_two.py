"""Whether feedback stays in the row space of the network's Jacobian (condition 2 of Meulemans et al. 2021).

    ratio = |P Q|_F / |Q|_F,   P = J^T (J J^T)^+ J

J is the Jacobian of the output for all hidden nodes side by side, (n_L, sum n_i), and Q stacks what the feedback makes
of unit displacements of the output, (sum n_i, n_L): the weights of linear direct maps, for others the Jacobian of d ->
displacements, by central differences. The ratio is 1 where Q = J^T M for some M.

``space: out`` takes both for activations, where the displacements of this package are. ``space: pre`` takes both to
pre-activations a by one step, the vector-Jacobian product of each block from its output to a: for h = s(a) that is s'
times J and s' times Q. (The paper's measure has J for pre-activations and no s', because its feedback acts on
pre-activations already.) A node without a pre-activation of its output's shape, as a residual unit or a convolution
before a pool, stays at its activation.
"""

from __future__ import annotations

from typing import final

import torch
from torch import Tensor

from tpzoo import Feedback, Network, Pass, Probe, SettingError, Snapshot, Trace, output_jacobians
from tpzoo.zoo.probes.plugin import ConditionTwoSettings


@final
class ConditionTwo(Probe):
    """``ratio`` of all hidden nodes together, and for each one by its name that of its own J and Q: between 0 and 1.

    Averages: the mean over the samples of the batch of their ratios.
    Blocks: hidden nodes, of a block that several nodes share each one; not the output. A node that no edge reaches has
    Q = 0.
    Weights: none enter; singular values of J below max(n_L, sum n_i) eps of the largest count as zero.
    Zeros: a sample whose Q is zero has no ratio and is left out; if that holds for all samples, it is NaN.

    Raises:
        SettingError: there is no feedback from the output, or a block above the first couples samples (batch norm).
    """

    def __init__(self, settings: ConditionTwoSettings) -> None:
        self.every = settings.every
        self._space, self._epsilon = settings.space, settings.epsilon

    def measure(self, snapshot: Snapshot) -> dict[str, Tensor]:
        trace = snapshot.clean_trace()
        _require_feedback(snapshot.feedback, trace)
        jacobians = output_jacobians(trace)
        sent = feedback_jacobian(snapshot.feedback, trace, self._epsilon)
        forward = {node: self._at_place(trace[node], jacobians[node]) for node in hidden(trace)}
        backward = {node: self._at_place(trace[node], sent[node]) for node in hidden(trace)}
        eps = torch.finfo(trace.output.dtype).eps
        whole = ratio(torch.cat(list(forward.values()), 2), torch.cat(list(backward.values()), 2), eps)
        return {"ratio": whole, **{node: ratio(forward[node], backward[node], eps) for node in forward}}

    def notes(self, network: Network) -> list[str]:
        if self._space != "pre":
            return []
        x = next(network.parameters()).new_zeros(2, *network.input_shape)
        trace = network.trace(x, update_buffers=False, graph=False)
        staying = [node for node in hidden(trace) if not _has_pre_activation(trace[node])]
        said = f"without a pre-activation of their output's shape, so measured at the activation: {', '.join(staying)}"
        return [said] if staying else []

    def _at_place(self, made: Pass, rows: Tensor) -> Tensor:
        """Rows (batch, n_L, ...) of the node's output, taken to its pre-activation if that is asked for: float64."""
        if self._space == "pre" and _has_pre_activation(made):
            rows = made.vjp_batched(rows.transpose(0, 1).to(made.out.dtype), at="pre").transpose(0, 1)
        return rows.flatten(2).double()


def _has_pre_activation(made: Pass) -> bool:
    return made.pre is not None and made.pre.shape == made.out.shape


def ratio(forward: Tensor, backward: Tensor, eps: float) -> Tensor:
    """|P Q| / |Q| for J = ``forward`` and Q^T = ``backward``, both (batch, n_L, n): the mean over samples with Q."""
    q, r = torch.linalg.qr(forward.mT)
    u, s, _ = torch.linalg.svd(r, full_matrices=False)
    basis = (q @ u) * (s > max(forward.shape[1:]) * eps * s[:, :1]).unsqueeze(1)  # of the row space, (batch, n, rank)
    size = backward.flatten(1).norm(dim=1)
    ratios = (backward @ basis).flatten(1).norm(dim=1) / size
    return torch.where(size != 0, ratios, 0.0).sum() / (size != 0).sum()  # what is not a number is no zero


def hidden(trace: Trace) -> list[str]:
    """All nodes but the last."""
    return [node for node in trace.passes if node != trace.last]


@torch.no_grad()
def feedback_jacobian(feedback: Feedback, trace: Trace, epsilon: float) -> dict[str, Tensor]:
    """By hidden node its displacements by unit displacements of the output: (batch, n_L, ...), float64.

    A node that no edge reaches has zeros.
    """
    rows: dict[str, list[Tensor]] = {node: [] for node in hidden(trace)}
    for unit in torch.eye(trace.output[0].numel(), dtype=trace.output.dtype, device=trace.output.device):
        d = (epsilon * unit).view(1, *trace.output.shape[1:]).expand_as(trace.output)
        up, down = (feedback.displacements(trace, each) for each in (d, -d))
        for node, found in rows.items():
            reached = node in up
            found.append(
                (up[node].double() - down[node].double()) / (2 * epsilon)
                if reached
                else torch.zeros_like(trace[node].out, dtype=torch.float64)
            )
    return {node: torch.stack(found, 1) for node, found in rows.items()}


def _require_feedback(feedback: Feedback, trace: Trace) -> None:
    sources = {edge.source for edge in feedback.edges}
    if not sources:
        raise SettingError("probe 'condition_two' needs feedback, and there is none", "set feedback, or leave it out")
    if foreign := sorted(sources - {"output", *trace.passes}):
        raise SettingError(
            f"probe 'condition_two' needs feedback from the output, and this path sends from {', '.join(foreign)}",
            "use a path such as direct or layerwise",
        )
