"""The angle between every sample's displacement and what backpropagation, or Gauss-Newton, would do to the activation.

Meulemans et al. 2020: angle(d, -dloss/dh) and angle(d, d_gn) of every sample, d being its displacement, dloss/dh the
gradient of its own loss and d_gn = J^T (J J^T + damping I)^-1 d_L with J = dh_L/dh. d_L is the negative gradient of the
loss (``reference: loss``, as in the paper), or what the run's output target makes (``reference: output``).
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
    """Degrees by hidden node that the rule displaces, ``fc1/bp`` and ``fc1/gn``, and the samples behind them.

    Averages: the mean over the samples of the batch of their angles.
    Blocks: hidden nodes (of a block that several nodes share each one), not the output.
    Weights: none; it measures displacements of activations. A rule that makes no pass (bp) gives none, and its negative
    gradient is measured instead.
    Zeros: a sample one of whose two vectors is zero has no angle and is left out (a layer of dead units has no
    Gauss-Newton displacement). ``fc1/bp_samples`` and ``fc1/gn_samples`` say how many were left; for none the mean is
    NaN.

    Raises:
        SettingError: the rule made a pass but gave no displacements; or a block above the first couples samples.
    """

    def __init__(self, settings: ActivationAngleSettings) -> None:
        self.every = settings.every
        self._damping, self._reference = settings.damping, settings.reference

    def measure(self, snapshot: Snapshot) -> dict[str, Tensor]:
        trace = snapshot.clean_trace()
        downhill = _backpropagated(snapshot, trace)
        ours = _displacements(snapshot, downhill)
        newton = gnt_displacements(snapshot, trace, self._damping, self._reference)
        found = {}
        for node in newton:
            if node in ours:
                for name, theirs in (("bp", downhill[node]), ("gn", newton[node])):
                    found[f"{node}/{name}"], found[f"{node}/{name}_samples"] = mean_angle(ours[node], theirs)
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


def mean_angle(ours: Tensor, theirs: Tensor) -> tuple[Tensor, Tensor]:
    """The mean over samples of the angle between two tensors (batch, ...), in degrees, and of how many samples."""
    ours, theirs = ours.flatten(1), theirs.flatten(1)
    exist = ours.any(1) & theirs.any(1)
    angles = torch.func.vmap(angle)(ours, theirs)
    return torch.where(exist, angles, 0.0).sum() / exist.sum(), exist.sum()
