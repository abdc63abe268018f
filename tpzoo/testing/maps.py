"""Checks of map forms: on vectors and, where the form accepts them, on images."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass

import torch
from torch import Tensor

from tpzoo.assembly.maker import seeded
from tpzoo.assembly.method import Method
from tpzoo.engine import (
    At,
    Edge,
    Feedback,
    FeedbackMap,
    LinearTail,
    MatrixMap,
    Network,
    Trace,
    angle,
    differences,
    source_activation,
)
from tpzoo.errors import TpzooError
from tpzoo.plugin.records import Record
from tpzoo.testing.applies import if_provided
from tpzoo.testing.outcome import require
from tpzoo.testing.stage import Stage
from tpzoo.testing.toys import image_network, toy_batch
from tpzoo.testing.watching import (
    alike,
    copied,
    fake,
    fake_mode,
    global_generators_rest,
    nothing_changes,
    require_capturable,
    same,
)

DEGREES = 0.001


@dataclass
class Site:
    """One edge with the map form on it, and a clean pass."""

    edge: Edge
    feedback: Feedback
    network: Network
    trace: Trace

    @property
    def at(self) -> At:
        """Where the map is evaluated, with nothing remembered."""
        return self.feedback.at(self.edge, self.trace)

    def displacement(self, size: float, seed: int = 3) -> Tensor:
        """A displacement of the source, Gaussian."""
        like = source_activation(self.at)
        generator = torch.Generator().manual_seed(seed)
        return (size * torch.randn(like.shape, generator=generator, dtype=torch.float64)).to(like)


def networks(record: Record, stage: Stage, dtype: torch.dtype) -> Iterator[tuple[Method, Network]]:
    """On every built-in path the built-in architectures, and a toy network of images."""
    built_in = [entry.record for entry in stage.catalogue.entries("architecture") if entry.distribution == "tpzoo"]
    for method in stage.methods_by_path(record):
        for architecture in dict.fromkeys([method.architecture.record, *built_in]):
            yield method, stage.network(architecture, dtype)
        with seeded(0, "init/network"):
            images = image_network()
        yield method, images.to(device=stage.device, dtype=dtype)


def sites(record: Record, stage: Stage, dtype: torch.dtype = torch.float64, count: int = 6) -> Iterator[Site]:
    """Every edge of every path on every toy network that the form does not refuse; at least one.

    Raises:
        ConformanceError: it refuses everything.
    """
    found, refusal = 0, ""
    for method, network in networks(record, stage, dtype):
        try:
            feedback = stage.feedback(method.feedback.record, stage.choose(record), network)
        except TpzooError as error:
            refusal = str(error)
            continue
        trace = network.trace(toy_batch(network, count)[0])
        for edge in feedback.edges:
            found += 1
            yield Site(edge, feedback, network, trace)
    require(found, f"the map cannot be built on any toy network: {refusal}")


def shapes_and_dtypes(record: Record, stage: Stage) -> None:
    """``forward`` and ``difference`` are like the target's activation, for 1, 5 and 6 samples, in both precisions."""
    for dtype in (torch.float32, torch.float64):
        for count in (1, 5, 6):
            for site in sites(record, stage, dtype, count):
                u, expected = source_activation(site.at), site.trace[site.edge.target].out
                values = {
                    "forward": site.edge.map(u, site.at),
                    "difference": site.edge.map.difference(0.1 * u, site.at),
                }
                for name, value in values.items():
                    shapes = f"{tuple(value.shape)}, not {tuple(expected.shape)}"
                    require(value.shape == expected.shape, f"{name} on '{site.edge.name}' has the shape {shapes}")
                    require(value.dtype == dtype, f"{name} is {value.dtype} for inputs of {dtype}")


def difference_is_subtraction(record: Record, stage: Stage) -> None:
    """``difference(d)`` is g(u + d) - g(u), to 1e-10 in float64, for displacements of any usual size; 0 gives 0."""
    for site in sites(record, stage):
        g = site.edge.map
        for size in (0.01, 1.0):
            d = site.displacement(size)
            expected = FeedbackMap.difference(g, d, site.at)
            found = g.difference(d, site.at)
            require(alike(found, expected, 1e-10), f"difference on '{site.edge.name}' is not g(u + d) - g(u)")
        still = g.difference(torch.zeros_like(d), site.at)
        require((still == 0).all(), f"difference on '{site.edge.name}' of no displacement is not zero")


def float32_accuracy(record: Record, stage: Stage) -> None:
    """In float32 a displacement of 1e-7 comes out within 0.001 degrees of float64: nothing is cancelled."""
    for site in sites(record, stage, torch.float32, count=32):
        d = site.displacement(1e-7)
        found = site.edge.map.difference(d, site.at).detach()
        site.network.double()
        site.feedback.double()
        exact = site.network.trace(site.trace.input.double())
        # The same activations as before, so that only the difference itself is compared.
        at = site.feedback.at(site.edge, exact)
        at = _on_the_numbers_of(site.at, at)
        expected = FeedbackMap.difference(site.edge.map, d.double(), at).detach()
        if expected.norm() > 0:
            off = float(angle(found, expected))
            require(
                off < DEGREES,
                f"difference on '{site.edge.name}' is {off:.2g} degrees off in float32: it subtracts, or it rounds",
            )
        site.network.float()
        site.feedback.float()


def _on_the_numbers_of(single: At, double: At) -> At:
    """``double`` with the activation at the source that ``single`` has."""
    source = double.source
    if source is None or single.source is None:
        return double
    source.out = single.source.out.double()
    return At(source, double.target, double.label)


