"""The angle between every sample's displacement and what backpropagation, or Gauss-Newton, would do to the activation.

Meulemans et al. 2020: the mean over samples of angle(h_l - t_l, dloss/dh_l), and of angle(h_l - t_l, -d_l of rule
``gauss_newton``). A rule that makes no pass (bp) gives no displacements; its negative gradient is measured instead.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import final

import torch
from torch import Tensor

from tpzoo import Probe, SettingError, Snapshot, Trace, angle
from tpzoo.zoo.probes.gnt_angle import gnt_displacements
from tpzoo.zoo.probes.plugin import ActivationAngleSettings


@final
class ActivationAngle(Probe):
    """Degrees by hidden node that the rule displaces: ``fc1/bp`` and ``fc1/gn``.

    A sample one of whose two vectors is zero has no angle and is left out of the mean (a layer of dead units has no
    Gauss-Newton displacement); if that holds for all samples, the mean is NaN.

    Raises:
        SettingError: the rule made a pass but gave no displacements; or a block above the first couples samples.
    """

    def __init__(self, settings: ActivationAngleSettings) -> None:
        self.every = settings.every
        self._damping = settings.damping

    def measure(self, snapshot: Snapshot) -> dict[str, Tensor]:
        trace = snapshot.clean_trace()
        downhill = _backpropagated(snapshot, trace)
        ours = _displacements(snapshot, downhill)
        newton = gnt_displacements(snapshot, trace, self._damping)
        found = {}
        for node in newton:
            if node in ours:
                found[f"{node}/bp"] = mean_angle(ours[node], downhill[node])
                found[f"{node}/gn"] = mean_angle(ours[node], newton[node])
        return found


def _backpropagated(snapshot: Snapshot, trace: Trace) -> dict[str, Tensor]:
    """-dloss/dh of every sample's own loss, by node."""
    return trace.pulled_back(-snapshot.batch.error(trace.output))


def _displacements(snapshot: Snapshot, downhill: Mapping[str, Tensor]) -> Mapping[str, Tensor]:
    if snapshot.displacements or snapshot.trace is None:
        return snapshot.displacements or downhill
    raise SettingError(
        "probe 'activation_angle' needs displacements, and this rule gives none",
        "leave the probe out, or use a rule such as dtp",
    )


def mean_angle(ours: Tensor, theirs: Tensor) -> Tensor:
    """The mean over samples of the angle between two tensors (batch, ...), in degrees."""
    ours, theirs = ours.flatten(1), theirs.flatten(1)
    exist = ours.any(1) & theirs.any(1)
    angles = torch.func.vmap(angle)(ours, theirs)
    return torch.where(exist, angles, 0.0).sum() / exist.sum()
