"""How much of a block's update changes no output of the batch: the part of it in the null space of J.

Meulemans et al. 2020, figure 2: with J = dvec(h_L)/dvec(W_l) of the whole batch and x = vec(grad W_l), the ratio
|N N^T x| / |x|, N being a basis of the null space. It is taken from the row space instead, as |x - P x| / |x| with
P = J^T (J J^T)^+ J, so that no basis of n x n parameters is needed; x - P x is formed, never 1 - |P x|^2 / |x|^2.

The rank threshold: singular values of J below n eps of the largest count as zero, with n = batch n_L and eps of the
run's precision; in float64 those below sqrt(n eps), because J J^T squares them. Their directions count as null space.
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
    """The ratio by block, of its weights without its biases, in float64. NaN if the update is zero.

    A block that is not trained is left out.

    Raises:
        SettingError: a block couples samples (batch norm), or the matrices would be larger than ``max_entries``.
    """

    def __init__(self, settings: NullSpaceSettings) -> None:
        self.every = settings.every
        self._max_entries = settings.max_entries

    def measure(self, snapshot: Snapshot) -> dict[str, Tensor]:
        trace = snapshot.clean_trace()
        weights = {name: value for name, value in snapshot.gradients.items() if not name.endswith("bias")}
        return {block: self._ratio(trace, weights, names) for block, names in names_by_block(weights).items()}

    def _ratio(self, trace: Trace, update: Mapping[str, Tensor], names: Sequence[str]) -> Tensor:
        jacobian = parameter_jacobian(trace, names, self._max_entries)
        inverse = jacobian.pseudo_inverse_of_gram()
        rest = {name: update[name].double() for name in names}
        for _ in range(2):  # the second time removes what rounding left of the first
            inside = jacobian.pull(inverse @ jacobian.push(rest))
            rest = {name: rest[name] - inside[name] for name in names}
        return flat(rest, names).norm() / flat(update, names).norm()
