"""Maps and architectures that each break one rule, on purpose, and the unbroken ones that they come from."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from tpzoo import (
    Activity,
    At,
    DataSpec,
    Ends,
    FeedbackMap,
    Network,
    SplitBlock,
    StackedMap,
    activation,
    source_activation,
)
from tpzoo.zoo.feedback.linear import LinearMap
from tpzoo.zoo.feedback.plugin import LinearSettings


class Maps(FeedbackMap):
    """g(u) = tanh(Q u + b)."""

    def __init__(self, settings: object, ends: Ends) -> None:
        super().__init__()
        self.dense = nn.Linear(math.prod(ends.source_shape), math.prod(ends.target_shape))
        self.nonlinearity = activation("tanh")

    def forward(self, u: Tensor, at: At) -> Tensor:
        return self.nonlinearity(self.dense(u.flatten(1))).view(-1, *at.target.out.shape[1:])

    def difference(self, d: Tensor, at: At) -> Tensor:
        a = self.dense(source_activation(at).flatten(1))
        moved = nn.functional.linear(d.flatten(1), self.dense.weight)
        return self.nonlinearity.difference(a, moved).view(-1, *at.target.out.shape[1:])


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
    def __init__(self, settings: object, ends: Ends) -> None:
        super().__init__(settings, ends)
        self.block = ends.blocks[0]


class KeepsSomethingElsewhere(Maps):
    def __init__(self, settings: object, ends: Ends) -> None:
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


class DiffersTogether(Maps, StackedMap):
    def differences(self, d: Tensor, at: At) -> Tensor:
        return torch.stack([self.difference(each, at) for each in d.flip(0)])


class NamesAnotherMatrix(LinearMap):
    def __init__(self, settings: object, ends: Ends) -> None:
        super().__init__(LinearSettings(init="torch"), ends)

    def weight_matrix(self) -> tuple[str, Tensor]:
        return "matrix.weight", self.matrix.weight + 0


class HasAWrongTail(LinearMap):
    def __init__(self, settings: object, ends: Ends) -> None:
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
    DiffersTogether: {"differences_are_difference"},
    NamesAnotherMatrix: {"weight_matrix"},
}


class Plain(SplitBlock):
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

    def build(settings: object, spec: DataSpec) -> Network:
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


class DrawsFromNumpy(Plain):
    def run(self, x: Tensor) -> Activity:
        np.random.random()
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


class HasTwoMatrices(Plain):
    def __init__(self, size: int, last: int) -> None:
        super().__init__(size, last)
        self.second = nn.Linear(size, last)

    def run(self, x: Tensor) -> Activity:
        return self.activate(self.linear(x) + self.second(x))


BLOCKS: dict[type[Plain], set[str]] = {
    Plain: set(),
    UsesAFriend: {"blocks_keep_nothing"},
    MixesRows: {"row_independence"},
    DrawsFromNumpy: {"passes_change_nothing"},
    ActivatesOtherwise: {"pre_activation"},
    BlockReadsAValue: {"capturable"},
    KeepsAConstant: {"state_round_trip"},
    HasTwoMatrices: {"dense_blocks"},
    CountsItsPasses: {
        "passes_change_nothing",
        "blocks_compose",
        "blocks_keep_nothing",
        "batch_sizes",
        "row_independence",
        "state_round_trip",
    },
}
