"""Side data, names and shapes that twins rely on."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from tpzoo import Chain, LinearTwin, MaxPool, ModuleBlock, Side, TwinLayer, layer_shapes
from tpzoo.assembly.maker import TwinMaker
from tpzoo.plugin.discovery import load_catalogue

TWINS = TwinMaker(load_catalogue())


def twin_of(layer: nn.Module, shape: tuple[int, ...]) -> TwinLayer:
    return TWINS(layer, shape, layer_shapes([layer], shape)[1], None)


class Doubles(LinearTwin):
    """2 v + 1, with the difference that every twin gets."""

    def forward(self, v: Tensor, side: Side) -> Tensor:
        return 2 * v + 1


def test_a_linear_twin_needs_no_difference_of_its_own_and_takes_a_value_of_any_shape() -> None:
    d = torch.tensor([[1.0, -2.0]])
    assert torch.equal(Doubles().difference(torch.zeros(1, 7, 7), d, {}), 2 * d)


def test_a_module_in_two_places_of_a_row_is_inverted_twice() -> None:
    act = nn.Tanh()
    v = torch.tensor([[0.5, -1.0]])
    for row in (nn.Sequential(act, act), Chain({"one": act, "two": act})):
        assert torch.equal(twin_of(row, (2,))(v, {}), v.tanh().tanh())
    assert list(Chain({"one": act, "two": act}).layers) == ["one", "two"]


def test_weights_of_a_module_block_are_called_as_in_the_block() -> None:
    for module in (nn.Linear(3, 2), nn.Sequential(nn.Linear(3, 2), nn.Tanh())):
        block = ModuleBlock(module)
        theirs = {name for name, _ in block.named_parameters() if name.endswith("weight")}
        assert set(twin_of(block, (3,)).weights()) == theirs


def test_pools_inside_sequences_and_module_blocks_record_who_won() -> None:
    x = torch.randn(2, 1, 5, 5, generator=torch.Generator().manual_seed(0))
    indices = MaxPool(2).run(x).aux["indices"]
    nested = nn.Sequential(nn.Identity(), nn.Sequential(MaxPool(2)))
    for block, key in (
        (ModuleBlock(MaxPool(2)), "indices"),
        (ModuleBlock(nested), "1.0.indices"),
        (Chain({"row": nested}), "row.1.0.indices"),
    ):
        assert torch.equal(block.run(x).aux[key], indices)


def test_a_twin_leaves_the_value_of_an_activation_in_place_alone() -> None:
    v = torch.tensor([[0.5, -1.0]])
    for layer in (nn.SiLU(inplace=True), nn.LeakyReLU(inplace=True), nn.ELU(2.0, inplace=True)):
        twin_of(layer, (2,))(v, {})
        assert layer.inplace
    assert torch.equal(v, torch.tensor([[0.5, -1.0]]))


def test_shapes_after_a_norm_in_float64_that_has_buffers_only() -> None:
    assert layer_shapes([nn.BatchNorm1d(3, affine=False).double()], (3, 5)) == [(3, 5), (3, 5)]
