"""Checks of twins: on every layer that the record's ``examples`` makes, with every option of map ``mirror``."""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from tpzoo.assembly.maker import seeded
from tpzoo.engine import (
    KeepsZero,
    LinearTwin,
    Reshapes,
    Scatters,
    Side,
    TwinLayer,
    WeightedLinearTwin,
    inner,
    layer_shapes,
    run_layer,
)
from tpzoo.plugin.records import Record, Twin, imported
from tpzoo.testing.outcome import require, skip
from tpzoo.testing.partners import settings_of
from tpzoo.testing.stage import Stage
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

OPTIONS: tuple[dict[str, str], ...] = ({}, {"init": "symmetric"}, {"unpool": "adjoint"})
"""Settings of map ``mirror``, which the builder of a twin sees as ``ends.options``."""


@dataclass
class Inverted:
    """One layer of the examples, and its twin."""

    name: str
    options: dict[str, str]
    layer: nn.Module
    twin: TwinLayer
    shape_in: tuple[int, ...]
    shape_out: tuple[int, ...]
    dtype: torch.dtype
    device: str

    def gaussian(self, shape: tuple[int, ...], count: int = 5, seed: int = 2) -> Tensor:
        """Samples of a shape."""
        generator = torch.Generator().manual_seed(seed)
        return torch.randn(count, *shape, generator=generator, dtype=torch.float64).to(self.device, self.dtype)

    def value(self, seed: int = 3) -> Tensor:
        """Values in the output space of the layer, a fresh tensor at every call."""
        return self.gaussian(self.shape_out, seed=seed)

    def side(self, count: int = 5) -> Side:
        """The side data that the layer records in a pass."""
        return self.run(count)[1]

    def run(self, count: int = 5) -> tuple[Tensor, Side]:
        """A pass through the layer as a block makes it: its output, and its side data."""
        aux: dict[str, Tensor] = {}
        with torch.no_grad():
            x = self.gaussian(self.shape_in, count)
            out = run_layer("layer", self.layer, x, aux)
            held = self._held(x) if self.twin.holds else {}
        return out, {**inner(aux, "layer"), **held}

    def _held(self, x: Tensor) -> dict[str, Any]:
        """What the twin holds fixed; no buffer of the layer moves."""
        kept = [(buffer, buffer.clone()) for buffer in self.layer.buffers()]
        found = self.twin.hold(x)
        for buffer, value in kept:
            buffer.copy_(value)
        return found

    def counts(self) -> tuple[int, ...]:
        """Numbers of samples; a single one only where the layer itself takes it."""
        try:
            self.run(1)
        except ValueError:  # a batch norm has no statistics of one value
            return (2, 5)
        return (1, 2, 5)


def inverted(record: Record, stage: Stage, dtype: torch.dtype = torch.float64, seed: int = 1) -> Iterator[Inverted]:
    """Every example with its twin, for every option. Skips without examples."""
    assert isinstance(record, Twin)
    if record.examples is None:
        skip("the record has no examples")
    mirror = stage.find("map", "mirror")
    for options in OPTIONS:
        settings = settings_of(mirror, options, stage.catalogue)
        with seeded(0, "init/feedback"):
            layers = record.example_layers()
        require(layers, "examples makes no layer")
        for layer, shape_in in layers:
            layer = copy.deepcopy(layer).to(device=stage.device, dtype=dtype)  # examples may keep theirs
            shape_out = layer_shapes([layer], shape_in)[1]
            with seeded(seed, "init/feedback"):
                twin = stage.twins.by(record, layer, tuple(shape_in), shape_out, settings)
            chosen = "".join(f", {key}: {value}" for key, value in options.items())
            name = f"the twin of {' '.join(str(layer).split())} on {tuple(shape_in)}{chosen}:"
            twin.to(device=stage.device, dtype=dtype)
            yield Inverted(name, options, layer, twin, tuple(shape_in), shape_out, dtype, stage.device)


def chosen(record: Record, stage: Stage, which: Callable[[TwinLayer], object], what: str) -> Iterator[Inverted]:
    """The examples whose twins fulfil a condition. Skips where there is none."""
    found = False
    for each in inverted(record, stage):
        if which(each.twin):
            found = True
            yield each
    if not found:
        skip(f"no twin of the examples {what}")


def twin_fits(record: Record, stage: Stage) -> None:
    """Examples are of the record's type; ``forward`` and ``difference`` fit the layer's input, in two precisions."""
    assert isinstance(record, Twin)
    for dtype in (torch.float32, torch.float64):
        for each in inverted(record, stage, dtype):
            right = isinstance(each.layer, imported(record.module))
            require(right, f"the example {type(each.layer).__name__} is no {record.module}")
            for count in each.counts():
                out, side = each.run(count)
                found = {"forward": each.twin(out, side), "difference": each.twin.difference(out, 0.1 * out, side)}
                for name, value in found.items():
                    expected = (count, *each.shape_in)
                    shapes = f"{tuple(value.shape)}, not {expected}"
                    require(value.shape == expected, f"{each.name} {name} has the shape {shapes}")
                    require(value.dtype == dtype, f"{each.name} {name} is {value.dtype} for inputs of {dtype}")


