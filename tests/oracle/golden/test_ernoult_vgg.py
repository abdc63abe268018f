"""If it fails: L-DRL on a VGG would not be the method of Ernoult et al. 2022: its feedback would learn another loss
or with other pool indices, its targets would be made before the feedback has learnt, or carry 1/batch, or a step would
differ. One whole batch of the published code: all results in ``ernoult_vgg.npz``, by three routes and both backends.
"""

from __future__ import annotations

from functools import cache

import pytest
from torch import Tensor

from tests.oracle.golden.arrays import (
    assert_equal_arrays,
    by_edge,
    ernoult,
    ldrl_noises,
    ldrl_rounding,
    names,
    stored,
    target_rounding,
)
from tests.oracle.golden.assembled import BACKENDS, ROUTES, Assembled, Equations

GOLDEN = stored("ernoult_vgg")
BLOCKS, MAPS, STEPS = range(6), range(1, 6), (1, 2)
BATCH, BETA, MOMENTUM = len(GOLDEN["x"]), float(GOLDEN["beta"]), float(GOLDEN["momentum"])
SIGMA, FEEDBACK_RATES = ({n - 1: float(GOLDEN[name][n]) for n in MAPS} for name in ("sigma", "lr_feedback"))
RATE, DECAY = float(GOLDEN["lr_forward"]), float(GOLDEN["weight_decay"])
SIZE = "architecture.conv=[{channels: 4}, {channels: 5}, {channels: 6}, {channels: 7}, {channels: 8}]"
LDRL = (
    SIZE,
    f"output.step_size={BETA}",
    f"optimizer.forward={{name: sgd, momentum: 0.9, lr: {RATE}, weight_decay: {DECAY}}}",
    f"optimizer.feedback={{name: sgd, momentum: {MOMENTUM}, lr: {by_edge(FEEDBACK_RATES)}}}",
    f"learner.sigma={by_edge(SIGMA)}",
)
INPUTS = {
    *("x", "y", "beta", "sigma", "lr_feedback", "momentum", "lr_forward", "weight_decay"),
    *(name for letter in ("W", "b") for name in names(f"{letter}_*", BLOCKS)),
    *(name for letter in ("A", "c") for name in names(f"{letter}_*", MAPS)),
    *(f"eps_{end}_{n}_{k}" for end in ("x", "y") for n in MAPS for k in STEPS),
}
LOSSES = {f"loss_{n}_{k}" for n in MAPS for k in STEPS}
EQUATIONS = Equations(
    output_step=BETA * BATCH,  # of the gradient of the mean loss: beta of every sample's own
    local_loss=("half_sum",) * len(BLOCKS),
    forward_rate=RATE,
    forward_decay=DECAY,
    feedback_rates=FEEDBACK_RATES,
    momentum=MOMENTUM,
    feedback_first=True,
)


def assembled(rule: str, backend: str, iterations: int = 2) -> Assembled:
    """The recipe in the stored size, with the stored weights."""
    overrides = (*LDRL, f"feedback_training.iterations={iterations}") if rule == "ldrl" else (SIZE,)
    made = Assembled(f"ernoult2022/cifar10_vgg_{rule}", overrides, GOLDEN["x"], GOLDEN["y"], 10, backend)
    ours = {**made.forward_names(0), **made.feedback_names(1, ("A", "c"))}
    made.set_weights({mine: GOLDEN[theirs] for theirs, mine in ours.items()})
    return made


@cache
def computed(route: str, backend: str) -> dict[str, Tensor]:
    """What a route makes of the batch, by the names of the file."""
    made = assembled("ldrl", backend)
    found = made.run(route, ldrl_noises(GOLDEN, 2), EQUATIONS)
    if route == "step":  # one call shows the weights at its end; those between come from a step with one iteration
        once = assembled("ldrl", backend, iterations=1).run(route, ldrl_noises(GOLDEN, 1), EQUATIONS)
        found.feedback_weights = [*once.feedback_weights, *found.feedback_weights]
    named = ernoult(found, made.forward_names(0), made.feedback_names(1, ("A", "c")))
    stepped = {f"{theirs}_new": found.forward_weights[ours] for theirs, ours in made.forward_names(0).items()}
    baseline = assembled("bp", backend)
    gradients = baseline.run(route, {}, Equations()).forward
    backprop = {f"bp/g{theirs}": gradients[ours] for theirs, ours in baseline.forward_names(0).items()}
    return {**named, **stepped, **backprop}


def expected(route: str) -> set[str]:
    """The results that a route computes: a loss that is not differentiated is in the definition alone."""
    return set(GOLDEN) - INPUTS - (LOSSES if route != "definition" else set())


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("route", ROUTES)
def test_results_are_those_of_the_published_code(route: str, backend: str) -> None:
    rounding = {f"delta_{n}": target_rounding(GOLDEN[f"s_{n}"]) for n in BLOCKS}
    rounding |= {f"gc_{n}_{k}": ldrl_rounding(GOLDEN, n, k) for n in MAPS for k in STEPS}
    assert_equal_arrays(computed(route, backend), expected(route), GOLDEN, rounding)


@pytest.mark.parametrize("route", ROUTES)
def test_every_result_in_the_file_is_compared(route: str) -> None:
    assert set(GOLDEN) > INPUTS | LOSSES
    assert len(set(GOLDEN) - INPUTS) == 109
    assert set(computed(route, "autograd")) == expected(route)
