"""If it fails: L-DRL is no longer that of Ernoult et al. 2022: which pool indices a map sees, which value stays where
two windows share a cell, the factor of the noise, how often maps step before targets are made, or the sign of a target.

Every result array of ``ernoult_vgg.npz`` and ``ernoult_lenet.npz`` at 1e-9, by the plain definition, by the fast way
and in whole steps, with both backends.
"""

from __future__ import annotations

from functools import cached_property

import pytest
import torch
from torch import Tensor
from torch.nn import functional as F

from tests.oracle.golden.assembled import Assembled, Golden, Noises, Values, assert_results, word
from tpzoo import DataSpec

ROUTES, BACKENDS = ("plain", "fast", "step"), ("autograd", "functional")
ITERATIONS = (1, 2)


class Case:
    """One of the two files: its network, its inputs, and what its results are called."""

    def __init__(self, name: str, shape: tuple[int, ...], conv: str, convolutions: int, dense: int) -> None:
        self.golden, self.spec, self.conv = Golden(name), DataSpec(shape, 10, "classification"), conv
        self.blocks = [f"conv{i + 1}" for i in range(convolutions)] + [f"fc{i + 1}" for i in range(dense)]
        self.convolutions = convolutions
        self.hidden = [12] if dense == 2 else []

    @cached_property
    def batch(self) -> tuple[Tensor, Tensor]:
        return self.golden["x"], self.golden["y"]

    @property
    def trained(self) -> range:
        """The blocks n that a map inverts."""
        return range(1, len(self.blocks))

    def layer(self, n: int) -> str:
        return "conv" if n < self.convolutions else "linear"

    def map_layer(self, n: int) -> str:
        """Where the weights A_n, c_n of a map are."""
        return "twin.twins.conv.conv" if n < self.convolutions else "twin.twins.linear.matrix"

    def edge(self, made: Assembled, n: int) -> str:
        """G_n, counted by the block inverted, is the edge that reaches the block below."""
        return made.edge_to(self.blocks[n - 1]).name

    def by_edge(self, name: str) -> str:
        """Numbers by the block inverted as a value by edge."""
        return "{" + ", ".join(f"{self.blocks[n - 1]}: {word(self.golden[name][n])}" for n in self.trained) + "}"

    def build(self, backend: str, iterations: int, *overrides: str) -> Assembled:
        """The method with the stored initial weights."""
        golden = self.golden
        sigma, rate = (self.by_edge(name) for name in ("sigma", "lr_feedback"))
        chosen = [
            "architecture=cnn", f"architecture.conv=[{self.conv}]", f"architecture.hidden={self.hidden}",
            "architecture.activation=elu", "feedback=layerwise", "feedback.map=mirror", "learner=ldrl",
            f"learner.sigma={sigma}", "rule=dtp", f"output.step_size={word(golden['beta'])}",
            "feedback_training.order=feedback_first", f"feedback_training.iterations={iterations}",
            "optimizer.feedback=sgd", f"optimizer.feedback.momentum={word(golden['momentum'])}",
            f"optimizer.feedback.lr={rate}", "optimizer.forward=sgd",
        ]  # fmt: skip
        made = Assembled([*chosen, *overrides], self.spec, backend)
        self.set_forward(made)
        made.engine.feedback_weights.set_values(self.map_values(made, ""))
        return made

    def set_forward(self, made: Assembled) -> None:
        pairs = (("weight", "W"), ("bias", "b"))
        values = {
            f"{block}.{self.layer(n)}.{key}": self.golden[f"{letter}_{n}"]
            for n, block in enumerate(self.blocks)
            for key, letter in pairs
        }
        made.engine.forward_weights.set_values(values)

    def map_values(self, made: Assembled, after: str) -> Values:
        """The maps' weights: the initial ones, or those after iteration ``_1`` or ``_2``."""
        pairs = (("weight", "A"), ("bias", "c"))
        return {
            f"{self.edge(made, n)}.{self.map_layer(n)}.{key}": self.golden[f"{letter}_{n}{after}"]
            for n in self.trained
            for key, letter in pairs
        }

    def noise(self, made: Assembled) -> Noises:
        """dx and dy of both iterations, by edge."""
        golden = self.golden
        return {
            self.edge(made, n): [
                (golden["sigma"][n] * golden[f"eps_x_{n}_{k}"], golden["sigma"][n] * golden[f"eps_y_{n}_{k}"])
                for k in ITERATIONS
            ]
            for n in self.trained
        }

    def of_maps(self, made: Assembled, values: Values, letters: tuple[str, str], k: int) -> Values:
        """By ``edge.parameter`` -> by the names in the file, after or before iteration k."""
        return {
            f"{letter}_{n}_{k}": values[f"{self.edge(made, n)}.{self.map_layer(n)}.{key}"]
            for n in self.trained
            for key, letter in zip(("weight", "bias"), letters, strict=True)
        }

    def of_blocks(self, updates: Values) -> Values:
        pairs = (("weight", "gW"), ("bias", "gb"))
        return {
            f"{letter}_{n}": updates[f"{block}.{self.layer(n)}.{key}"]
            for n, block in enumerate(self.blocks)
            for key, letter in pairs
        }

    def results(self) -> Values:
        """Everything of the file's own group that is no input."""
        starts = ("x", "y", "W_", "b_", "A_", "c_", "eps_")
        scalars = ("beta", "sigma", "lr_feedback", "momentum", "lr_forward", "weight_decay")

        def is_input(name: str) -> bool:
            initial = name.count("_") == 1 and name.startswith(starts)
            return name in scalars or name in ("x", "y") or name.startswith("eps_") or initial

        return {name: value for name, value in self.golden.group("").items() if not is_input(name)}


