"""Map mirror: shapes on the way down, exact linear parts, and a clear word where there is no twin."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from families import MODELS, SIZE, make

from tpzoo import Feedback, TwinEnds
from tpzoo.assembly.method import Chosen, nested
from tpzoo.assembly.parts import build_feedback
from tpzoo.config.single import settings_from
from tpzoo.plugin.discovery import load_catalogue
from tpzoo_timm.parts import Permute, PermuteTwin, Scale, ScaleTwin

CATALOGUE = load_catalogue(["tpzoo_timm.plugin"])
SOME = ("resnet", "convnext", "vit", "regnet_se", "mixer")
"""What differs between families shows in these; that every family is mirrored is asked of all."""


def layerwise(network: Any, **chosen: Any) -> Feedback:
    record = CATALOGUE.find("feedback", "layerwise").record
    path = Chosen(record, settings_from(record, {"map": chosen}, CATALOGUE))
    return build_feedback(path, nested(path, "map", CATALOGUE), network, CATALOGUE)


@pytest.mark.parametrize("family", MODELS)
@torch.no_grad()
def test_displacements_reach_every_block(family: str) -> None:
    network = make(family, "block")
    trace = network.trace(torch.randn(2, 3, SIZE, SIZE), graph=False)
    found = layerwise(network, name="mirror").displacements(trace, torch.randn(2, 10))
    assert {name: value.shape for name, value in found.items()} == {
        name: made.out.shape for name, made in trace.passes.items()
    }
    assert all(bool(value.isfinite().all()) for value in found.values())


@pytest.mark.parametrize("family", SOME)
@torch.no_grad()
def test_differences_are_differences(family: str) -> None:
    network = make(family, "block").double().eval()
    feedback = layerwise(network, name="mirror").double().eval()
    trace = network.trace(torch.randn(2, 3, SIZE, SIZE, dtype=torch.float64), graph=False)
    for edge in feedback.edges:
        at, u = feedback.at(edge, trace), trace[edge.source].out
        d = 0.1 * torch.randn_like(u)
        expected = edge.map(u + d, at) - edge.map(u, at)
        torch.testing.assert_close(edge.map.difference(d, at), expected, rtol=1e-8, atol=1e-10)


@pytest.mark.parametrize("family", SOME)
def test_no_weights_are_shared_with_the_network(family: str) -> None:
    network = make(family, "stage")
    taken = {p.data_ptr() for p in network.parameters()}
    assert not taken & {p.data_ptr() for p in layerwise(network, name="mirror").parameters()}


@pytest.mark.parametrize("credit", ["stage", "block"])
@pytest.mark.parametrize("family", SOME)
def test_mirrored_weights_have_the_names_and_shapes_of_the_network(family: str, credit: str) -> None:
    network = make(family, credit)
    for edge in layerwise(network, name="mirror").edges:
        theirs = {name: p.shape for name, p in network.blocks[edge.source].named_parameters()}
        own = {name: value.shape for name, value in edge.map.mirrored().items()}
        assert own
        assert own.items() <= theirs.items()


@torch.no_grad()
def test_map_dense_works_on_any_block() -> None:
    network = make("vit", "block")
    trace = network.trace(torch.randn(2, 3, SIZE, SIZE), graph=False)
    assert len(layerwise(network, name="dense").displacements(trace, torch.randn(2, 10))) == len(network.nodes)


def ends(shape_in: tuple[int, ...], shape_out: tuple[int, ...]) -> TwinEnds:
    return TwinEnds(shape_in, shape_out, lambda *arguments: None)  # type: ignore[arg-type,return-value]


def test_a_permutation_is_undone() -> None:
    layer, x = Permute(0, 2, 3, 1), torch.randn(2, 3, 4, 5)
    assert torch.equal(PermuteTwin(layer, ends((3, 4, 5), (4, 5, 3)))(layer(x), {}), x)


@pytest.mark.parametrize("axis", [-1, -3])
def test_a_scale_is_its_own_adjoint_with_the_gradient_of_autograd(axis: int) -> None:
    layer = Scale(torch.tensor([1.0, 2.0, 3.0]), axis)
    twin = ScaleTwin(layer, ends((3, 3, 3), (3, 3, 3)))
    v, cotangent = torch.randn(2, 3, 3, 3), torch.randn(2, 3, 3, 3)
    torch.testing.assert_close((twin(v, {}) * cotangent).sum(), (v * layer(cotangent)).sum())
    (expected,) = torch.autograd.grad((twin(v, {}) * cotangent).sum(), [twin.scale.weight])
    torch.testing.assert_close(twin.gradient(v, cotangent, {})["scale.weight"], expected)
