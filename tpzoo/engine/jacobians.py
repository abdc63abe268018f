"""Jacobians of the output, by one downward sweep, and what Gauss-Newton methods make of them."""

from __future__ import annotations

import copy
from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor, nn
from torch.func import functional_call

from tpzoo.engine.network import Network, Trace
from tpzoo.engine.passes import Pass
from tpzoo.errors import SettingError


def output_jacobians(trace: Trace) -> dict[str, Tensor]:
    """dh_L/dh_i of every sample by node: (batch, n_L, ...), where ... is the shape of a sample at the node.

    One sweep from the output down, with the unit vectors of the output as cotangents of all samples at once. The trace
    remembers the result.

    Raises:
        SettingError: a block above the first couples samples (batch norm in training mode).
    """
    nodes = [node.name for node in trace.network.nodes]
    require_row_independent(trace, nodes[1:])
    return trace.memo("output_jacobians", lambda: _sweep(trace, nodes))


def _sweep(trace: Trace, nodes: list[str]) -> dict[str, Tensor]:
    out = trace.output
    units = torch.eye(out[0].numel(), dtype=out.dtype, device=out.device)
    rows = units.view(-1, 1, *out.shape[1:]).expand(-1, *out.shape)  # (n_L, batch, ...), as vjp_batched takes them
    found = trace.pulled_back(rows, batched=True)
    return {node: found[node].transpose(0, 1) for node in nodes}


def require_row_independent(trace: Trace, nodes: list[str]) -> None:
    """Refuse blocks whose samples depend on each other: there a sample has no Jacobian of its own.

    Raises:
        SettingError: a node's block is one; the message names it.
    """
    for node in nodes:
        if not trace.network.blocks[trace[node].block].row_independent:
            raise SettingError(
                f"block '{trace[node].block}' couples the samples of a batch (batch norm in training mode), so that no "
                "sample has a Jacobian of its own",
                "use a network without batch norm, or with group norm",
            )


def gauss_newton_displacement(jacobian: Tensor, d_output: Tensor, damping: float) -> Tensor:
    """J^T (J J^T + damping I)^-1 d_L of every sample; pinv(J) d_L for damping 0 (Meulemans et al. 2020).

    The small systems are solved in float64: by Cholesky, n_L or n_i wide, whichever is less; for damping 0 by their
    eigenvalues, and for a float64 ``jacobian``, whose condition number must not be squared, by a QR decomposition.
    Singular values of J below max(n_L, n_i) eps of the largest count as zero, eps being that of the dtype of
    ``jacobian``.

    Args:
        jacobian: (batch, n_L, ...).
        d_output: like the output, (batch, ...).
        damping: at least 0.

    Returns:
        (batch, ...), of the dtype of ``jacobian``.
    """
    batch, outputs, *shape = jacobian.shape
    rows = jacobian.reshape(batch, outputs, -1).double()  # (batch, n_L, n_i)
    d = d_output.reshape(batch, outputs, 1).double()
    if damping == 0:
        rtol = max(rows.shape[1:]) * torch.finfo(jacobian.dtype).eps
        # J J^T has the square of J's condition number: float64 has digits for that only where J has fewer.
        narrower = jacobian.dtype != rows.dtype
        found = _least_norm(rows, d, rtol) if narrower else _pseudo_inverse(rows, rtol) @ d
    elif outputs <= rows.shape[2]:
        found = rows.mT @ damped_solve(rows @ rows.mT, d, damping)
    else:
        found = damped_solve(rows.mT @ rows, rows.mT @ d, damping)
    return found.reshape(batch, *shape).to(jacobian.dtype)


