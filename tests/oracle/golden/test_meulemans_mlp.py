"""If it fails: fully connected networks no longer train as the code of Meulemans et al. 2020 does: a factor of a
loss, of a step size or of a noise variance is another, and presets that name the paper's rates mean another method.

Every result array of ``meulemans_mlp.npz`` at 1e-9, by the plain definition, by the fast way and in a whole step, with
both backends.
"""

from __future__ import annotations

import pytest
import torch
from torch import Tensor
from torch.nn import functional as F

from tests.oracle.golden.assembled import Assembled, Golden, Noises, Values, assert_results, word
from tpzoo import DataSpec

GOLDEN = Golden("meulemans_mlp")
SPEC = DataSpec((12,), 5, "classification")
X, Y = GOLDEN["x"], GOLDEN["y"]
LAYERS, HIDDEN = range(1, 5), range(1, 4)
REDUCTIONS = {f"fc{k}": "sum" for k in LAYERS}
ROUTES, BACKENDS = ("plain", "fast", "step"), ("autograd", "functional")
INPUTS = {"sigma", "eta", "damping"}
"""What the groups of results hold beside results."""

BASE = ("architecture=mlp", "architecture.hidden=[9,8,7]", "architecture.activation=tanh", "rule.local_loss=sum")
BASE += ("output=gradient", "output.reduction=mean")
DENSE = ("feedback=layerwise", "feedback.map=dense")
LINEAR = ("feedback=direct", "feedback.map=linear", "feedback.map.bias=true")
HIDDEN_MAP = ("feedback=direct", "feedback.map=random_hidden", "feedback.map.width=11")
DTP = (*DENSE, "learner=reconstruction", "learner.sigma_floor=0.02")
METHODS: dict[str, tuple[str, tuple[str, ...]]] = {
    "dtp": ("layerwise", DTP),
    "dtp_floor": ("layerwise", DTP),
    "dtpdrl": ("layerwise", (*DENSE, "learner=drl")),
    "ddtp_linear": ("direct", (*LINEAR, "learner=drl")),
    "ddtp_control": ("direct", (*LINEAR, "learner=reconstruction", "learner.scale=none")),
    "ddtp_rhl": ("rhl", (*HIDDEN_MAP, "learner=drl")),
    "ddtp_rhl_rec": ("rhl_rec", (*HIDDEN_MAP, "feedback.map.recurrent=true", "learner=drl")),
    "ddtp_mlp": ("mlp", ("feedback=direct", "feedback.map=mlp", "feedback.map.hidden=[10]", "learner=drl")),
    "dfa": ("direct", (*LINEAR, "learner=frozen")),
}
"""By the group of results: the group of feedback weights, and what a config says."""

ZERO = {"ddtp_linear": ("gd_1", "gd_2", "gd_3")}
LAYERWISE = {"dtp", "dtp_floor", "dtpdrl"}
# Theirs has no bias there; ours is set to zero, and its gradient is compared with nothing.
WITHOUT_BIAS = {"ddtp_linear": "gd_3", "ddtp_mlp": "gd_3"}


def reached(method: str, j: int) -> str:
    """The block that the map j of a method gives a displacement: layerwise maps are counted by the block inverted."""
    return f"fc{j - 1 if method in LAYERWISE else j}"


def maps(method: str) -> range:
    """The papers' numbers of the maps."""
    return range(2, 5) if method in LAYERWISE else HIDDEN


def map_names(method: str, j: int) -> dict[str, str]:
    """Parameter of the map j -> its name in the file: Q, d and, for the perceptron, P, c."""
    if method == "ddtp_mlp" and j < 3:
        return {"layers.0.weight": "P", "layers.0.bias": "c", "layers.1.weight": "Q", "layers.1.bias": "d"}
    layer = "matrix" if method in ("ddtp_linear", "ddtp_control", "dfa") else "dense"
    return {f"{layer}.weight": "Q", f"{layer}.bias": "d"}


