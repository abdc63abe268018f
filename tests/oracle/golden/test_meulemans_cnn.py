"""If it fails: a convolutional experiment of Meulemans et al. 2020 would not be the published one: feedback would not
reach the pooled maps as in the authors' code, or a convolution's loss would not be the mean over its maps (and Adam's
epsilon would act on another scale). All results in ``meulemans_cnn.npz``, by three routes and with both backends.
"""

from __future__ import annotations

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

GOLDEN = stored("meulemans_cnn")
BATCH, LAYERS, HIDDEN = 4, range(1, 5), range(1, 4)
POOLED = "kernel: 5, pool_kernel: 3, pool_stride: 2, pool_padding: 1"
CNN = (
    f"architecture.conv=[{{channels: 3, {POOLED}}}, {{channels: 4, {POOLED}}}]",
    "architecture.hidden=[7]",
    *ONE_STEP,
)
BIAS = 'feedback.map.bias={"*": false, "<2>": true}'
TRAINED = (*CNN, BIAS, "output.step_size=0.3", "learner.sigma=0.1")
METHODS = {"ddtp_linear": TRAINED, "ddtp_control": TRAINED, "dfa": (*CNN, BIAS), "bp": CNN}
INPUTS = {
    *("x", "y", "d_3"),
    *(name for letter in ("W", "b") for name in names(f"{letter}_*", LAYERS)),
    *(name for letter in ("eps", "Q") for name in names(f"{letter}_*", HIDDEN)),
    *("ddtp_linear/sigma", "ddtp_control/sigma"),
    *("ddtp_linear/eta", "ddtp_control/eta", "dfa/eta"),
}
NOT_IN_THE_FILE = {"bp/loss", "bp/e"}


def assembled(name: str, backend: str) -> Assembled:
    """The recipe of a method, in the stored size and with the stored weights."""
    recipe = f"meulemans2020/cifar10_cnn/{name}"
    made = Assembled(recipe, METHODS[name], GOLDEN["x"], GOLDEN["y"], 5, backend)
    ours = {**made.forward_names(1), **made.feedback_names(1)}
    made.set_weights({mine: GOLDEN[theirs] for theirs, mine in ours.items()})
    return made


@cache
def computed(name: str, route: str, backend: str) -> tuple[Found, dict[str, Tensor]]:
    """What a route makes of a method, as it is and by the names of the file."""
    made, sigma = assembled(name, backend), GOLDEN.get(f"{name}/sigma")
    noises = {i - 1: [(sigma * GOLDEN[f"eps_{i}"],)] for i in HIDDEN} if sigma is not None else {}
    equations = Equations(
        output_step=float(GOLDEN.get(f"{name}/eta", 1.0)),
        local_loss=() if name == "bp" else ("mean", "mean", "sum", "sum"),
        feedback_rates=dict.fromkeys(range(3), 1.0),
    )
    found = made.run(route, noises, equations)
    named = meulemans(name, found, made.forward_names(1), made.feedback_names(1) if noises else {}, 1)
    return found, {key: value for key, value in named.items() if key not in NOT_IN_THE_FILE}


def expected(name: str, route: str) -> set[str]:
    """The results of a method that a route computes."""
    results = {key for key in GOLDEN if key.startswith(f"{name}/")} - INPUTS
    if route != "definition":  # a loss that is not differentiated is in the definition alone
        results -= names(f"{name}/fb_loss_*", HIDDEN)
    if name == "bp" and route == "step":  # end to end: no pass is cut at the blocks
        return results
    return results | names("h_*", LAYERS)


def rounding(name: str) -> dict[str, float]:
    """What elements may differ by, beside 1e-9 of themselves."""
    allowed = {f"{name}/delta_{k}": target_rounding(GOLDEN[f"h_{k}"]) for k in LAYERS}
    if name == "ddtp_linear":  # the bias of a linear map cancels in the difference that it learns from
        loss, sigma = GOLDEN["ddtp_linear/fb_loss_3"], GOLDEN["ddtp_linear/sigma"]
        allowed["ddtp_linear/gd_3"] = mean_square_bias_rounding(loss, sigma, BATCH, units=7)
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
    found, start = computed(name, route, backend)[0], assembled(name, backend)
    gradients = {ours: GOLDEN[f"{name}/g{theirs}"] for theirs, ours in start.forward_names(1).items()}
    assert_moved(found.forward_weights, start.engine.forward_weights.values(), gradients)
    before = start.engine.feedback_weights.values()
    learns = f"{name}/sigma" in GOLDEN
    for after in found.feedback_weights:
        moves = {
            ours: GOLDEN[f"{name}/g{theirs}"] if learns else torch.zeros_like(before[ours])
            for theirs, ours in start.feedback_names(1).items()
        }
        assert_moved(after, before, moves)


@pytest.mark.parametrize("route", ROUTES)
def test_every_result_in_the_file_is_compared(route: str) -> None:
    compared = set().union(*(computed(name, route, "autograd")[1] for name in METHODS))
    losses = {key for key in GOLDEN if "/fb_loss_" in key}
    assert set(GOLDEN) > INPUTS
    assert len(set(GOLDEN) - INPUTS) == 68
    assert not NOT_IN_THE_FILE & set(GOLDEN)
    assert len(losses) == 6  # of two methods with three maps each
    assert compared == set(GOLDEN) - INPUTS - (losses if route != "definition" else set())
