"""What a trainer says of a step, with nothing moved: displacements, gradients, probes, noise."""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any

import pytest
import torch

import tpzoo
from tests.support.trainers import X, Y, drawn, equal, net, same, state, trainer, weights

LOOKS: dict[str, Callable[[tpzoo.Trainer], Any]] = {
    "displacements": lambda made: made.displacements(X, Y),
    "targets": lambda made: made.targets(X, Y),
    "gradients": lambda made: made.gradients(X, Y),
    "bp_angle": lambda made: made.measure("bp_angle", X, Y),
    "feedback_loss": lambda made: made.measure("feedback_loss", X, Y),
    "reconstruction": lambda made: made.measure("reconstruction", X, Y, draws=2),
}


@pytest.mark.parametrize("look", LOOKS)
@pytest.mark.parametrize("learner", ["drl", "ridge"])
def test_to_look_changes_nothing(look: str, learner: str) -> None:
    made = trainer(
        learner=learner, feedback={"name": "direct", "map": "linear"}, network=net(drop=0.3),
        settings={"feedback_training.order": "feedback_first"},
    )  # fmt: skip
    made.train()
    made.step(X, Y)
    before = state(made)
    assert LOOKS[look](made)
    assert equal(state(made), before)


def test_what_it_says_is_what_the_step_does() -> None:
    made = trainer(learner="drl", network=net(drop=0.3), optimizer=lambda params: torch.optim.SGD(params, 1.0))
    made.train()
    made.step(X, Y)
    d, gradients, targets = made.displacements(X, Y), made.gradients(X, Y), made.targets(X, Y)
    local, feedback = made.measure("local_loss", X, Y), made.measure("feedback_loss", X, Y)
    before = weights(made.network)
    out = made.step(X, Y, record=True)
    assert out.record is not None
    assert equal(d, out.record.displacements)
    assert equal(gradients.forward, out.record.forward[0])
    assert equal(gradients.feedback, out.record.feedback[0])
    assert torch.equal(targets["7"], out.output + d["7"])
    for name, value in weights(made.network).items():
        torch.testing.assert_close(value, before[name] - gradients.forward[name.removeprefix("blocks.")])
    for node, value in local.items():
        assert value == pytest.approx(float(d[node].flatten(1).square().sum(1).mean() / 2))
    assert {key: value for key, value in feedback.items() if "/" not in key} == {
        edge: pytest.approx(float(loss)) for edge, loss in out.record.losses[0].items()
    }
    squares = {edge: sum(float(g.square().sum()) for name, g in gradients.feedback.items() if name.startswith(edge))
               for edge in made.edges}  # fmt: skip
    assert feedback["5/gradient"] == pytest.approx(squares["5"] ** 0.5)


def test_a_rule_without_targets_says_so() -> None:
    with pytest.raises(tpzoo.SettingError, match="no displacements"):
        trainer(rule="bp").displacements(X, Y)


def test_noise_that_is_given_is_the_noise_of_the_step() -> None:
    one, two = (trainer(learner="ldrl", network=net(), settings={"feedback_training.iterations": 3}) for _ in range(2))
    noise = one.draw_noise(X)
    assert {edge: len(each) for edge, each in noise.items()} == {"1": 3, "5": 3}
    given, drawn_by_itself = one.step(X, Y, noise=noise, record=True), two.step(X, Y, record=True)
    assert given.record is not None
    assert drawn_by_itself.record is not None
    assert equal(given.record.noise, drawn_by_itself.record.noise)
    assert equal(state(one), state(two))
    assert equal(given.record.noise[1]["5"], noise["5"][1])


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (lambda noise: noise["5"].pop(), "no noise is left for edge '5'"),
        (lambda noise: noise["5"].append(noise["5"][0]), "no feedback step used: 5"),
        (
            lambda noise: noise.update({"5": [(drawn(12, 3),)]}),
            r"is \(float32 \(12, 3\) on cpu\), and its learner draws",
        ),
        (lambda noise: noise.update({"5": [drawn(2, 3)]}), "is a Tensor"),
    ],
)
def test_noise_of_another_form_is_refused(spoil: Callable[[Any], Any], message: str) -> None:
    made = trainer(learner="drl")
    noise = made.draw_noise(X)
    spoil(noise)
    with pytest.raises(tpzoo.SettingError, match=message):
        made.step(X, Y, noise=noise)


def test_a_feedback_step_trains_the_maps_alone() -> None:
    made = trainer(learner="drl")
    network, maps = copy.deepcopy(made.network.state_dict()), weights(made.feedback)
    record = made.feedback_step(X, record=True)
    assert record is not None
    assert set(record.losses[0]) == {"1", "5"}
    assert equal(made.network.state_dict(), network)
    assert not same(weights(made.feedback), maps)
