"""If it fails: convolutional networks no longer train as the code of Meulemans et al. 2020 does: their losses there
are means over feature maps, those of dense layers sums, and noise is added to pooled outputs.

Every result array of ``meulemans_cnn.npz`` at 1e-9, by the plain definition, by the fast way and in a whole step, with
both backends.
"""

from __future__ import annotations

import pytest
import torch
from torch.nn import functional as F

from tests.oracle.golden.assembled import Assembled, Golden, Noises, Values, assert_results, word
from tpzoo import DataSpec

GOLDEN = Golden("meulemans_cnn")
SPEC = DataSpec((2, 12, 12), 5, "classification")
X, Y = GOLDEN["x"], GOLDEN["y"]
BLOCKS = {1: "conv1", 2: "conv2", 3: "fc1", 4: "fc2"}
LAYER = {1: "conv", 2: "conv", 3: "linear", 4: "linear"}
REDUCTIONS = {"conv1": "mean", "conv2": "mean", "fc1": "sum", "fc2": "sum"}
ROUTES, BACKENDS = ("plain", "fast", "step"), ("autograd", "functional")
INPUTS = {"sigma", "eta"}

CONV = ", ".join(f"{{channels: {n}, kernel: 5, pool_kernel: 3, pool_stride: 2, pool_padding: 1}}" for n in (3, 4))
NETWORK = ("architecture=cnn", f"architecture.conv=[{CONV}]", "architecture.hidden=[7]", "architecture.activation=tanh")
BASE = (*NETWORK, 'rule.local_loss={"conv*": mean, "fc*": sum}', "output=gradient", "output.reduction=mean")
FEEDBACK = ("feedback=direct", "feedback.map=linear", 'feedback.map.bias={"*": false, fc1: true}')
METHODS = {
    "ddtp_linear": "learner=drl",
    "ddtp_control": "learner={name: reconstruction, scale: none}",
    "dfa": "learner=frozen",
}
ZERO = {"ddtp_linear": ("gd_3",)}


def build(overrides: list[str], backend: str) -> Assembled:
    """A method with the stored forward weights."""
    made = Assembled([*BASE, *overrides], SPEC, backend)
    letters = (("weight", "W"), ("bias", "b"))
    values = {f"{BLOCKS[k]}.{LAYER[k]}.{key}": GOLDEN[f"{letter}_{k}"] for k in BLOCKS for key, letter in letters}
    made.engine.forward_weights.set_values(values)
    return made


def with_feedback(method: str, backend: str) -> Assembled:
    """The method with the stored feedback weights; rates are zero, as they were there."""
    results = GOLDEN.group(method)
    numbers = [f"output.step_size={word(results['eta'])}", "optimizer.forward.lr=0", "optimizer.feedback.lr=0"]
    if "sigma" in results:
        numbers.append(f"learner.sigma={word(results['sigma'])}")
    made = build([*FEEDBACK, METHODS[method], *numbers], backend)
    names = {i: made.edge_to(BLOCKS[i]).name for i in (1, 2, 3)}
    values = {f"{name}.matrix.weight": GOLDEN[f"Q_{i}"] for i, name in names.items()}
    made.engine.feedback_weights.set_values({**values, f"{names[3]}.matrix.bias": GOLDEN["d_3"]})
    return made


def forward_results(updates: Values) -> Values:
    pairs = (("weight", "gW"), ("bias", "gb"))
    return {f"{letter}_{k}": updates[f"{BLOCKS[k]}.{LAYER[k]}.{key}"] for k in BLOCKS for key, letter in pairs}


def feedback_results(made: Assembled, losses: Values, gradients: Values) -> Values:
    names = {i: made.edge_to(BLOCKS[i]).name for i in (1, 2, 3)}
    found = {f"fb_loss_{i}": losses[BLOCKS[i]] for i in names}
    found |= {f"gQ_{i}": gradients[f"{name}.matrix.weight"] for i, name in names.items()}
    return {**found, "gd_3": gradients[f"{names[3]}.matrix.bias"]}


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("route", ROUTES)
@pytest.mark.parametrize("method", METHODS)
def test_methods_with_feedback(method: str, route: str, backend: str) -> None:
    made, plain = with_feedback(method, backend), route == "plain"
    sigma = GOLDEN.group(method).get("sigma")
    noise: Noises | None = None
    if sigma is not None:
        blocks = {BLOCKS[i]: sigma * GOLDEN[f"eps_{i}"] for i in (1, 2, 3)}
        noise = {edge.name: [(blocks[edge.target],)] for edge in made.engine.feedback.edges}
    losses = made.feedback_losses(X, noise) if noise else {}
    batch, out = made.engine.batch(X, Y), made.trace(X).output
    found: Values = {"loss": F.cross_entropy(out, Y) if plain else batch.loss.per_sample(out, Y).mean()}
    found["e"] = (
        -made.output_displacement(batch, out) / GOLDEN.number(f"{method}/eta") if plain else batch.error(out) / len(X)
    )
    if route == "step":
        record = made.step(X, Y, noise)
        d, updates, gradients = record.displacements, record.forward[0], (record.feedback or [{}])[0]
    else:
        d = made.displacements(X, Y, plain)
        updates = made.updates(X, d, plain, REDUCTIONS)
        gradients = made.feedback_gradients(X, noise, plain) if noise else {}
    found |= {f"delta_{k}": d[block] for k, block in BLOCKS.items()} | forward_results(updates)
    if noise:
        found |= feedback_results(made, losses, gradients)
    expected = {name: value for name, value in GOLDEN.group(method).items() if name not in INPUTS}
    assert_results(found, expected, ZERO.get(method, ()))


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("route", ROUTES)
def test_backpropagation_and_activations(route: str, backend: str) -> None:
    made = build(["rule=bp"], backend)
    network = made.engine.network
    if route == "plain":
        names, parameters = zip(*network.blocks.named_parameters(), strict=True)
        gradients = torch.autograd.grad(F.cross_entropy(network(X), Y), parameters)
        updates = dict(zip(names, gradients, strict=True))
    elif route == "fast":
        updates = network.loss_gradients(X, made.engine.batch(X, Y).error)[1]
    else:
        updates = build(["rule=bp"], backend).step(X, Y).forward[0]
    assert_results(forward_results(updates), GOLDEN.group("bp"))
    activations = {name: value for name, value in GOLDEN.group("").items() if name.startswith("h_")}
    trace = made.trace(X)
    assert_results({f"h_{k}": trace[block].out for k, block in BLOCKS.items()}, activations)


def test_every_array_is_an_input_or_compared() -> None:
    """Groups of results are compared whole, name for name; the rest of the file is what goes in."""
    assert {name.rpartition("/")[0] for name in GOLDEN.arrays} == {"", *METHODS, "bp"}
    inputs = {name for name in GOLDEN.group("") if not name.startswith("h_")}
    numbered = {f"{letter}_{k}" for letter in ("W", "b") for k in BLOCKS}
    assert inputs == {"x", "y", *numbered, *(f"{name}_{i}" for name in ("eps", "Q") for i in (1, 2, 3)), "d_3"}
