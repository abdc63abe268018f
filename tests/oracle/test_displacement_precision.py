"""float32 displacements are as good as float64 ones, however small they are; subtracted float32 activations are not.

If it fails: in float32 targets near the activations would be rounding noise: deep networks with small steps would
seem not to learn, and the method would be blamed.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import pytest
import torch
from torch import Tensor

from tests.support.blocks import Layer, make_batch
from tests.support.parts import MAPS, make_feedback
from tpzoo import Edge, Feedback, Network, angle
from tpzoo.assembly.maker import seeded
from tpzoo.engine.activations import ACTIVATIONS

SCALES = [1.0, 1e-2, 1e-4]
# The published step gives displacements of about 1e-3 at the start (step size over batch size times an error of 1).
START = 1e-3


def rounding(layers: int, width: int) -> float:
    """The most that float32 may be off, relative to the norm, after some layers of ``width`` units.

    A sum of n products errs by at most n u times the sum of their sizes (Higham, 2002, section 3.1), u = 2^-24, and
    for random signs that sum is sqrt(n) times the norm of the result.
    """
    return layers * width**1.5 * 2.0**-24


def normal(seed: int, shape: tuple[int, ...], device: str) -> Tensor:
    """float32 numbers, so that their float64 copies are exactly the same numbers."""
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed)).to(device)


def at_an_edge(form: str, device: str) -> tuple[Feedback, Edge, Network]:
    """One edge that carries the map ``form`` from 20 units to 30, in float32."""
    with seeded(0, "test"):
        network = Network({"lower": Layer(10, 30), "upper": Layer(30, 20)}, (10,)).to(device)
    feedback = make_feedback(network, "layerwise", make_map=MAPS[form])
    return feedback, feedback.edges[0], network


def by_subtraction(form: str, d: Tensor, dtype: torch.dtype, device: str) -> Tensor:
    """g(u + d) - g(u), with the map, u and d of the float32 network in ``dtype``."""
    feedback, edge, network = at_an_edge(form, device)
    trace = network.trace(make_batch(network, 64, torch.float32)[0])
    at, u = feedback.at(edge, trace), trace["upper"].out.to(dtype)
    feedback.to(dtype)  # with what its maps share
    g = edge.map
    return (g(u + d.to(dtype), at) - g(u, at)).detach()


@pytest.mark.parametrize("scale", SCALES)
@pytest.mark.parametrize("form", MAPS)
def test_maps(form: str, scale: float, device: str) -> None:
    d = START * scale * normal(1, (64, 20), device)
    feedback, edge, network = at_an_edge(form, device)
    at = feedback.at(edge, network.trace(make_batch(network, 64, torch.float32)[0]))
    found = edge.map.difference(d, at).detach()
    assert found.dtype == torch.float32
    expected = by_subtraction(form, d, torch.float64, device)
    bound = rounding(len([p for p in edge.map.parameters() if p.dim() == 2]), 30)
    assert float(angle(found, expected)) < math.degrees(bound)
    assert abs(float(found.double().norm() / expected.norm()) - 1) < bound


@pytest.mark.parametrize("form", MAPS)
def test_subtracting_float32_activations_would_not_do(form: str, device: str) -> None:
    """So that the test above can fail: at the smallest scale the digits are gone."""
    d = START * 1e-4 * normal(1, (64, 20), device)
    exact, naive = (by_subtraction(form, d, dtype, device) for dtype in (torch.float64, torch.float32))
    assert float(angle(naive, exact)) > math.degrees(rounding(4, 30))  # no map has more layers


@pytest.mark.parametrize("path", ["layerwise/dense", "layerwise/elu", "layerwise/linear"])
@pytest.mark.parametrize("scale", SCALES)
def test_a_chain_of_maps_and_the_updates_that_it_ends_in(path: str, scale: float, device: str) -> None:
    """The whole engine in float32 against the whole engine in float64, same weights, same d at the output."""
    with seeded(0, "test"):
        blocks = {f"fc{i}": Layer(20, 20, "tanh") for i in range(5)}
    found = []
    for dtype in (torch.float32, torch.float64):
        network = Network(blocks, (20,)).to(device, torch.float32)
        feedback = make_feedback(network, path)
        network, feedback = network.to(dtype), feedback.to(dtype)
        trace = network.trace(make_batch(network, 64, torch.float32)[0].to(dtype))
        d = feedback.displacements(trace, (START * scale * normal(2, (64, 20), device)).to(dtype))
        gradients = trace.parameter_gradients({node: -value / 64 for node, value in d.items()})
        found.append({**d, **{name: value for name, value in gradients.items() if name.endswith("weight")}})
    for name, expected in found[1].items():
        assert float(angle(found[0][name], expected)) < math.degrees(rounding(5, 20)), name


@pytest.mark.parametrize("scale", SCALES)
@pytest.mark.parametrize("name", ACTIVATIONS)
def test_activations(name: str, scale: float, device: str) -> None:
    f = ACTIVATIONS[name]()
    a, d = normal(3, (4000,), device), START * scale * normal(4, (4000,), device)
    expected = f(a.double() + d.double()) - f(a.double())
    assert float(angle(f.difference(a, d), expected)) < math.degrees(16 * 2.0**-24)  # some ten operations


SATURATED = [(30.0, -30.0), (-30.0, 30.0), (30.0, -60.0), (-30.0, 60.0), (30.0, 30.0), (-30.0, -30.0), (0.0, 0.0)]
SATURATED += [(-30.0, 20.0), (1e-3, -2e-3), (-1e-3, 2e-3), (0.0, 1e-3), (0.0, -1e-3), (1e-3, -1e-3), (200.0, -400.0)]


@pytest.mark.parametrize("name", ACTIVATIONS)
def test_differences_at_saturation_and_across_the_kink(name: str, device: str) -> None:
    f = ACTIVATIONS[name]()
    a, d = torch.tensor(SATURATED, device=device).unbind(1)
    expected = f(a.double() + d.double()) - f(a.double())
    found = f.difference(a, d)
    assert torch.isfinite(found).all()
    torch.testing.assert_close(found.double(), expected, rtol=1e-6, atol=1e-6)


@pytest.mark.parametrize("name", ACTIVATIONS)
def test_gradients_through_differences_are_finite_and_right(name: str, device: str) -> None:
    """Learners differentiate differences; no branch that is not taken may put a NaN into them."""
    f = ACTIVATIONS[name]()
    a, d = torch.tensor([*SATURATED, (0.7, -0.2), (-0.7, 0.2), (-2.0, 1.5)], device=device).unbind(1)

    def gradient(call: Callable[[Tensor, Tensor], Tensor], dtype: torch.dtype) -> tuple[Tensor, ...]:
        leaves = [value.to(dtype).requires_grad_() for value in (a, d)]
        return torch.autograd.grad(call(*leaves).sum(), leaves, materialize_grads=True)

    found = gradient(f.difference, torch.float32)
    assert all(torch.isfinite(value).all() for value in found)
    smooth = (a != 0) & (a + d != 0)  # at a kink there is no gradient to compare with
    for ours, theirs in zip(found, gradient(lambda u, v: f(u + v) - f(u), torch.float64), strict=True):
        torch.testing.assert_close(ours[smooth].double(), theirs[smooth], rtol=1e-5, atol=1e-6)