def build(method: str, backend: str) -> Assembled:
    """The method with the stored weights; rates are zero, as they were there."""
    weights, chosen = METHODS[method]
    results = GOLDEN.group(method)
    numbers = [f"output.step_size={word(results.get('eta', torch.tensor(0.3)))}"]
    if "sigma" in results:
        numbers.append(f"learner.sigma={word(results['sigma'])}")
    rates = ("optimizer.forward.lr=0", "optimizer.feedback.lr=0")
    made = Assembled([*BASE, *chosen, *numbers, *rates], SPEC, backend)
    set_forward(made)
    stored, values = GOLDEN.group(weights), {}
    for j in maps(method):
        edge = made.edge_to(reached(method, j))
        for parameter, letter in map_names(method, j).items():
            value = stored.get(f"{letter}_{j}")
            shape = dict(edge.map.named_parameters())[parameter].shape
            values[f"{edge.name}.{parameter}"] = torch.zeros(shape, dtype=torch.float64) if value is None else value
    made.engine.feedback_weights.set_values(values)
    if weights.startswith("rhl"):
        made.set_shared({name: GOLDEN[f"rhl/{name}"] for name in ("V", "c")})
    return made


def set_forward(made: Assembled) -> None:
    letters = (("weight", "W"), ("bias", "b"))
    values = {f"fc{k}.linear.{key}": GOLDEN[f"{letter}_{k}"] for k in LAYERS for key, letter in letters}
    made.engine.forward_weights.set_values(values)


def noise_of(method: str, made: Assembled) -> Noises:
    sigma = GOLDEN.number(f"{method}/sigma")
    blocks = {reached(method, j): sigma * GOLDEN[f"eps_{j - 1 if method in LAYERWISE else j}"] for j in maps(method)}
    return {edge.name: [(blocks[edge.target],)] for edge in made.engine.feedback.edges}


def forward_results(updates: Values) -> Values:
    pairs = (("weight", "gW"), ("bias", "gb"))
    return {f"{letter}_{k}": updates[f"fc{k}.linear.{key}"] for k in LAYERS for key, letter in pairs}


def feedback_results(method: str, made: Assembled, losses: Values, gradients: Values) -> Values:
    found = {f"fb_loss_{j}": losses[reached(method, j)] for j in maps(method)}
    for j in maps(method):
        edge = made.edge_to(reached(method, j))
        found |= {f"g{letter}_{j}": gradients[f"{edge.name}.{key}"] for key, letter in map_names(method, j).items()}
    return {name: value for name, value in found.items() if name != WITHOUT_BIAS.get(method)}


def loss_results(plain: bool, made: Assembled) -> Values:
    """The mean loss and its gradient, which contains 1 / batch."""
    out = made.trace(X).output
    if plain:
        leaf = out.detach().requires_grad_()
        loss = F.cross_entropy(leaf, Y)
        return {"loss": loss.detach(), "e": torch.autograd.grad(loss, leaf)[0]}
    batch = made.engine.batch(X, Y)
    return {"loss": batch.loss.per_sample(out, Y).mean(), "e": batch.error(out) / len(X)}


def forward_of(made: Assembled, route: str) -> Values:
    """Displacements and updates by a route other than a step."""
    d = made.displacements(X, Y, route == "plain")
    updates = made.updates(X, d, route == "plain", REDUCTIONS)
    return {**{f"delta_{k}": d[f"fc{k}"] for k in LAYERS}, **forward_results(updates)}


def expected(group: str) -> dict[str, Tensor]:
    return {name: value for name, value in GOLDEN.group(group).items() if name not in INPUTS}


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("route", ROUTES)
@pytest.mark.parametrize("method", METHODS)
def test_methods_with_feedback(method: str, route: str, backend: str) -> None:
    made, learns = build(method, backend), "sigma" in GOLDEN.group(method)
    noise = noise_of(method, made) if learns else None
    losses = made.feedback_losses(X, noise) if noise else {}
    found = loss_results(route == "plain", made)
    if route == "step":
        record = made.step(X, Y, noise)
        found |= {f"delta_{k}": record.displacements[f"fc{k}"] for k in LAYERS} | forward_results(record.forward[0])
        gradients = record.feedback[0] if record.feedback else {}
    else:
        found |= forward_of(made, route)
        gradients = made.feedback_gradients(X, noise, route == "plain") if noise else {}
    if learns:
        found |= feedback_results(method, made, losses, gradients)
    wanted = expected(method)
    assert_results({name: found[name] for name in wanted}, wanted, ZERO.get(method, ()))
    assert found.keys() == wanted.keys() or method == "dtp_floor"  # which has results of the feedback alone