def damped_solve(gram: Tensor, right: Tensor, damping: float) -> Tensor:
    """(gram + damping I)^-1 right for positive semi-definite ``gram`` (..., n, n), ``right`` (..., n, m), damping > 0.

    Damping below the rounding of ``gram`` is raised to it: less could not keep the matrix positive definite.
    """
    diagonal = gram.diagonal(dim1=-2, dim2=-1)
    rounding = gram.shape[-1] * torch.finfo(gram.dtype).eps * diagonal.sum(-1, keepdim=True)
    factor = torch.linalg.cholesky_ex(gram + torch.diag_embed(rounding.clamp_min(damping).expand_as(diagonal)))[0]
    return torch.cholesky_solve(right, factor)


def _least_norm(rows: Tensor, d: Tensor, rtol: float) -> Tensor:
    """pinv(J) d for J = ``rows`` (batch, m, n) and ``d`` (batch, m, 1), by the eigenvalues of J J^T or J^T J."""
    wide = rows.shape[1] <= rows.shape[2]
    values, vectors = torch.linalg.eigh(rows @ rows.mT if wide else rows.mT @ rows)
    inverse = torch.where(values > rtol**2 * values[:, -1:], 1 / values, 0.0).unsqueeze(2)
    right = d if wide else rows.mT @ d
    found = vectors @ (inverse * (vectors.mT @ right))
    return rows.mT @ found if wide else found


def _pseudo_inverse(rows: Tensor, rtol: float) -> Tensor:
    """(batch, n, m) for ``rows`` (batch, m, n), by way of the triangle of a thin QR decomposition."""
    if rows.shape[1] > rows.shape[2]:
        q, r = torch.linalg.qr(rows)
        return torch.linalg.pinv(r, rtol=rtol) @ q.mT
    q, r = torch.linalg.qr(rows.mT)
    return q @ torch.linalg.pinv(r.mT, rtol=rtol)


def dense_parameters(block: nn.Module, made: Pass) -> tuple[str, str | None] | None:
    """The names of the matrix and the bias of a dense block; None if the block is not one.

    A dense block has one matrix (outputs, inputs) that fits what went in and the pre-activation, at most one bias, and
    nothing else to train.
    """
    named = dict(block.named_parameters())
    matrices = [name for name, p in named.items() if p.ndim == 2]
    if len(matrices) != 1 or made.pre is None:
        return None
    rows, columns = named.pop(matrices[0]).shape
    fits = columns == made.input[0].numel() and rows == made.pre[0].numel()
    if not fits or any(tuple(p.shape) != (rows,) for p in named.values()) or len(named) > 1:
        return None
    return matrices[0], next(iter(named), None)


def output_change(network: Network, x: Tensor, change: Mapping[str, Tensor]) -> Tensor:
    """What an infinitesimal ``change`` of the weights, by ``block.parameter``, makes of the output: like the output.

    The exact derivative sum_p dh_L/dp change_p, in float64, on a copy of the network.
    """
    twin = copy.deepcopy(network).double()
    weights = {name: p.detach() for name, p in twin.named_parameters()}
    tangents = {name: torch.zeros_like(p) for name, p in weights.items()}
    tangents.update({f"blocks.{name}": value.detach().double() for name, value in change.items()})

    def output(parameters: dict[str, Tensor]) -> Tensor:
        found: Tensor = functional_call(_Connected(twin), {f"network.{n}": p for n, p in parameters.items()}, (x,))
        return found

    x = x.detach().double()
    made: Any = torch.func.vjp(output, weights)
    out, pull = made  # forward mode would give the same, but loads the compiler

    def along(cotangent: Tensor) -> Tensor:
        pulled = pull(cotangent)[0]
        return torch.stack([(pulled[name] * tangents[name]).sum() for name in weights]).sum()

    return torch.func.grad(along)(torch.zeros_like(out))


class _Connected(nn.Module):
    """Lets ``functional_call`` reach the pass whose buffers are copies."""

    def __init__(self, network: Network) -> None:
        super().__init__()
        self.network = network

    def forward(self, x: Tensor) -> Tensor:
        return self.network._connected(x)[0]
