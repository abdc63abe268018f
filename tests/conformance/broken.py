"""Entries of the zoo that each break one rule, on purpose, and the unbroken ones that they come from."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import Tensor, nn

from tpzoo import (
    Activity,
    At,
    Batch,
    Block,
    Context,
    DataSpec,
    Draw,
    Edge,
    Ends,
    Feedback,
    Learner,
    Network,
    Noise,
    PerName,
    Rule,
    Trace,
)
from tpzoo.zoo.feedback.cards import DenseSettings, LinearSettings
from tpzoo.zoo.feedback.dense import DenseMap
from tpzoo.zoo.feedback.linear import LinearMap
from tpzoo.zoo.learners.cards import ReconstructionSettings
from tpzoo.zoo.learners.reconstruction import Reconstruction
from tpzoo.zoo.rules.dtp import DTP

Targets = dict[str, Tensor]


class WithTargets(DTP):
    """dtp whose targets go through ``change``."""

    def change(self, found: Targets, trace: Trace, feedback: Feedback) -> Targets:
        return found

    def displacements(self, trace: Trace, feedback: Feedback, batch: Batch, draw: Draw) -> Targets:
        return self.change(super().displacements(trace, feedback, batch, draw), trace, feedback)


class Leaks(DTP):
    def gradients(self, trace: Trace, displacements: Mapping[str, Tensor]) -> Targets:
        own, top = super().gradients(trace, displacements), displacements.get(trace.last)
        if top is None:
            return own
        through = trace.network.loss_gradients(trace.input, lambda out: -top)[1]
        return {name: value + 0.1 * through[name] for name, value in own.items()}


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
    Leaks: {"locality"},
    DrawsAndForgets: {"global_generator"},
    DrawsAndUses: {"global_generator", "same_seed", "stop_and_resume"},
    ReadsAValue: {"capturable"},
    Branches: {"capturable"},
    HasAShapeOfItsData: {"capturable"},
    NeverStill: {"null"},
    ForgetsABlock: {"trains_everything"},
    MovesEverything: {"null", "frozen_stays"},
    TracesTwice: {"buffers_untouched"},
    LeavesGradients: {"locality", "targets_change_nothing"},
    RemembersInPython: {"stop_and_resume"},
    HasAPrecision: {"shapes_and_dtypes"},
    NeedsTwoSamples: {"batch_sizes"},
    MovesFeedback: {"targets_change_nothing"},
}
"""What each breaks, and the checks that must see it; no other may complain."""


class Reconstructs(Reconstruction):
    def __init__(self, settings: None = None) -> None:
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
    def __init__(self, settings: None = None) -> None:
        super().__init__()
        self.generator = torch.Generator().manual_seed(0)

    def noise(self, edge: Edge, trace: Trace, draw: Draw) -> Noise:
        like = trace[edge.target].out
        return (0.1 * torch.randn(like.shape, generator=self.generator).to(like),)


class LearnsNothing(Reconstructs):
    def loss(self, edge: Edge, trace: Trace, feedback: Feedback, noise: Noise) -> Tensor:
        return 0 * super().loss(edge, trace, feedback, noise)

    gradients = Learner.gradients


class LossIsNoScalar(Reconstructs):
    def loss(self, edge: Edge, trace: Trace, feedback: Feedback, noise: Noise) -> Tensor:
        return super().loss(edge, trace, feedback, noise).view(1)


class LossReadsAValue(Reconstructs):
    def gradients(self, edges: Sequence[Edge], trace: Trace, feedback: Feedback, noises: Sequence[Noise]) -> Found:
        if trace.output.abs().max().item() > 1e9:
            return [{} for _ in edges]
        return super().gradients(edges, trace, feedback, noises)


LEARNERS: dict[type[Learner], set[str]] = {
    Reconstructs: set(),
    FastIsOther: {"fast_equals_plain"},
    MovesForwardWeights: {"forward_weights_untouched", "buffers_untouched"},
    MovesBuffers: {"buffers_untouched"},
    DrawsInTheLoss: {"global_generator"},
    HasItsOwnGenerator: {"noise_is_all_that_is_random"},
    LearnsNothing: {"trains"},
    LossIsNoScalar: {"shapes_and_dtypes"},
    LossReadsAValue: {"capturable"},
}


class Maps(DenseMap):
    def __init__(self, settings: None, ends: Ends) -> None:
        super().__init__(DenseSettings(init="torch"), ends)


class HasTheWrongShape(Maps):
    def forward(self, u: Tensor, at: At) -> Tensor:
        return super().forward(u, at).flatten(1)

    def difference(self, d: Tensor, at: At) -> Tensor:
        return super().difference(d, at).flatten(1)


class DifferenceIsOther(Maps):
    def difference(self, d: Tensor, at: At) -> Tensor:
        return 1.001 * super().difference(d, at)


class Subtracts(Maps):
    def difference(self, d: Tensor, at: At) -> Tensor:
        assert at.source is not None
        return self(at.source.out + d, at) - self(at.source.out, at)


class SharesTheNetworksWeights(Maps):
    def __init__(self, settings: None, ends: Ends) -> None:
        super().__init__(settings, ends)
        self.block = ends.blocks[0]


class KeepsSomethingElsewhere(Maps):
    def __init__(self, settings: None, ends: Ends) -> None:
        super().__init__(settings, ends)
        self.factor = [float(torch.rand(()))]

    def forward(self, u: Tensor, at: At) -> Tensor:
        return self.factor[0] * super().forward(u, at)

    def difference(self, d: Tensor, at: At) -> Tensor:
        return self.factor[0] * super().difference(d, at)


class DrawsInTheMap(Maps):
    def difference(self, d: Tensor, at: At) -> Tensor:
        torch.rand(1)
        return super().difference(d, at)


class MapReadsAValue(Maps):
    def difference(self, d: Tensor, at: At) -> Tensor:
        return super().difference(d, at) if d.abs().max() < 1e9 else d


class HasAWrongTail(LinearMap):
    def __init__(self, settings: None, ends: Ends) -> None:
        super().__init__(LinearSettings(init="torch"), ends)

    def linear_gradient(self, v: Tensor, cotangent: Tensor, at: At) -> dict[str, Tensor]:
        return {name: -value for name, value in super().linear_gradient(v, cotangent, at).items()}


MAPS: dict[type, set[str]] = {
    Maps: set(),
    HasTheWrongShape: {"shapes_and_dtypes"},
    DifferenceIsOther: {"difference_is_subtraction"},
    Subtracts: {"float32_accuracy"},
    SharesTheNetworksWeights: {"parameters_are_its_own"},
    KeepsSomethingElsewhere: {"state_round_trip"},
    DrawsInTheMap: {"calls_change_nothing"},
    MapReadsAValue: {"capturable"},
    HasAWrongTail: {"linear_tail"},
}


class Plain(Block):
    """tanh of a linear layer."""

    def __init__(self, size: int, last: int) -> None:
        super().__init__()
        self.linear = nn.Linear(size, last)
        self.friends: list[Plain] = []

    def run(self, x: Tensor) -> Activity:
        return self.activate(self.linear(x.flatten(1)))

    def activate(self, pre: Tensor) -> Activity:
        return Activity(pre.tanh(), pre)


def network_of(block: type[Plain]) -> Any:
    """A builder of three such blocks."""

    def build(settings: None, spec: DataSpec) -> Network:
        size = spec.input_shape[0]
        blocks = {f"b{i}": block(size, size if i < 3 else spec.output_size) for i in (1, 2, 3)}
        for one in blocks.values():
            one.friends.extend(blocks.values())
        return Network(blocks, spec.input_shape)

    return build


class UsesAFriend(Plain):
    def run(self, x: Tensor) -> Activity:
        return self.activate(self.linear(x) + 0.1 * self.friends[0].linear.bias[0].detach())


class MixesRows(Plain):
    def run(self, x: Tensor) -> Activity:
        return self.activate(self.linear(x) if not self.training else self.linear(x - 0.1 * x.mean(0)))


class DrawsInAPass(Plain):
    def run(self, x: Tensor) -> Activity:
        torch.rand(1)
        return super().run(x)


class ActivatesOtherwise(Plain):
    def run(self, x: Tensor) -> Activity:
        return Activity((0.5 * self.linear(x)).tanh(), self.linear(x))


class BlockReadsAValue(Plain):
    def run(self, x: Tensor) -> Activity:
        return super().run(x if float(x.detach().abs().max()) < 1e9 else 0 * x)


class KeepsAConstant(Plain):
    def __init__(self, size: int, last: int) -> None:
        super().__init__(size, last)
        self.shift = [float(torch.rand(()))]

    def run(self, x: Tensor) -> Activity:
        return self.activate(self.linear(x) + self.shift[0])


class CountsItsPasses(Plain):
    passes = 0

    def run(self, x: Tensor) -> Activity:
        self.passes += 1
        return self.activate(self.linear(x) + 0.1 * self.passes)


BLOCKS: dict[type[Plain], set[str]] = {
    Plain: set(),
    UsesAFriend: {"blocks_keep_nothing"},
    MixesRows: {"row_independence"},
    DrawsInAPass: {"passes_change_nothing"},
    ActivatesOtherwise: {"pre_activation"},
    BlockReadsAValue: {"capturable"},
    KeepsAConstant: {"state_round_trip"},
    CountsItsPasses: {"blocks_compose", "blocks_keep_nothing", "batch_sizes", "row_independence", "state_round_trip"},
}
