"""``tpzoo.Trainer``: the runner's own step on any network, what it says of a step, and going on to the same bits."""

from __future__ import annotations

import io
from typing import Any

import pytest
import torch
from torch import Tensor, nn

import tpzoo
from tests.support.trainers import X, Y, drawn, equal, net, same, state, trainer, weights
from tpzoo.runner.build import build
from tpzoo.runner.loop import Training

# The runner's step


@pytest.mark.parametrize(
    "config",
    ["demo.yaml", "ernoult2022/digits_lenet_ldrl", "mnist/dtpdrl", "meulemans2020/mnist/ddtp_rhl", "mnist/bp"],
)
def test_a_step_is_the_runners_to_the_bit(config: str) -> None:
    path: Any = f"configs/{config}" if config.endswith("yaml") else config
    settings = {
        "data": "digits",
        "data.validation": 0,
        "epochs": 1,
        "batch_size": 300,
        "precision": "float32",
        "feedback_training.pretrain_epochs": 0,
        "feedback_training.extra_epochs": 0,
        "probes.bp_angle": None,
    }
    loaded = tpzoo.load(path, settings=settings)
    built = build(loaded.experiment, loaded.catalogue)
    run = Training(loaded.experiment, built, [])
    batches = list(run._batches(run.plan[0]))
    assert [phase.kind for phase in run.plan] == ["train"]
    ours = tpzoo.Trainer(path, example=batches[0][0], outputs=10, settings=settings)
    ours.train()
    for x, y in batches:
        found = ours.step(x, y)
    for _ in run.run():
        pass
    assert same(weights(ours.network), weights(built.engine.network))
    assert same(weights(ours.feedback), weights(built.engine.feedback))
    expected = built.engine.loss.per_sample(found.output, batches[-1][1]).mean()
    assert float(found.loss) == float(expected)


def test_a_module_and_its_cut_are_trained_alike_and_in_place() -> None:
    one, two = net(), net()
    first = trainer(network=one)
    second = trainer(network=tpzoo.split(two, X))
    for each in (first, second):
        each.train()
        for _ in range(3):
            each.step(X, Y)
    assert same(weights(one), weights(two))
    assert not same(weights(one), weights(net()))
    assert int(one[2].num_batches_tracked) == 3
    one.eval()
    assert torch.equal(first(X), one(X))


def test_tied_feedback_is_backpropagation() -> None:
    module = net().double()
    tied = trainer({"feedback": "tied", "learner": "none", "output": {"name": "gradient", "step_size": 1.0}},
                   network=module, example=X.double())  # fmt: skip
    found = tied.gradients(X.double(), Y).forward
    loss = nn.functional.cross_entropy(module(X.double()), Y, reduction="sum")
    expected = dict(
        zip(dict(module.named_parameters()), torch.autograd.grad(loss, list(module.parameters())), strict=True)
    )
    ratio = None
    for name, p in tied.network.blocks.named_parameters():
        original = next(key for key, value in module.named_parameters() if value is p)
        size = float(found[name].norm() / expected[original].norm())
        ratio = ratio or size
        block = name.split(".")[0]
        torch.testing.assert_close(found[name], expected[original] * size, rtol=1e-9, atol=1e-9)
        assert block in tied.blocks


# What is given


def test_values_by_name_that_do_not_fit_are_refused_together() -> None:
    config = {
        "learner": {"name": "reconstruction", "sigma": {"fc1": 0.1, "*": 0.2}},
        "optimizer": {"forward": {"lr": [0.1, 0.2]}, "feedback": {"lr": {"conv*": 1.0, "*": 2.0}}},
        "feedback_training": {"iterations": {"fc1": 2, "*": 1}},
    }
    with pytest.raises(tpzoo.SettingError) as caught:
        trainer(config)
    for setting in ("learner.sigma", "optimizer.forward.lr", "optimizer.feedback.lr", "feedback_training.iterations"):
        assert f"  {setting}" in caught.value.what
    assert "blocks are 1, 5, 7" in caught.value.hint
    assert "edges are 1, 5" in caught.value.hint
    whole = {"learner.sigma": 0.1, "optimizer.forward.lr": 0.1, "optimizer.feedback.lr": {"5": 0.1, "1": 0.2}}
    made = trainer(config, settings={**whole, "feedback_training.iterations": 3})
    assert made.rates()["feedback"] == {"1": 0.2, "5": 0.1}
    assert len(made.step(X, Y, record=True).record.feedback) == 3  # type: ignore[union-attr]


def test_parts_by_name_mapping_and_object() -> None:
    class Mine(tpzoo.DisplacementRule):
        def displacements(self, trace: Any, feedback: Any, batch: Any, draw: Any) -> dict[str, Tensor]:
            return feedback.displacements(trace, batch.output_displacement(trace.output))

    named = trainer(rule="dtp", learner={"name": "drl", "sigma": 0.2}, feedback={"name": "direct", "map": "linear"})
    given = trainer(
        rule=Mine(tpzoo.RuleSettings()),
        learner={"name": "drl", "sigma": 0.2},
        feedback={"name": "direct", "map": "linear"},
    )
    for each in (named, given):
        each.step(X, Y)
    assert same(weights(named.network), weights(given.network))