def parameters_are_its_own(record: Record, stage: Stage) -> None:
    """No weight of the map is one of the network's, or of another edge's."""
    owners: dict[int, str] = {}
    kept = list(sites(record, stage))  # so that no address is used twice
    for site in kept:
        theirs = {id(p) for p in site.network.parameters()}
        for name, p in site.edge.map.named_parameters():
            where = f"{site.edge.name}.{name}"
            require(id(p) not in theirs, f"{where} is a weight of the network")
            require(id(p) not in owners, f"{where} is also the weight {owners.get(id(p))}")
            owners[id(p)] = where


@if_provided("linear_tail")
def linear_tail(record: Record, stage: Stage) -> None:
    """``linear(features(u)) == forward(u)``, ``linear`` is linear up to a bias, ``linear_gradient`` is its gradient."""
    for site in sites(record, stage):
        g, at, u = site.edge.map, site.at, source_activation(site.at)
        if not isinstance(g, LinearTail):
            require(False, f"the record provides linear_tail, and the map on '{site.edge.name}' is no LinearTail")
            return
        v = g.features(u, at)
        require(not v.requires_grad, "features depend on a parameter")
        require(alike(g.linear(v, at), g(u, at), 1e-12), "linear(features(u)) is not forward(u)")
        zero = g.linear(torch.zeros_like(v), at)
        twice = g.linear(2 * v, at) - zero
        require(alike(twice, 2 * (g.linear(v, at) - zero), 1e-10), "linear is not linear up to a bias")
        cotangent = torch.linspace(-1, 1, math.prod(zero.shape), dtype=v.dtype, device=v.device).view_as(zero)
        found = g.linear_gradient(v, cotangent, at)
        expected = LinearTail.linear_gradient(g, v, cotangent, at)
        require(found.keys() == expected.keys(), f"linear_gradient gives {sorted(found)}, not {sorted(expected)}")
        for name, value in expected.items():
            require(alike(found[name], value, 1e-10), f"linear_gradient of {name} is not the gradient of linear")


@if_provided("linear_map")
def weight_matrix(record: Record, stage: Stage) -> None:
    """``weight_matrix`` names a parameter Q, and ``difference(d)`` is Q d on flattened samples."""
    for site in sites(record, stage):
        g, d = site.edge.map, site.displacement(1.0)
        if not isinstance(g, MatrixMap):
            require(False, f"the record provides linear_map, and the map on '{site.edge.name}' is no MatrixMap")
            return
        name, matrix = g.weight_matrix()
        require(dict(g.named_parameters()).get(name) is matrix, f"'{name}' is not the parameter that it is said to be")
        expected = (d.flatten(1) @ matrix.T).view_as(site.trace[site.edge.target].out)
        require(alike(g.difference(d, site.at), expected, 1e-10), f"difference on '{site.edge.name}' is not Q d")


def differences_are_difference(record: Record, stage: Stage) -> None:
    """``differences`` of displacements (k, batch, ...) is ``difference`` of each, to 1e-12."""
    for site in sites(record, stage):
        d = torch.stack([site.displacement(size, seed) for seed, size in enumerate((0.01, 1.0, 0.1))])
        found = differences(site.edge.map, d, site.at)
        expected = torch.stack([site.edge.map.difference(each, site.at) for each in d])
        like = found.shape == expected.shape and alike(found, expected, 1e-12)
        require(like, f"differences on '{site.edge.name}' are not those of one displacement after the other")


def state_round_trip(record: Record, stage: Stage) -> None:
    """Another map, built from another seed, does the same once it has the first one's state."""
    for method, network in networks(record, stage, torch.float64):
        try:
            one, two = (
                stage.feedback(method.feedback.record, stage.choose(record), network, seed=seed) for seed in (0, 1)
            )
        except TpzooError:
            continue
        two.load_state_dict(copied(one.state_dict()))
        trace = network.trace(toy_batch(network)[0])
        for edge, other in zip(one.edges, two.edges, strict=True):
            at, u = one.at(edge, trace), trace[edge.source].out
            require(same(edge.map(u, at), other.map(u, at)), f"'{edge.name}' keeps something outside its state dict")


def calls_change_nothing(record: Record, stage: Stage) -> None:
    """Evaluating a map moves no weight and no buffer, of its own or of the network, and draws nothing."""
    with global_generators_rest("the map"):
        for site in sites(record, stage):
            with nothing_changes("the map", site.network, site.feedback):
                site.edge.map(source_activation(site.at), site.at)
                site.edge.map.difference(site.displacement(0.1), site.at)


def capturable(record: Record, stage: Stage) -> None:
    """Neither ``forward`` nor ``difference`` reads a value of a tensor."""
    for site in sites(record, stage):
        mode = fake_mode()
        x = mode.from_tensor(site.trace.input)
        fake(mode, site.network, site.feedback)

        def call(site: Site = site, x: Tensor = x) -> None:
            at = site.feedback.at(site.edge, site.network.trace(x))
            u = source_activation(at)
            site.edge.map(u, at)
            site.edge.map.difference(u, at)

        require_capturable(f"the map on '{site.edge.name}'", mode, call)
        return  # one site: fake weights cannot be taken back


CHECKS = (
    shapes_and_dtypes,
    difference_is_subtraction,
    float32_accuracy,
    parameters_are_its_own,
    linear_tail,
    weight_matrix,
    differences_are_difference,
    state_round_trip,
    calls_change_nothing,
    capturable,
)
