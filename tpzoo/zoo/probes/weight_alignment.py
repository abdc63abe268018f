"""How far feedback weights V are from the forward weights W that they mirror (Ernoult et al. 2022, figure 4.2).

angle = arccos(<W, V> / |W| |V|) over whole tensors, V in the layout of W, and distance = |W - V| / |W|. It is an angle
of weights, not of Jacobians: see ``jacobian_alignment`` for those.
"""

from __future__ import annotations

from typing import final

from torch import Tensor

from tpzoo import Probe, ProbeSettings, Snapshot, angle


@final
class WeightAlignment(Probe):
    """``block/angle`` in degrees and ``block/distance``; ``block.layer/angle`` if a block has several layers.

    Averages: none; no batch enters.
    Blocks: those that an edge's map mirrors (a direct edge over several blocks mirrors none), by the block that is
    inverted; of a block of an unrolled recurrence, which has several maps, by the node.
    Weights: whole tensors of forward and feedback weights, biases not.
    Zeros: NaN where a tensor is zero.
    """

    def __init__(self, settings: ProbeSettings) -> None:
        self.every = settings.every

    def measure(self, snapshot: Snapshot) -> dict[str, Tensor]:
        trace, found = snapshot.clean_trace(), {}
        for edge in snapshot.feedback.edges:
            if not (mirrored := edge.map.mirrored()):
                continue
            inverted = trace[edge.source]
            weights = dict(snapshot.network.blocks[inverted.block].named_parameters(remove_duplicate=False))
            for name, backward in mirrored.items():
                label = inverted.name if len(mirrored) == 1 else f"{inverted.name}.{name.removesuffix('.weight')}"
                forward = weights[name].detach()
                found[f"{label}/angle"] = angle(forward, backward)
                found[f"{label}/distance"] = (forward - backward.detach()).norm() / forward.norm()
        return found