def difference_is_exact(record: Record, stage: Stage) -> None:
    """``difference(v, d)`` is forward(v + d) - forward(v), to 1e-10 in float64, for any usual size; 0 gives 0."""
    for each in inverted(record, stage):
        side, twin = each.side(), each.twin
        for size in (0.01, 1.0):
            d = size * each.value(4)
            expected = twin(each.value() + d, side) - twin(each.value(), side)
            found = twin.difference(each.value(), d.clone(), side)
            require(alike(found, expected, 1e-10), f"{each.name} difference is not forward(v + d) - forward(v)")
        still = twin.difference(each.value(), torch.zeros_like(d), side)
        require((still == 0).all(), f"{each.name} the difference of no displacement is not zero")


def linear_means_linear(record: Record, stage: Stage) -> None:
    """Where a twin is a ``LinearTwin``, its difference is additive and homogeneous, and does not look at the value."""
    for each in chosen(record, stage, lambda twin: isinstance(twin, LinearTwin), "is a LinearTwin"):
        side, twin, a, b = each.side(), each.twin, each.value(4), each.value(5)
        displacements = (a, b, a + b, -2.5 * a)
        first, second, both, scaled = (twin.difference(each.value(), d.clone(), side) for d in displacements)
        require(alike(both, first + second, 1e-10), f"{each.name} difference is not additive, though it is linear")
        require(alike(scaled, -2.5 * first, 1e-10), f"{each.name} difference is not homogeneous, though it is linear")
        elsewhere = (each.value(6), each.gaussian((11, 1, 13), seed=6))  # a chain may pass a value of another shape
        require(all(_ignores(each, v, a, first) for v in elsewhere), f"{each.name} linear, and difference looks at v")


def _ignores(each: Inverted, v: Tensor, d: Tensor, expected: Tensor) -> bool:
    try:
        return same(each.twin.difference(v, d.clone(), each.side()), expected)
    except (RuntimeError, IndexError):  # the shape did not fit
        return False


def owns_its_weights(record: Record, stage: Stage) -> None:
    """No weight and no buffer of the twin lies in the memory of one of the layer's."""
    for each in inverted(record, stage):
        theirs = {_memory(value) for value in _tensors(each.layer).values()}
        shared = [name for name, value in _tensors(each.twin).items() if _memory(value) in theirs]
        require(not shared, f"{each.name} {', '.join(shared)} is the layer's own: a feedback step would move it")


def _tensors(module: nn.Module) -> dict[str, Tensor]:
    found = [*module.named_parameters(), *module.named_buffers()]
    return {name: value for name, value in found if value.numel()}


def _memory(value: Tensor) -> int:
    return value.untyped_storage().data_ptr()


def gradient_is_autograd(record: Record, stage: Stage) -> None:
    """Where a twin is linear and has weights, ``gradient`` is that of <forward(v), cotangent>, for every weight."""
    weighted = lambda twin: isinstance(twin, WeightedLinearTwin)  # noqa: E731
    for each in chosen(record, stage, weighted, "is a WeightedLinearTwin"):
        side, twin = each.side(), each.twin
        assert isinstance(twin, WeightedLinearTwin)
        weights = dict(twin.named_parameters())
        out = twin(each.value(), side)
        cotangent = torch.linspace(-1, 1, out.numel(), dtype=out.dtype, device=out.device).view_as(out)
        expected = torch.autograd.grad((out * cotangent).sum(), list(weights.values()))
        found = twin.gradient(each.value(), cotangent, side)
        require(found.keys() == weights.keys(), f"{each.name} gradient gives {sorted(found)}, not {sorted(weights)}")
        for (name, value), reference in zip(weights.items(), expected, strict=True):
            fits = found[name].shape == value.shape and alike(found[name], reference, 1e-10)
            require(fits, f"{each.name} gradient of {name} is not that of <forward(v), cotangent>")


def mirrored_layout(record: Record, stage: Stage) -> None:
    """``mirrored`` gives the twin's weights by the layer's names and shapes; with ``init: symmetric``, copies."""
    for each in inverted(record, stage):
        theirs = dict(each.layer.named_parameters(remove_duplicate=False))
        own = {_memory(p) for p in each.twin.parameters()}
        for name, value in each.twin.weights().items():
            require(name in theirs, f"{each.name} mirrored names '{name}'; the layer has {', '.join(theirs) or 'none'}")
            shapes = f"{tuple(value.shape)}, not {tuple(theirs[name].shape)}"
            require(value.shape == theirs[name].shape, f"{each.name} mirrored '{name}' has the shape {shapes}")
            require(_memory(value) in own, f"{each.name} mirrored '{name}' is no weight of the twin")
            if each.options.get("init") == "symmetric":
                require(same(value, theirs[name]), f"{each.name} '{name}' is no copy of the layer's")


