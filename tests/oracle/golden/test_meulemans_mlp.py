"""If it fails: a fully connected experiment of Meulemans et al. 2020 would not be the published one: its targets, its
forward gradients, or what its feedback learns would have another scale, sign, noise or formula than the authors' code
gives on the same numbers. All results in ``meulemans_mlp.npz``, by three routes and with both backends.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

import pytest
import torch
from torch import Tensor

from tests.oracle.golden.arrays import (
    assert_equal_arrays,
    assert_moved,
    mean_square_bias_rounding,
    meulemans,
    names,
    stored,
    target_rounding,
)
from tests.oracle.golden.assembled import BACKENDS, ONE_STEP, ROUTES, Assembled, Equations, Found

GOLDEN = stored("meulemans_mlp")
BATCH, LAYERS, HIDDEN, UPPER = 6, range(1, 5), range(1, 4), range(2, 5)
MLP = ("architecture.hidden=[9,8,7]", "architecture.bias=true", *ONE_STEP)
TRAINED = (*MLP, "output.step_size=0.3", "learner.sigma=0.1")


@dataclass(frozen=True)
class Method:
    """A recipe, with what the stored run changed in it, and the group of arrays that its feedback weights are in."""

    recipe: str
    overrides: tuple[str, ...]
    weights: str = ""
    damping: float | None = None

    @property
    def first(self) -> int:
        """The index of the map that reaches the first layer: layerwise maps are named by the layer that they leave."""
        return 2 if self.weights == "layerwise" else 1


MNIST, GNT = "meulemans2020/mnist", "meulemans2020/toy_output_space/gnt"
RHL = (*TRAINED, "feedback.map.width=11")
METHODS = {
    "dtp": Method(f"{MNIST}/dtp", TRAINED, "layerwise"),
    "dtp_floor": Method(f"{MNIST}/dtp", (*TRAINED, "learner.sigma=0.01"), "layerwise"),
    "dtpdrl": Method(f"{MNIST}/dtpdrl", TRAINED, "layerwise"),
    "ddtp_linear": Method(f"{MNIST}/ddtp_linear", (*TRAINED, "feedback.map.bias=true"), "direct"),
    "ddtp_control": Method(f"{MNIST}/ddtp_control", TRAINED, "direct"),
    "ddtp_rhl": Method(f"{MNIST}/ddtp_rhl", RHL, "rhl"),
    "ddtp_rhl_rec": Method(f"{MNIST}/ddtp_rhl_recurrent_extra", RHL, "rhl_rec"),
    "ddtp_mlp": Method(f"{MNIST}/ddtp_mlp", (*TRAINED, "feedback.map.hidden=[10]"), "mlp"),
    "dfa": Method(f"{MNIST}/dfa", (*MLP, "feedback.map.bias=true"), "direct"),
    "gnt_0.1": Method(GNT, (*MLP, "rule.damping=0.1"), damping=0.1),
    "gnt_0": Method(GNT, (*MLP, "rule.damping=0"), damping=0.0),
    "bp": Method(f"{MNIST}/bp", MLP),
}
INPUTS = {
    *("sizes", "x", "y"),
    *(name for letter in ("W", "b") for name in names(f"{letter}_*", LAYERS)),
    *names("eps_*", HIDDEN),
    *(name for letter in ("Q", "d") for name in names(f"layerwise/{letter}_*", UPPER)),
    *(name for group in ("direct", "rhl", "rhl_rec") for name in names(f"{group}/Q_*", HIDDEN)),
    *(name for group in ("direct", "rhl", "rhl_rec") for name in names(f"{group}/d_*", HIDDEN)),
    *("rhl/V", "rhl/c", "mlp/Q_3"),
    *(name for letter in ("P", "c", "Q", "d") for name in names(f"mlp/{letter}_*", (1, 2))),
    *(f"{method}/sigma" for method in METHODS if f"{method}/sigma" in GOLDEN),
    *(f"{method}/eta" for method in METHODS if f"{method}/eta" in GOLDEN),
    *("gnt_0.1/damping", "gnt_0/damping"),
}
NOT_IN_THE_FILE = {
    *("ddtp_linear/gd_3", "ddtp_mlp/gd_3"),  # the reference leaves out these biases of its feedback
    *("dtp_floor/loss", "dtp_floor/e"),  # as in dtp: stored for what the feedback learns
    *(name for what in ("delta", "gW", "gb") for name in names(f"dtp_floor/{what}_*", LAYERS)),
    *("bp/loss", "bp/e"),
}


def assembled(method: Method, backend: str) -> Assembled:
    """The method with the stored weights."""
    made = Assembled(method.recipe, method.overrides, GOLDEN["x"], GOLDEN["y"], 5, backend)
    zero = {"mlp/d_3": torch.zeros(7, dtype=torch.float64)}
    values = {ours: GOLDEN[theirs] for theirs, ours in made.forward_names(1).items()}
    for theirs, ours in made.feedback_names(method.first).items() if method.weights else ():
        values[ours] = {**zero, **GOLDEN}[f"{method.weights}/{theirs}"]
    made.set_weights(values)
    if method.weights in ("rhl", "rhl_rec"):
        made.set_random_features(GOLDEN["rhl/V"], GOLDEN["rhl/c"])
    return made


def targets_of(name: str) -> str:
    """The method whose targets and forward gradients a method has."""
    return "dtp" if name == "dtp_floor" else name


@cache
def computed(name: str, route: str, backend: str) -> tuple[Found, dict[str, Tensor]]:
    """What a route makes of a method, as it is and by the names of the file."""
    method = METHODS[name]
    made = assembled(method, backend)
    sigma, eta = GOLDEN.get(f"{name}/sigma"), float(GOLDEN.get(f"{targets_of(name)}/eta", 1.0))
    noises = {i - 1: [(sigma * GOLDEN[f"eps_{i}"],)] for i in HIDDEN} if sigma is not None else {}
    equations = Equations(
        output_step=eta,
        local_loss=() if name == "bp" else ("sum",) * 4,
        damping=method.damping,
        feedback_rates=dict.fromkeys(range(3), 1.0),
    )
    found = made.run(route, noises, equations)
    feedback = made.feedback_names(method.first) if noises else {}
    named = meulemans(name, found, made.forward_names(1), feedback, method.first)
    return found, {key: value for key, value in named.items() if key not in NOT_IN_THE_FILE}


def expected(name: str, route: str) -> set[str]:
    """The results of a method that a route computes."""
    results = {key for key in GOLDEN if key.startswith(f"{name}/")} - INPUTS
    if route != "definition":  # a loss that is not differentiated is in the definition alone
        results -= names(f"{name}/fb_loss_*", LAYERS)
    if name == "bp" and route == "step":  # end to end: no pass is cut at the blocks
        return results
    return results | names("h_*", LAYERS)


def rounding(name: str) -> dict[str, float]:
    """What elements may differ by, beside 1e-9 of themselves."""
    allowed = {f"{name}/delta_{k}": target_rounding(GOLDEN[f"h_{k}"]) for k in LAYERS}
    if name == "ddtp_linear":  # the bias of a linear map cancels in the difference that it learns from
        sigma, sizes = GOLDEN["ddtp_linear/sigma"], GOLDEN["sizes"].tolist()
        for i in HIDDEN:
            bound = mean_square_bias_rounding(GOLDEN[f"{name}/fb_loss_{i}"], sigma, BATCH, sizes[i])
            allowed[f"{name}/gd_{i}"] = bound
    return allowed


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("route", ROUTES)
@pytest.mark.parametrize("name", METHODS)
def test_results_are_those_of_the_published_code(name: str, route: str, backend: str) -> None:
    assert_equal_arrays(computed(name, route, backend)[1], expected(name, route), GOLDEN, rounding(name))


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("route", ROUTES)
@pytest.mark.parametrize("name", METHODS)
def test_both_kinds_of_weights_step_by_these_gradients(name: str, route: str, backend: str) -> None:
    """With SGD at rate 1 a step is the gradient. Feedback that is not trained rests."""
    found, start, method = computed(name, route, backend)[0], assembled(METHODS[name], backend), METHODS[name]
    gradients = {ours: GOLDEN[f"{targets_of(name)}/g{theirs}"] for theirs, ours in start.forward_names(1).items()}
    assert_moved(found.forward_weights, start.engine.forward_weights.values(), gradients)
    names_here = {f"{name}/g{theirs}": ours for theirs, ours in start.feedback_names(method.first).items()}
    learnt = {ours: GOLDEN[theirs] for theirs, ours in names_here.items() if theirs in GOLDEN}
    assert bool(learnt) == (f"{name}/sigma" in GOLDEN)
    for after in found.feedback_weights:
        before = start.engine.feedback_weights.values()
        assert_moved(after, before, learnt or {ours: torch.zeros_like(value) for ours, value in before.items()})


@pytest.mark.parametrize("route", ROUTES)
def test_every_result_in_the_file_is_compared(route: str) -> None:
    compared = set().union(*(computed(name, route, "autograd")[1] for name in METHODS))
    losses = {key for key in GOLDEN if "/fb_loss_" in key}
    assert set(GOLDEN) > INPUTS
    assert len(set(GOLDEN) - INPUTS) == 226
    assert not NOT_IN_THE_FILE & set(GOLDEN)
    assert len(losses) == 24  # of eight methods with three maps each
    assert compared == set(GOLDEN) - INPUTS - (losses if route != "definition" else set())
