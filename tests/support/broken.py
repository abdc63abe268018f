"""Rules and learners that each break one rule, on purpose, and the unbroken ones that they come from."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import torch
from torch import Tensor

from tpzoo import (
    Batch,
    Context,
    Draw,
    Edge,
    Feedback,
    Learner,
    LossLearner,
    Noise,
    PerName,
    Rule,
    SingleStep,
    Trace,
    Update,
    local_gradients,
)
from tpzoo.zoo.learners.plugin import ReconstructionSettings
from tpzoo.zoo.learners.reconstruction import Reconstruction
from tpzoo.zoo.rules.dtp import DTP

Targets = dict[str, Tensor]


class WithTargets(DTP):
    """dtp whose targets go through ``change``."""

    def change(self, found: Targets, trace: Trace, feedback: Feedback) -> Targets:
        return found

    def displacements(self, trace: Trace, feedback: Feedback, batch: Batch, draw: Draw) -> Targets:
        return self.change(super().displacements(trace, feedback, batch, draw), trace, feedback)


class PlainUpdate(SingleStep):
    def gradients(self, trace: Trace, displacements: Mapping[str, Tensor]) -> Targets:
        return local_gradients(trace, displacements)


class Leaks(PlainUpdate):
    def gradients(self, trace: Trace, displacements: Mapping[str, Tensor]) -> Targets:
        own, top = super().gradients(trace, displacements), displacements.get(trace.last)
        if top is None:
            return own
        through = trace.network.loss_gradients(trace.input, lambda out: -top)[1]
        return {name: value + 0.1 * through[name] for name, value in own.items()}


class LeavesGradientsBehind(PlainUpdate):
    def gradients(self, trace: Trace, displacements: Mapping[str, Tensor]) -> Targets:
        p = next(trace.network.parameters())
        p.grad = torch.zeros_like(p)
        return {name: value for name, value in super().gradients(trace, displacements).items()}


class MovesWithoutADisplacement(PlainUpdate):
    def gradients(self, trace: Trace, displacements: Mapping[str, Tensor]) -> Targets:
        return {name: value + 0.01 for name, value in super().gradients(trace, displacements).items()}


class ForgetsBiases(PlainUpdate):
    def gradients(self, trace: Trace, displacements: Mapping[str, Tensor]) -> Targets:
        found = super().gradients(trace, displacements)
        return {name: value for name, value in found.items() if not name.endswith("bias")}


class DrawsNoise(PlainUpdate):
    def gradients(self, trace: Trace, displacements: Mapping[str, Tensor]) -> Targets:
        found = super().gradients(trace, displacements)
        return {name: value * (1 + 0.1 * torch.rand(())).to(value) for name, value in found.items()}


class LooksAtANumber(PlainUpdate):
    def gradients(self, trace: Trace, displacements: Mapping[str, Tensor]) -> Targets:
        found = super().gradients(trace, displacements)
        return {name: value * (1.0 if value.sum().item() > 1e9 else 2.0) for name, value in found.items()}


UPDATES: dict[type[Update], set[str]] = {
    PlainUpdate: set(),
    Leaks: {"locality"},
    LeavesGradientsBehind: {"leaves_no_gradients"},
    MovesWithoutADisplacement: {"null"},
    ForgetsBiases: {"shapes_and_dtypes"},
    DrawsNoise: {"deterministic"},
    LooksAtANumber: {"capturable"},
}
"""What each breaks, and the checks that must see it; no other may complain."""


class DrawsAndForgets(WithTargets):
    def change(self, found: Targets, trace: Trace, feedback: Feedback) -> Targets:
        torch.rand(1)
        return found


class DrawsAndUses(WithTargets):
    def change(self, found: Targets, trace: Trace, feedback: Feedback) -> Targets:
        return {node: d * (1 + 0.1 * torch.rand(())).to(d) for node, d in found.items()}


class ReadsAValue(WithTargets):
    def change(self, found: Targets, trace: Trace, feedback: Feedback) -> Targets:
        return {node: d * (1.0 if d.sum().item() > 1e9 else 2.0) for node, d in found.items()}


class Branches(WithTargets):
    def change(self, found: Targets, trace: Trace, feedback: Feedback) -> Targets:
        return {node: d if (d > 0).any() else 0.5 * d for node, d in found.items()}


class HasAShapeOfItsData(WithTargets):
    def change(self, found: Targets, trace: Trace, feedback: Feedback) -> Targets:
        d = found[trace.last]
        count = len(d[d > 0])
        return {**found, trace.last: d * (1 + 0 * count)}


class NeverStill(WithTargets):
    def change(self, found: Targets, trace: Trace, feedback: Feedback) -> Targets:
        return {node: d + 0.01 for node, d in found.items()}


class ForgetsABlock(WithTargets):
    def change(self, found: Targets, trace: Trace, feedback: Feedback) -> Targets:
        return {node: d for node, d in found.items() if node != next(iter(trace.passes))}


class MovesEverything(DTP):
    def train_step(self, context: Context) -> None:
        super().train_step(context)
        with torch.no_grad():
            for p in context.network.parameters():
                p.mul_(0.999)


class TracesTwice(WithTargets):
    def change(self, found: Targets, trace: Trace, feedback: Feedback) -> Targets:
        trace.network.trace(trace.input)
        return found


class LeavesGradients(WithTargets):
    def change(self, found: Targets, trace: Trace, feedback: Feedback) -> Targets:
        p = next(trace.network.parameters())
        p.grad = torch.zeros_like(p)
        return found


class RemembersInPython(WithTargets):
    steps = 0

    def change(self, found: Targets, trace: Trace, feedback: Feedback) -> Targets:
        self.steps += 1
        return {node: d / self.steps for node, d in found.items()}


class HasAPrecision(WithTargets):
    def change(self, found: Targets, trace: Trace, feedback: Feedback) -> Targets:
        return {node: d.double() for node, d in found.items()}


class NeedsTwoSamples(WithTargets):
    def change(self, found: Targets, trace: Trace, feedback: Feedback) -> Targets:
        return {node: d * (trace.batch_size / (trace.batch_size - 1)) for node, d in found.items()}


class MovesFeedback(WithTargets):
    def change(self, found: Targets, trace: Trace, feedback: Feedback) -> Targets:
        with torch.no_grad():
            for p in feedback.parameters():
                p.mul_(0.9)
        return found


RULES: dict[type[Rule], set[str]] = {
    DTP: set(),
    DrawsAndForgets: {"global_generator"},
    DrawsAndUses: {"global_generator"},
    ReadsAValue: {"capturable"},
    Branches: {"capturable"},
    HasAShapeOfItsData: {"capturable"},
    NeverStill: {"null"},
    ForgetsABlock: {"trains_everything"},
    MovesEverything: {"null", "frozen_stays"},
    TracesTwice: {"buffers_untouched"},
    LeavesGradients: {"targets_change_nothing"},
    RemembersInPython: {"stop_and_resume"},
    HasAPrecision: {"shapes_and_dtypes"},
    NeedsTwoSamples: {"batch_sizes"},
    MovesFeedback: {"targets_change_nothing"},
}
"""What each breaks, and the checks that must see it; no other may complain."""


class Reconstructs(Reconstruction):
    def __init__(self, settings: object = None) -> None:
        super().__init__(ReconstructionSettings(PerName(0.1)))


Found = list[dict[str, Tensor]]


class FastIsOther(Reconstructs):
    def gradients(
        self, edges: Sequence[Edge], trace: Trace, feedback: Feedback, noises: Sequence[Noise]
    ) -> list[dict[str, Tensor]]:
        found = super().gradients(edges, trace, feedback, noises)
        return [{name: 1.001 * value for name, value in each.items()} for each in found]


class MovesForwardWeights(Reconstructs):
    def gradients(self, edges: Sequence[Edge], trace: Trace, feedback: Feedback, noises: Sequence[Noise]) -> Found:
        found = super().gradients(edges, trace, feedback, noises)
        with torch.no_grad():  # the first block: no noise pass goes through it, so that only a look at it can tell
            for p in trace.network.block_of(trace.network.nodes[0]).parameters():
                p.mul_(0.999)
        return found


class MovesBuffers(Reconstructs):
    def gradients(self, edges: Sequence[Edge], trace: Trace, feedback: Feedback, noises: Sequence[Noise]) -> Found:
        trace.network.trace(trace.input)
        return super().gradients(edges, trace, feedback, noises)


class DrawsInTheLoss(Reconstructs):
    def loss(self, edge: Edge, trace: Trace, feedback: Feedback, noise: Noise) -> Tensor:
        torch.rand(1)
        return super().loss(edge, trace, feedback, noise)


class HasItsOwnGenerator(Reconstructs):
    def __init__(self, settings: object = None) -> None:
        super().__init__()
        self.generator = torch.Generator().manual_seed(0)

    def noise(self, edge: Edge, trace: Trace, draw: Draw) -> Noise:
        like = trace[edge.target].out
        return (0.1 * torch.randn(like.shape, generator=self.generator).to(like),)


class LearnsNothing(Reconstructs):
    def loss(self, edge: Edge, trace: Trace, feedback: Feedback, noise: Noise) -> Tensor:
        return 0 * super().loss(edge, trace, feedback, noise)

    gradients = LossLearner.gradients


class LossIsNoScalar(Reconstructs):
    def loss(self, edge: Edge, trace: Trace, feedback: Feedback, noise: Noise) -> Tensor:
        return super().loss(edge, trace, feedback, noise).view(1)


class LossReadsAValue(Reconstructs):
    def gradients(self, edges: Sequence[Edge], trace: Trace, feedback: Feedback, noises: Sequence[Noise]) -> Found:
        if trace.output.abs().max().item() > 1e9:
            return [{} for _ in edges]
        return super().gradients(edges, trace, feedback, noises)


class HasALossThatNobodyCalls(Learner):
    def loss(self, edge: Edge, trace: Trace, feedback: Feedback, noise: Noise) -> Tensor:
        return trace.output.sum()


class SolvesWithoutSayingSo(Reconstructs):
    def solve(self, edge: Edge, statistics: Mapping[str, Tensor]) -> dict[str, Tensor]:
        return {}


LEARNERS: dict[type[Learner], set[str]] = {
    Reconstructs: set(),
    FastIsOther: {"fast_equals_plain"},
    MovesForwardWeights: {"forward_weights_untouched", "buffers_untouched", "capturable"},
    MovesBuffers: {"buffers_untouched"},
    DrawsInTheLoss: {"global_generator"},
    HasItsOwnGenerator: {"noise_is_all_that_is_random"},
    LearnsNothing: {"trains"},
    LossIsNoScalar: {"shapes_and_dtypes", "fast_equals_plain"},
    LossReadsAValue: {"capturable"},
    HasALossThatNobodyCalls: {"methods_are_called"},
    SolvesWithoutSayingSo: {"methods_are_called"},
}