CONV_VGG = ", ".join(f"{{channels: {n}, kernel: 3}}" for n in (4, 5, 6, 7, 8))
POOL = "pool_kernel: 3, pool_stride: 2, pool_padding: 1"
CONV_LENET = ", ".join(f"{{channels: {n}, kernel: 5, {POOL}}}" for n in (4, 5))
CASES = {
    "vgg": Case("ernoult_vgg", (3, 32, 32), CONV_VGG, 5, 1),
    "lenet": Case("ernoult_lenet", (3, 14, 14), CONV_LENET, 2, 2),
}
HALF = {f"{kind}{i}": "half_sum" for kind in ("conv", "fc") for i in range(1, 6)}


def zeros(case: Case) -> tuple[str, ...]:
    return tuple(f"gc_{n}_{k}" for n in case.trained for k in ITERATIONS)


def by_hand(case: Case, made: Assembled, plain: bool) -> Values:
    """Two steps of SGD with momentum on every map, then targets and forward gradients."""
    x, y = case.batch
    noise, momentum, found, velocity = case.noise(made), case.golden.number("momentum"), {}, {}
    rates = {case.edge(made, n): float(case.golden["lr_feedback"][n]) for n in case.trained}
    for k in ITERATIONS:
        losses = made.feedback_losses(x, noise, k - 1)
        found |= {f"loss_{n}_{k}": losses[case.blocks[n - 1]] for n in case.trained}
        gradients = made.feedback_gradients(x, noise, plain, k - 1)
        found |= case.of_maps(made, gradients, ("gA", "gc"), k)
        values = made.engine.feedback_weights.values()
        for name, gradient in gradients.items():
            velocity[name] = momentum * velocity.get(name, torch.zeros_like(gradient)) + gradient
            values[name] = values[name] - rates[name.split(".")[0]] * velocity[name]
        made.engine.feedback_weights.set_values(values)
        found |= case.of_maps(made, values, ("A", "c"), k)
    d = made.displacements(x, y, plain)
    losses = made.local_losses(x, d, HALF) if plain else made.engine.update.losses(made.trace(x), d)
    updates = made.updates(x, d, plain, HALF)
    return found | forward_results(case, d, losses, updates)


def forward_results(case: Case, d: Values, losses: Values, updates: Values) -> Values:
    found = {f"delta_{n}": d[block] for n, block in enumerate(case.blocks)}
    found |= {f"f_loss_{n}": losses[block].detach() for n, block in enumerate(case.blocks)}
    return found | case.of_blocks(updates)


def by_steps(case: Case, backend: str) -> Values:
    """Whole steps: one with two iterations, and two of one iteration each, to see the maps in between."""
    x, y = case.batch
    still = "optimizer.forward.lr=0"
    made, found = case.build(backend, 1, still), {}
    for k in ITERATIONS:
        noise = {name: [of_edge[k - 1]] for name, of_edge in case.noise(made).items()}
        losses = made.feedback_losses(x, noise)
        found |= {f"loss_{n}_{k}": losses[case.blocks[n - 1]] for n in case.trained}
        record = made.step(x, y, noise)
        found |= case.of_maps(made, record.feedback[0], ("gA", "gc"), k)
        found |= case.of_maps(made, made.engine.feedback_weights.values(), ("A", "c"), k)
    whole = case.build(backend, 2, still)
    record = whole.step(x, y, case.noise(whole))
    second = {key: value for key, value in found.items() if key[:2] in ("gA", "gc") and key.endswith("_2")}
    assert_results(case.of_maps(whole, record.feedback[1], ("gA", "gc"), 2), second, zeros(case))
    losses = whole.engine.update.losses(whole.trace(x), record.displacements)
    return found | forward_results(case, record.displacements, losses, record.forward[0])