def gnt_by_hand(made: Assembled, damping: float) -> Values:
    """-J^T (J J^T + damping I)^-1 e of every sample, J by torch.func; at damping 0 the pseudo-inverse."""
    trace, network, found = made.trace(X), made.engine.network, {}
    e = loss_results(True, made)["e"]
    for k in LAYERS:
        above = [network.blocks[name] for name in made.blocks[k:]]

        def rest(h: Tensor, above: list[torch.nn.Module] = above) -> Tensor:
            for block in above:
                h = block(h.unsqueeze(0)).squeeze(0)
            return h

        jacobian = torch.func.vmap(torch.func.jacrev(rest))(trace[f"fc{k}"].out).detach()
        gram = jacobian @ jacobian.mT + damping * torch.eye(5, dtype=torch.float64)
        inverse = torch.linalg.pinv(jacobian) if damping == 0 else jacobian.mT @ torch.linalg.inv(gram)
        found[f"fc{k}"] = -(inverse @ e.unsqueeze(2)).squeeze(2)
    return found


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("route", ROUTES)
@pytest.mark.parametrize("group", ["gnt_0.1", "gnt_0"])
def test_gauss_newton_targets(group: str, route: str, backend: str) -> None:
    damping = GOLDEN.number(f"{group}/damping")
    chosen = ("rule=gauss_newton", f"rule.damping={damping!r}", "output.step_size=1", "optimizer.forward.lr=0")
    made = Assembled([*BASE, *chosen], SPEC, backend)
    set_forward(made)
    found = loss_results(route == "plain", made)
    if route == "step":
        record = made.step(X, Y)
        d, updates = record.displacements, record.forward[0]
    else:
        d = gnt_by_hand(made, damping) if route == "plain" else made.displacements(X, Y, plain=False)
        updates = made.updates(X, d, route == "plain", REDUCTIONS)
    found |= {f"delta_{k}": d[f"fc{k}"] for k in LAYERS} | forward_results(updates)
    assert_results(found, expected(group))


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("route", ROUTES)
def test_backpropagation(route: str, backend: str) -> None:
    made = Assembled([*(each for each in BASE if "rule" not in each), "rule=bp"], SPEC, backend)
    set_forward(made)
    network = made.engine.network
    if route == "plain":
        names, parameters = zip(*network.blocks.named_parameters(), strict=True)
        gradients = torch.autograd.grad(F.cross_entropy(network(X), Y), parameters)
        updates = dict(zip(names, gradients, strict=True))
    elif route == "fast":
        updates = network.loss_gradients(X, made.engine.batch(X, Y).error)[1]
    else:
        updates = made.step(X, Y).forward[0]
    assert_results(forward_results(updates), expected("bp"))


@pytest.mark.parametrize("backend", BACKENDS)
def test_activations(backend: str) -> None:
    made = Assembled([*BASE, "rule=dtp"], SPEC, backend)
    set_forward(made)
    trace = made.trace(X)
    results = {name: value for name, value in GOLDEN.group("").items() if name.startswith("h_")}
    assert_results({f"h_{k}": trace[f"fc{k}"].out for k in LAYERS}, results)


def test_every_array_is_an_input_or_compared() -> None:
    """Groups of results are compared whole, name for name; the rest of the file is what goes in."""
    groups = {name.rpartition("/")[0] for name in GOLDEN.arrays}
    assert groups == {"", *METHODS, "gnt_0.1", "gnt_0", "bp", "layerwise", "direct", "rhl", "rhl_rec", "mlp"}
    inputs = {name for name in GOLDEN.group("") if not name.startswith("h_")}
    numbered = {f"{letter}_{k}" for letter in ("W", "b") for k in LAYERS} | {f"eps_{i}" for i in HIDDEN}
    assert inputs == {"sizes", "x", "y", *numbered}
    assert GOLDEN["sizes"].tolist() == [12, 9, 8, 7, 5]
