"""The training loop: what it counts, measures and draws."""

from __future__ import annotations

import random
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from tests.support.runs import STEPS, TRAIN, assert_same_run, catalogue, metrics, run, toy, write_toy_data
from tpzoo.engine.logger import Logger, LogRecord
from tpzoo.engine.probe import Snapshot
from tpzoo.engine.step import Engine
from tpzoo.runner.build import build
from tpzoo.runner.evaluate import Score, evaluate
from tpzoo.runner.loop import Training
from tpzoo.runner.progress import Results

DTP = ("feedback=layerwise", "learner=reconstruction", "rule=dtp")


class Kept(Logger):
    """Keeps every record."""

    def __init__(self) -> None:
        self.records: list[LogRecord] = []

    def log(self, record: LogRecord) -> None:
        self.records.append(record)

    def last(self, name: str, event: str = "epoch") -> float:
        return [record.values[name] for record in self.records if record.event == event and name in record.values][-1]


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_toy_data(tmp_path_factory.mktemp("toy"))


def trained(data: Path, *overrides: str) -> tuple[Training, Kept]:
    experiment = toy(data, *overrides).experiment
    training, kept = Training(experiment, build(experiment, catalogue()), log := [Kept()]), log[0]
    for _ in training.run():
        pass
    return training, kept


@pytest.mark.parametrize("size", [7, 10, 25, 1000])
def test_a_score_is_that_of_the_whole_split_at_once(size: int, data: Path) -> None:
    training, kept = trained(data, "rule=bp", "epochs=1", f"evaluation_batch_size={size}", "precision=float64")
    built = training.built
    test = built.data.test
    out = built.engine.network.eval()(built.data.prepare(test.x, torch.float64))
    loss = torch.nn.functional.cross_entropy(out, test.y).item()
    assert kept.last("test_loss") == pytest.approx(loss, rel=1e-12)
    assert kept.last("test_accuracy") == (out.argmax(1) == test.y).double().mean().item()


def test_the_training_loss_weighs_every_example_alike(data: Path) -> None:
    """With steps too small to matter, the mean over batches of 16, 16, 16 and 12 is that of the whole set."""
    overrides = ("rule=bp", "epochs=1", "optimizer.forward=sgd", "optimizer.forward.lr=1e-30", "precision=float64")
    training, kept = trained(data, *overrides)
    built = training.built
    whole, _ = evaluate(built.engine.network, built.engine.loss, built.data, built.data.train, torch.float64, TRAIN)
    assert kept.last("train_loss") == pytest.approx(whole.loss, rel=1e-12)
    assert kept.last("train_accuracy") == whole.accuracy


