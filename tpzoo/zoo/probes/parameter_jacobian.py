"""The Jacobian J of the whole batch's output with respect to one block's parameters, for probes.

Row (b, k) of J is the gradient of output k of sample b: J has batch n_L rows. For a dense block it is never formed: row
(b, k) is J_a[b, k] h_b^T, with J_a the Jacobian for the pre-activation and h_b the block's input, so that

    J J^T = (J_a J_a^T) * (H H^T + 1)      (the 1 is the bias; products of every sample with every other)

For any other block the rows are formed, sample by sample. Everything after J_a is float64.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence

import torch
from torch import Tensor
from torch.nn import functional as F

from tpzoo import SettingError, Trace, dense_parameters, output_jacobians, require_row_independent


class ParameterJacobian(ABC):
    """J for the parameters that it was made for, by ``block.parameter``."""

    eps: float

    @abstractmethod
    def gram(self) -> Tensor:
        """J J^T, (batch n_L, batch n_L)."""

    @abstractmethod
    def push(self, change: Mapping[str, Tensor]) -> Tensor:
        """J change: (batch n_L,)."""

    @abstractmethod
    def pull(self, rows: Tensor) -> dict[str, Tensor]:
        """J^T rows, for ``rows`` (batch n_L,)."""

    def pseudo_inverse_of_gram(self) -> tuple[Tensor, Tensor]:
        """(J J^T)^+, and how many singular values of J counted as zero.

        Singular values of J below n eps of the largest count as zero, where n = batch n_L and eps is that of the run's
        precision; in float64 those below sqrt(n eps), because J J^T squares them and is float64 itself.
        """
        gram = self.gram()
        rtol = max((len(gram) * self.eps) ** 2, len(gram) * torch.finfo(gram.dtype).eps)
        values, vectors = torch.linalg.eigh(gram)
        kept = values > rtol * values[-1]
        inverse = (vectors * torch.where(kept, 1 / values, 0.0)) @ vectors.T
        return inverse, (~kept).sum()


def parameter_jacobian(trace: Trace, names: Sequence[str], max_entries: int) -> ParameterJacobian:
    """J for ``names``, parameters of one block as ``block.parameter``.

    Raises:
        SettingError: a block couples samples, or a matrix of more than ``max_entries`` entries would be needed.
    """
    block = names[0].split(".", 1)[0]
    nodes = [node for node, made in trace.passes.items() if made.block == block]
    require_row_independent(trace, nodes)
    count = trace.output.numel()
    _check_size(block, count, count, max_entries)
    found = DenseJacobian.of(trace, nodes, names) if len(nodes) == 1 else None
    if found is None:
        parameters = dict(trace.network.blocks.named_parameters())
        _check_size(block, count, sum(parameters[name].numel() for name in names), max_entries)
        return FormedJacobian(trace, nodes, names)
    return found


def _check_size(block: str, rows: int, columns: int, max_entries: int) -> None:
    if rows * columns > max_entries:
        raise SettingError(
            f"the Jacobian of block '{block}' needs a matrix of {rows} x {columns} = {rows * columns:,} entries, and "
            f"max_entries is {max_entries:,}",
            "use a smaller batch, or raise max_entries of the probe",
        )


class DenseJacobian(ParameterJacobian):
    """J of a dense block, by its factors."""

    def __init__(self, weight: str, bias: str | None, slopes: Tensor, inputs: Tensor) -> None:
        self._weight, self._bias = weight, bias
        self.eps = torch.finfo(slopes.dtype).eps
        self._slopes = slopes.double()  # (batch, n_L, n_i)
        self._inputs = inputs.double()  # (batch, n_{i-1})

    @classmethod
    def of(cls, trace: Trace, nodes: Sequence[str], names: Sequence[str]) -> DenseJacobian | None:
        """The factors; None if the block's pre-activation is not W h + b."""
        made = trace[nodes[0]]
        found = dense_parameters(trace.network.blocks[made.block], made)
        if found is None or made.pre is None or f"{made.block}.{found[0]}" not in names:
            return None
        parameters = dict(trace.network.blocks[made.block].named_parameters())
        weight, bias = parameters[found[0]], None if found[1] is None else parameters[found[1]]
        inputs = made.input.flatten(1)
        if not torch.allclose(F.linear(inputs, weight, bias), made.pre.flatten(1), rtol=1e-4, atol=1e-5):
            return None  # something else stands before the matrix
        slopes = made.vjp_batched(output_jacobians(trace)[made.name].transpose(0, 1), at="pre").transpose(0, 1)
        name = f"{made.block}.{found[1]}"
        return cls(f"{made.block}.{found[0]}", name if name in names else None, slopes.flatten(2), inputs)

    def gram(self) -> Tensor:
        batch, outputs = self._slopes.shape[:2]
        rows = self._slopes.flatten(0, 1)
        inputs = self._inputs @ self._inputs.T + (0.0 if self._bias is None else 1.0)
        product = (rows @ rows.T).view(batch, outputs, batch, outputs) * inputs.view(batch, 1, batch, 1)
        return product.view(batch * outputs, batch * outputs)

    def push(self, change: Mapping[str, Tensor]) -> Tensor:
        moved = self._inputs @ change[self._weight].double().T  # (batch, n_i), of the pre-activation
        if self._bias is not None:
            moved = moved + change[self._bias].double()
        return torch.einsum("bko,bo->bk", self._slopes, moved).flatten()

    def pull(self, rows: Tensor) -> dict[str, Tensor]:
        at_pre = torch.einsum("bk,bko->bo", rows.view(self._slopes.shape[:2]), self._slopes)
        bias = {} if self._bias is None else {self._bias: at_pre.sum(0)}
        return {self._weight: at_pre.T @ self._inputs, **bias}


class FormedJacobian(ParameterJacobian):
    """J of any block, as rows: samples are passed through it one at a time."""

    def __init__(self, trace: Trace, nodes: Sequence[str], names: Sequence[str]) -> None:
        parameters = dict(trace.network.blocks.named_parameters())
        self._shapes = {name: parameters[name].shape for name in names}
        self.eps = torch.finfo(trace.output.dtype).eps
        samples = range(trace.batch_size)
        self._rows = torch.cat([self._rows_of(trace, nodes, sample) for sample in samples]).double()

    def _rows_of(self, trace: Trace, nodes: Sequence[str], sample: int) -> Tensor:
        """The rows of one sample, (n_L, parameters): summed over the nodes that use the block."""
        one, jacobians = slice(sample, sample + 1), output_jacobians(trace)
        total = torch.zeros((), dtype=trace.output.dtype, device=trace.output.device)
        for node in nodes:
            made = trace.network.run_at(node, trace[node].input[one])
            found = made.parameter_gradients_batched(jacobians[node][one].transpose(0, 1))
            total = total + torch.cat([found[name].flatten(1) for name in self._shapes], 1)
        return total

    def gram(self) -> Tensor:
        return self._rows @ self._rows.T

    def push(self, change: Mapping[str, Tensor]) -> Tensor:
        return self._rows @ torch.cat([change[name].flatten() for name in self._shapes]).double()

    def pull(self, rows: Tensor) -> dict[str, Tensor]:
        pieces = torch.split(rows @ self._rows, [shape.numel() for shape in self._shapes.values()])
        return {name: piece.view(shape) for (name, shape), piece in zip(self._shapes.items(), pieces, strict=True)}
