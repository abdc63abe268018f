"""How far feedback weights V are from the forward weights W that they mirror (Ernoult et al. 2022, figure 4.2).

angle = arccos(<W, V> / |W| |V|) over whole tensors, and distance = |W - V| / |W|. It is an angle of weights, not of
Jacobians: see ``jacobian_alignment`` for those.
"""

from __future__ import annotations

from typing import final

from torch import Tensor

from tpzoo import Probe, ProbeSettings, Snapshot, angle


@final
class WeightAlignment(Probe):
    """``edge/angle`` and ``edge/distance``; for blocks of several layers ``edge.layer/angle`` of each."""

    def __init__(self, settings: ProbeSettings) -> None:
        self.every = settings.every

    def measure(self, snapshot: Snapshot) -> dict[str, Tensor]:
        trace, found = snapshot.clean_trace(), {}
        for edge in snapshot.feedback.edges:
            mirrored = edge.map.mirrored()
            block = snapshot.network.get_submodule(f"blocks.{trace[edge.source].block}")
            weights = dict(block.named_parameters(remove_duplicate=False))
            for name, backward in mirrored.items():
                label = edge.name if len(mirrored) == 1 else f"{edge.name}.{name.removesuffix('.weight')}"
                forward = weights[name].detach()
                found[f"{label}/angle"] = angle(forward, backward)
                found[f"{label}/distance"] = (forward - backward.detach()).norm() / forward.norm()
        return found
