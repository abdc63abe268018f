"""How much of a block's update changes no output of the batch: the part of it in the null space of J.

Meulemans et al. 2020, figure 2: with J = dvec(h_L)/dvec(W_l) of the whole batch and x = vec(grad W_l), the ratio
|N N^T x| / |x|, N being a basis of the null space. It is taken from the row space instead, as |x - P x| / |x| with
P = J^T (J J^T)^+ J, so that no basis of n x n parameters is needed; x - P x is formed, never 1 - |P x|^2 / |x|^2.

Rank threshold: singular values of J below n eps of the largest count as zero, with n = batch n_L and eps of the run's
precision (1.2e-7 in float32); in float64 those below sqrt(n eps), because J J^T squares them. Their directions count as
null space. The paper cuts at 1e-12 in float64; in float32 such values are rounding. ``fc1/cut`` says how many were cut:
where it is not the rank that J lacks by its shape, the ratio depends on the precision, on a narrow network by a tenth.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import final

from torch import Tensor

from tpzoo import Probe, Snapshot, Trace
from tpzoo.zoo.probes.parameter_jacobian import parameter_jacobian
from tpzoo.zoo.probes.plugin import NullSpaceSettings
from tpzoo.zoo.probes.updates import flat, names_by_block


@final
class NullSpaceRatio(Probe):
    """The ratio by block, between 0 and 1, and ``block/cut``, how many singular values of J counted as zero.

    Averages: none; J and x are those of the whole batch.
    Blocks: all that are trained, the output block included; of a block that several nodes share J is their sum.
    Weights: all parameters of a block whose name does not end in ``bias``, as one vector.
    Updates: raw, as the run's update makes them. The part is taken in float64.
    Zeros: NaN if the update is zero.

    Raises:
        SettingError: a block couples samples (batch norm), or the matrices would be larger than ``max_entries``.
    """

    def __init__(self, settings: NullSpaceSettings) -> None:
        self.every = settings.every
        self._max_entries = settings.max_entries

    def measure(self, snapshot: Snapshot) -> dict[str, Tensor]:
        trace = snapshot.clean_trace()
        weights = {name: value for name, value in snapshot.gradients.items() if not name.endswith("bias")}
        found = {}
        for block, names in names_by_block(weights).items():
            found[block], found[f"{block}/cut"] = self._ratio(trace, weights, names)
        return found

    def _ratio(self, trace: Trace, update: Mapping[str, Tensor], names: Sequence[str]) -> tuple[Tensor, Tensor]:
        jacobian = parameter_jacobian(trace, names, self._max_entries)
        inverse, cut = jacobian.pseudo_inverse_of_gram()
        rest = {name: update[name].double() for name in names}
        for _ in range(2):  # the second time removes what rounding left of the first
            inside = jacobian.pull(inverse @ jacobian.push(rest))
            rest = {name: rest[name] - inside[name] for name in names}
        return flat(rest, names).norm() / flat(update, names).norm(), cut