def test_objects_on_every_axis() -> None:
    class Zero(tpzoo.Learner):
        pass

    class Huber(tpzoo.Loss):
        def per_sample(self, out: Tensor, y: Tensor) -> Tensor:
            return nn.functional.huber_loss(out, y, reduction="none").sum(1)

    class Half(tpzoo.Output):
        def displacement(self, out: Tensor, y: Tensor, loss: tpzoo.Loss) -> Tensor:
            return (y - out) / 2

    def path(network: tpzoo.Network) -> tpzoo.Feedback:
        return trainer(feedback="direct", settings={"feedback.map": "linear"}, network=network).feedback

    values = drawn(12, 3, seed=1)
    made = trainer(learner=Zero(), loss=Huber(), output=Half(), feedback=path, rule="dtp", task="regression")
    out = made.step(X, values, record=True)
    assert out.record is not None
    torch.testing.assert_close(out.record.displacements["7"], (values - out.output) / 2)
    assert out.record.feedback == []


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"rule": 3}, "rule is of type int, no Rule of tpzoo"),
        ({"learner": nn.Linear(1, 1)}, "learner is of type Linear, no Learner"),
        ({"loss": tpzoo.Loss}, "loss is the class Loss"),
        ({"feedback": 1.5}, "feedback is of type float"),
        ({"network": None}, "how many values"),
        ({"network": nn.Sequential(nn.Linear(5, 4), nn.Linear(4, 2))}, r"gives values of shape \(4, 2\)"),
        ({"optimizer": torch.optim.SGD(nn.Linear(1, 1).parameters(), 0.1)}, "no parameter of the network"),
        ({"learner": "drll"}, "Did you mean 'drl'"),
        ({"rule": "bp", "feedback": "direct", "update": "minimal_norm"}, "minimal_norm|feedback|not an option"),
    ],
)
def test_what_does_not_fit_is_refused(options: dict[str, Any], message: str) -> None:
    with pytest.raises(tpzoo.TpzooError, match=message):
        trainer(**options)


def test_the_task_comes_from_the_labels() -> None:
    values = drawn(12, 3, seed=1)
    assert not isinstance(trainer(example=(X, values)).loss, tpzoo.ClassLoss)
    assert isinstance(trainer(example=(X, Y)).loss, tpzoo.ClassLoss)
    assert isinstance(trainer(network=None, outputs=3).loss, tpzoo.ClassLoss)


def test_optimisers_of_ones_own() -> None:
    module = net()
    own = torch.optim.SGD(module.parameters(), 0.1, momentum=0.9)
    made = trainer(network=module, optimizer=own, feedback_optimizer=lambda params: torch.optim.SGD(params, 0.0))
    before, maps = weights(made.network), weights(made.feedback)
    gradients = made.gradients(X, Y).forward
    made.step(X, Y)
    for name, value in weights(made.network).items():
        torch.testing.assert_close(value, before[name] - 0.1 * gradients[name.removeprefix("blocks.")])
    assert same(maps, weights(made.feedback))
    frozen = net()
    frozen[1].requires_grad_(False)
    made = trainer(network=frozen, optimizer=lambda params: torch.optim.SGD(params, 0.1))
    kept = frozen[1].weight.clone()
    made.step(X, Y)
    assert torch.equal(kept, frozen[1].weight)


# Going on


def test_a_saved_training_goes_on_to_the_same_bits() -> None:
    def made() -> tpzoo.Trainer:
        return trainer(
            learner="drl", network=net(drop=0.3), settings={"optimizer.forward.schedule": "cosine", "epochs": 6}
        )

    whole, first, second = made(), made(), made()
    for i in range(6):
        whole.step(X, Y)
        whole.end_epoch()
        if i < 3:
            first.step(X, Y)
            first.end_epoch()
    file = io.BytesIO()
    torch.save(first.state_dict(), file)
    file.seek(0)
    second.load_state_dict(torch.load(file, weights_only=True))
    assert second.steps == 3
    for _ in range(3):
        second.step(X, Y)
        second.end_epoch()
    assert equal(state(whole), state(second))


def test_rates_move_by_epoch_or_by_step() -> None:
    settings = {"epochs": 4, "optimizer.forward": {"name": "sgd", "lr": 1.0, "schedule": "cosine"}}
    by_epoch, by_step = trainer(settings=settings), trainer(settings=settings, schedule_per="step")
    for made in (by_epoch, by_step):
        made.step(X, Y)
        made.step(X, Y)
    assert by_epoch.rates()["forward"]["1"] == 1.0
    assert by_step.rates()["forward"]["1"] == pytest.approx(0.5)
    by_epoch.end_epoch()
    by_epoch.end_epoch()
    by_step.end_epoch()
    assert by_epoch.rates() == by_step.rates()


def test_it_moves_and_changes_its_numbers_as_a_module() -> None:
    made = trainer(learner="drl")
    made.step(X, Y)
    made.double()
    out = made.step(X.double(), Y)
    assert out.output.dtype == torch.float64
    assert {p.dtype for p in made.parameters()} == {torch.float64}
    moments = made._assembled.forward.weights.moments()
    assert {value.dtype for each in moments.values() for value in each.values()} == {torch.float64}


def test_a_loss_that_is_no_number_stops_it() -> None:
    made = trainer()
    with pytest.raises(tpzoo.RunError, match="the loss is nan in step 1"):
        made.step(X * float("nan"), Y)


def test_gradients_outside_are_left_alone() -> None:
    made = trainer()
    with torch.no_grad():  # as a caller may, around a whole loop
        made.step(X, Y)
    assert all(p.grad is None for p in made.parameters())


def test_an_update_of_dense_layers_takes_dense_layers_alone() -> None:
    dense = nn.Sequential(nn.Flatten(), nn.Linear(20, 6), nn.Tanh(), nn.Linear(6, 3))
    made = trainer(network=dense, update="minimal_norm")
    made.step(X, Y)
    with pytest.raises(tpzoo.CompatibilityError, match="dense_blocks"):
        trainer(update="minimal_norm")