def clean_pass(case: Case, made: Assembled) -> Values:
    trace = made.trace(case.batch[0])
    found = {f"s_{n}": trace[block].out for n, block in enumerate(case.blocks)}
    indices = {f"idx_{n}": trace[case.blocks[n]].aux["pool.indices"] for n in range(case.convolutions)}
    return found | indices


def stepped(case: Case, backend: str, route: str, updates: Values) -> Values:
    """The first forward step, where the file has one: W - lr (gW + wd W)."""
    if "lr_forward" not in case.golden.arrays:
        return {}
    rate, decay = (case.golden.number(name) for name in ("lr_forward", "weight_decay"))
    pairs = (("weight", "W"), ("bias", "b"))
    if route == "step":
        chosen = (f"optimizer.forward.lr={rate!r}", f"optimizer.forward.weight_decay={decay!r}")
        made = case.build(backend, 2, *chosen, f"optimizer.forward.momentum={word(case.golden['momentum'])}")
        made.step(*case.batch, case.noise(made))
        values = made.engine.forward_weights.values()
        return {
            f"{letter}_{n}_new": values[f"{block}.{case.layer(n)}.{key}"]
            for n, block in enumerate(case.blocks)
            for key, letter in pairs
        }
    return {
        f"{letter}_{n}_new": (old := case.golden[f"{letter}_{n}"]) - rate * (updates[f"g{letter}_{n}"] + decay * old)
        for n in range(len(case.blocks))
        for _, letter in pairs
    }


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("route", ROUTES)
@pytest.mark.parametrize("name", CASES)
def test_a_whole_batch(name: str, route: str, backend: str) -> None:
    case = CASES[name]
    made = case.build(backend, 2)
    found = clean_pass(case, made)
    found |= by_steps(case, backend) if route == "step" else by_hand(case, made, route == "plain")
    found |= stepped(case, backend, route, found)
    assert_results(found, case.results(), zeros(case))


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("route", ROUTES)
@pytest.mark.parametrize("name", CASES)
def test_backpropagation(name: str, route: str, backend: str) -> None:
    case = CASES[name]
    x, y = case.batch
    made = case.build(backend, 1, "rule=dtp")
    network = made.engine.network
    if route == "plain":
        names, parameters = zip(*network.blocks.named_parameters(), strict=True)
        gradients = torch.autograd.grad(F.cross_entropy(network(x), y), parameters)
        updates = dict(zip(names, gradients, strict=True))
    elif route == "fast":
        updates = network.loss_gradients(x, made.engine.batch(x, y).error)[1]
    else:
        chosen = ["architecture=cnn", f"architecture.conv=[{case.conv}]", f"architecture.hidden={case.hidden}"]
        plain = Assembled([*chosen, "architecture.activation=elu", "rule=bp"], case.spec, backend)
        case.set_forward(plain)
        updates = plain.step(x, y).forward[0]
    assert_results(case.of_blocks(updates), case.golden.group("bp"))


@pytest.mark.parametrize("name", CASES)
def test_every_array_is_an_input_or_compared(name: str) -> None:
    """The results are compared whole, name for name: here that nothing else is taken for an input."""
    case = CASES[name]
    inputs = case.golden.group("").keys() - case.results().keys()
    numbered = {f"{letter}_{n}" for letter in ("W", "b") for n in range(len(case.blocks))}
    maps = {f"{letter}_{n}" for letter in ("A", "c") for n in case.trained}
    noise = {f"eps_{end}_{n}_{k}" for end in ("x", "y") for n in case.trained for k in ITERATIONS}
    scalars = {"beta", "sigma", "lr_feedback", "momentum"} | (
        {"lr_forward", "weight_decay"} if name == "vgg" else set()
    )
    assert inputs == {"x", "y", *numbered, *maps, *noise, *scalars}
    assert {key.rpartition("/")[0] for key in case.golden.arrays} == {"", "bp"}