def types_hold(record: Record, stage: Stage) -> None:
    """What a twin says of itself by its types ``Reshapes``, ``Scatters`` and ``KeepsZero`` is so."""
    flagged = lambda twin: isinstance(twin, Reshapes | Scatters | KeepsZero)  # noqa: E731
    for each in chosen(record, stage, flagged, "reshapes, scatters or keeps zeros"):
        if isinstance(each.twin, Reshapes):
            out = each.twin(each.value(), each.side())
            require(same(out, each.value().reshape(out.shape)), f"{each.name} reshapes, and values move or change")
        if isinstance(each.twin, Scatters):
            _scatters(each)
        if isinstance(each.twin, KeepsZero):
            _keeps_zero(each)


def _scatters(each: Inverted) -> None:
    """Every value is in one cell or in none, zeros are in the others, and where does not depend on the values."""
    v, side = each.value(), each.side()
    out = each.twin(v, side)
    for values, cells in zip(v, out, strict=True):
        filled = cells[cells != 0]
        once = len(set(filled.tolist())) == filled.numel() and torch.isin(filled, values).all()
        require(once, f"{each.name} scatters, and a cell holds no value, or two cells the same")
    moved = alike(each.twin(v.tanh(), side), out.tanh(), 1e-14)
    require(moved, f"{each.name} scatters, and does not commute with an activation")


def _keeps_zero(each: Inverted) -> None:
    """On values that were scattered among zeros it does what it does before that, and zeros stay."""
    side, v, d = each.side(), each.value(), each.value(4)
    calls: dict[str, Callable[[Tensor, Tensor], Tensor]] = {
        "forward": lambda v, d: each.twin(v, side),
        "difference": lambda v, d: each.twin.difference(v, d, side),
    }
    for name, call in calls.items():
        before, after = _among_zeros(call(v, d)), call(_among_zeros(v), _among_zeros(d))
        fits = before.shape == after.shape and alike(after, before, 1e-14) and (after[before == 0] == 0).all()
        require(fits, f"{each.name} keeps_zero, and {name} does not commute with scattering")


def _among_zeros(v: Tensor) -> Tensor:
    """Every value in another cell, with zeros between; in vectors, whose cells are features, every second one is 0."""
    if v.dim() < 4:
        return v * (torch.arange(v.shape[-1], device=v.device) % 2)
    wide = v.new_zeros(*v.shape[:-1], 2 * v.shape[-1] + 1)
    wide[..., 1::2] = v.flip(-1)
    return wide


def state_round_trip(record: Record, stage: Stage) -> None:
    """Another twin, built from another seed, does the same once it has the first one's state."""
    for one, two in zip(inverted(record, stage, seed=1), inverted(record, stage, seed=2), strict=True):
        two.twin.load_state_dict(copied(one.twin.state_dict()))
        found, expected = (each.twin(one.value(), one.side()) for each in (two, one))
        require(same(found, expected), f"{one.name} keeps something outside its state dict")


def calls_change_nothing(record: Record, stage: Stage) -> None:
    """A call moves no weight, no buffer, no value that it is given and nothing of the layer, and draws nothing."""
    for each in inverted(record, stage):
        side, v, d = each.side(), each.value(), each.value(4)
        with global_generators_rest("the twin"), nothing_changes(each.name, each.twin, each.layer):
            each.twin(v, side)
            each.twin.difference(v, d, side)
        fits = same(v, each.value()) and same(d, each.value(4))
        require(fits, f"{each.name} it changes what it is given: work out of place")


def capturable(record: Record, stage: Stage) -> None:
    """Neither ``forward`` nor ``difference`` reads a value of a tensor."""
    for each in inverted(record, stage):
        mode = fake_mode()
        x, d = mode.from_tensor(each.gaussian(each.shape_in)), mode.from_tensor(each.value(4))
        fake(mode, each.layer, each.twin)

        def call(each: Inverted = each, x: Tensor = x, d: Tensor = d) -> None:
            aux: dict[str, Tensor] = {}
            v = run_layer("layer", each.layer, x, aux)
            side = {**inner(aux, "layer"), **(each.twin.hold(x) if each.twin.holds else {})}
            each.twin(v, side)
            each.twin.difference(v, d, side)

        require_capturable(each.name.rstrip(":"), mode, call)


CHECKS = (
    twin_fits,
    difference_is_exact,
    linear_means_linear,
    owns_its_weights,
    gradient_is_autograd,
    mirrored_layout,
    types_hold,
    state_round_trip,
    calls_change_nothing,
    capturable,
)