@pytest.mark.parametrize("overrides", [("rule=bp",), (*DTP, "feedback_training.pretrain_epochs=1")], ids=["bp", "dtp"])
def test_every_example_is_used_once_in_every_pass(overrides: tuple[str, ...], data: Path) -> None:
    seen: list[torch.Tensor] = []
    passes: list[str] = []

    def noting(name: str, plain: Any) -> Any:
        def noted(self: Engine, x: torch.Tensor, *rest: Any, **options: Any) -> Any:
            if name == "train_batch" or ("pretrain" in str(overrides) and len(seen) < STEPS):
                seen.append(x)
                passes.append(name)
            return plain(self, x, *rest, **options)

        return noted

    with pytest.MonkeyPatch.context() as patch:
        for name in ("train_batch", "train_feedback_batch"):
            patch.setattr(Engine, name, noting(name, getattr(Engine, name)))
        training, _ = trained(data, *overrides, "epochs=2")
    built = training.built
    everything = _rows(built.data.prepare(built.data.train.x, torch.float32))
    assert [len(x) for x in seen] == [16, 16, 16, 12] * (len(seen) // STEPS)
    orders = [torch.cat(seen[i : i + STEPS]) for i in range(0, len(seen), STEPS)]
    assert len(orders) == 2 + (passes[0] == "train_feedback_batch")
    for order in orders:
        assert _rows(order) == everything
    assert len({tuple(order.flatten().tolist()) for order in orders}) == len(orders)  # each in an order of its own


def _rows(x: torch.Tensor) -> list[tuple[float, ...]]:
    return sorted(map(tuple, x.flatten(1).tolist()))


def test_epochs_and_steps_are_counted(data: Path) -> None:
    training, kept = trained(data, *DTP, "feedback_training.pretrain_epochs=1", "feedback_training.extra_epochs=1")
    assert (training.progress.cursor.epoch, training.progress.cursor.step, training.steps_per_epoch) == (
        3,
        3 * STEPS,
        STEPS,
    )
    epochs = [(record.epoch, record.step) for record in kept.records if record.event == "epoch"]
    assert epochs == [(1, STEPS), (2, 2 * STEPS), (3, 3 * STEPS)]
    assert [record.step for record in kept.records if record.event == "step"] == list(range(1, 3 * STEPS + 1))


def test_the_rates_of_both_optimizers_follow_their_schedules(data: Path) -> None:
    overrides = [f"optimizer.{name}.schedule={{name: step, every: 1, factor: 0.5}}" for name in ("forward", "feedback")]
    experiment = toy(data, *DTP, *overrides, "optimizer.forward.lr=0.01", "optimizer.feedback.lr=0.02").experiment
    built = build(experiment, catalogue())
    rates = []
    for _ in Training(experiment, built, []).run():
        optimizers = [each.optimizer for each in (built.engine.forward_weights, built.engine.feedback_weights)]
        rates.append([each.param_groups[0]["lr"] for each in optimizers if each is not None])
    assert rates == [[0.01 / 2**epoch, 0.02 / 2**epoch] for epoch in (1, 2, 3)]  # after each epoch, for the next


@pytest.mark.parametrize(("every", "steps"), [(5, [1, 6, 11, 12]), (11, [1, 12]), (100, [1, 12])])
def test_probes_measure_on_every_nth_step_from_the_first_and_on_the_last(
    every: int, steps: list[int], data: Path
) -> None:
    _, kept = trained(data, *DTP, f"probes.bp_angle.every={every}")
    assert [record.step for record in kept.records if record.event == "probe"] == steps
    alternate = ("feedback_training.order=alternate_epochs", "feedback_training.extra_epochs=1")
    _, kept = trained(data, *DTP, *alternate, f"probes.bp_angle.every={every}")
    assert [record.step for record in kept.records if record.event == "probe"] == steps


@pytest.mark.parametrize("order", ["targets_first", "feedback_first"])
def test_a_probe_sees_the_maps_that_made_the_displacements(order: str, data: Path) -> None:
    """And the forward weights before their step; after it, the maps are where training left them, to the bit."""
    experiment = toy(data, *DTP, f"feedback_training.order={order}", "precision=float64").experiment
    watched, plain = (build(experiment, catalogue()).engine for _ in range(2))
    x = torch.rand(16, *watched.network.input_shape, dtype=torch.float64)
    y = torch.randint(0, 3, (16,))
    before: list[dict[str, torch.Tensor]] = []
    for _ in range(2):
        seen = 0

        def observe(snapshot: Snapshot) -> None:
            nonlocal seen
            seen += 1
            trace = snapshot.clean_trace()
            again = watched.rule.displacements(trace, snapshot.feedback, snapshot.batch, snapshot.draw)
            for node, d in snapshot.displacements.items():
                torch.testing.assert_close(again[node], d, rtol=0, atol=0)
            weights = dict(snapshot.network.named_parameters())
            assert all(torch.equal(weights[name], value) for name, value in before[-1].items())

        before.append({name: value.detach().clone() for name, value in watched.network.named_parameters()})
        watched.train_batch(x, y, observe=observe)
        plain.train_batch(x, y)
        assert seen == 1
        for one, other in ((watched.feedback, plain.feedback), (watched.network, plain.network)):
            pairs = zip(one.state_dict().values(), other.state_dict().values(), strict=True)
            assert all(torch.equal(a, b) for a, b in pairs)


def test_a_probe_changes_nothing(data: Path, tmp_path: Path) -> None:
    plain, watched = (
        toy(data, *DTP, *overrides) for overrides in ((), ("probes.bp_angle.every=1", "probes.reconstruction.every=1"))
    )
    finals = []
    for name, loaded in (("plain", plain), ("watched", watched)):
        run(loaded, tmp_path / name)
        finals.append([row for row in metrics(tmp_path / name) if row[0] != "probe"])
    assert finals[0] == finals[1]


def test_the_best_epoch_is_that_of_the_validation_split(data: Path) -> None:
    training, kept = trained(data, "rule=bp", "epochs=6", "data.validation=20")
    values = [(r.values["valid_accuracy"], r.values["test_accuracy"]) for r in kept.records if r.event == "epoch"]
    best = max(valid for valid, _ in values)
    first = [valid for valid, _ in values].index(best)
    results = training.progress.results
    assert (results.best_epoch, results.best_valid_accuracy) == (first + 1, best)
    assert results.test_accuracy_at_best_valid == values[first][1]


def test_of_two_equal_epochs_the_first_is_the_best_even_if_nothing_is_right() -> None:
    results = Results()
    for epoch, valid in enumerate((0.0, 0.0, 0.0), start=1):
        results.note_best(epoch, Score(1.0, valid), Score(1.0, epoch / 10))
    assert (results.best_epoch, results.test_accuracy_at_best_valid) == (1, 0.1)


@pytest.mark.parametrize(("monitor", "best"), [("auto", 1), ("valid_accuracy", 1), ("valid_loss", 3)])
def test_what_the_best_epoch_is_best_in_can_be_chosen(monitor: str, best: int) -> None:
    results = Results()
    for epoch, (loss, accuracy) in enumerate([(3.0, 0.9), (2.0, 0.8), (1.0, 0.8), (1.0, 0.7)], start=1):
        results.note_best(epoch, Score(loss, accuracy), Score(10 * loss, accuracy / 2), monitor)
    assert results.best_epoch == best
    assert results.best_valid_loss == {1: 3.0, 3: 1.0}[best]
    assert results.test_loss_at_best_valid == 10 * results.best_valid_loss
    assert results.test_accuracy_at_best_valid == {1: 0.45, 3: 0.4}[best]


def test_the_best_epoch_of_a_regression_is_that_of_the_least_loss() -> None:
    results = Results()
    for epoch, loss in enumerate((3.0, 1.0, 1.0, 2.0), start=1):
        results.note_best(epoch, Score(loss, None), Score(loss + 1, None))
    assert (results.best_epoch, results.best_valid_loss, results.test_loss_at_best_valid) == (2, 1.0, 2.0)
    assert results.best_valid_accuracy is results.test_accuracy_at_best_valid is None


def test_the_same_seed_gives_the_same_run_and_another_another(data: Path, tmp_path: Path) -> None:
    loaded = toy(data, *DTP, "data.flip=true", "data.crop=1")
    for name in ("one", "two"):
        run(loaded, tmp_path / name)
    assert_same_run(tmp_path / "one", tmp_path / "two", loaded.hash)
    run(toy(data, *DTP, "data.flip=true", "data.crop=1", "seed=1"), tmp_path / "three")
    assert metrics(tmp_path / "three") != metrics(tmp_path / "one")


def test_no_global_generator_is_touched(data: Path, tmp_path: Path) -> None:
    def states() -> list[str]:
        return [str(torch.get_rng_state().tolist()), str(np.random.get_state()), str(random.getstate())]

    before = states()
    run(
        toy(data, *DTP, "data.flip=true", "data.crop=1", "data.validation=8", "probes.bp_angle.every=1"), tmp_path / "a"
    )
    assert states() == before
    torch.manual_seed(99)  # and none of them decides anything
    np.random.seed(99)
    random.seed(99)
    run(toy(data, *DTP), tmp_path / "b")
    torch.manual_seed(7)
    run(toy(data, *DTP), tmp_path / "c")
    assert metrics(tmp_path / "b") == metrics(tmp_path / "c")


def test_the_summary_says_what_the_run_came_to(data: Path, tmp_path: Path) -> None:
    found = run(toy(data, "rule=bp", "data.validation=12"), tmp_path / "run")
    weights = 16 * 6 + 6 + 6 * 5 + 5 + 5 * 3 + 3
    assert (found.status, found.epochs, found.steps, found.parameters) == ("done", 3, 9, weights)
    rows = {row[3]: float(row[4]) for row in metrics(tmp_path / "run") if row[0] == "epoch"}  # the last of each name
    assert (found.test_loss, found.test_accuracy, found.train_loss) == (
        rows["test_loss"], rows["test_accuracy"], rows["train_loss"],
    )  # fmt: skip
    assert found.seconds_per_epoch == found.train_seconds / 3
    assert 0 < found.train_seconds < found.seconds
    plain = run(toy(data, "rule=bp"), tmp_path / "plain")
    assert plain.best_valid_accuracy is None
    assert plain.test_accuracy_at_best_valid is None


def test_the_network_is_evaluated_in_evaluation_mode_and_trained_in_training_mode(data: Path) -> None:
    experiment = toy(data, "rule=bp", "epochs=2").experiment
    built = build(experiment, catalogue())
    modes: list[bool] = []
    built.engine.network.blocks["fc1"].register_forward_hook(lambda module, *_: modes.append(module.training))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Engine, "train_batch", _noting_mode(modes))
        for _ in Training(experiment, built, []).run():
            assert built.engine.network.training
    assert modes == ([True] * STEPS + [False] * 3) * 2  # 25 test examples in batches of 10


def _noting_mode(modes: list[bool]) -> Any:
    def train_batch(self: Engine, x: torch.Tensor, *rest: Any) -> torch.Tensor:
        modes.append(self.network.training)
        return torch.zeros(len(x), 3)

    return train_batch
