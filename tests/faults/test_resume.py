"""A run that is interrupted and resumed ends in the same bits as one that was left alone."""

from __future__ import annotations

import json
import signal
from pathlib import Path

import pytest

from tests.support.command import assert_message, inside, tpzoo
from tests.support.runs import (
    STEPS,
    assert_same_run,
    metrics,
    run,
    signalled_after,
    status,
    summary,
    toy,
    write_toy_data,
)
from tpzoo.errors import CheckpointError
from tpzoo.runner.checkpoint import Checkpoints
from tpzoo.runner.folder import RunFolder

LAYERWISE = ("feedback=layerwise", "learner=reconstruction", "rule=dtp")
DIRECT = ("feedback=direct", "learner=drl", "rule=dtp")
SCHEDULE = "optimizer.{0}.schedule=cosine optimizer.{0}.schedule.warmup_epochs=1"

METHODS = {
    "pretrain_and_extra": (*LAYERWISE, "feedback_training.pretrain_epochs=1", "feedback_training.extra_epochs=1"),
    "alternate": (*LAYERWISE, "feedback_training.order=alternate_epochs"),
    "per_edge": (*LAYERWISE, "feedback_training.order=feedback_first", "feedback_training.iterations=[2,1]"),
    "bp": ("rule=bp",),
    "tied": ("feedback=tied", "learner=none", "rule=dtp"),
    "validation_and_schedules": (
        *DIRECT,
        "data.validation=8",
        "checkpoint.every_epochs=2",
        *SCHEDULE.format("forward").split(),
        *SCHEDULE.format("feedback").split(),
    ),
    "momentum_and_clip": (
        *DIRECT,
        "optimizer.forward=sgd",
        "optimizer.forward.momentum=0.9",
        "optimizer.forward.clip=1",
    ),
    "timm": (*DIRECT, "optimizer.forward=timm", "optimizer.forward.schedule=timm"),
    "augmentation": (*DIRECT, "data.flip=true", "data.crop=1"),
    "probes": (*LAYERWISE, "probes.bp_angle.every=2", "probes.reconstruction.every=3"),
    "random_hidden": (*DIRECT, "feedback.map=random_hidden", "feedback.map.width=7", "feedback.map.recurrent=true"),
    "ridge": (*DIRECT, "learner=ridge", "feedback_training.iterations=2"),
    "float64": (*LAYERWISE, "precision=float64", "optimizer.feedback=rmsprop"),
}


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_toy_data(tmp_path_factory.mktemp("toy"))


@pytest.mark.parametrize("method", METHODS)
def test_interrupted_again_and_again_it_ends_in_the_same_bits(method: str, data: Path, tmp_path: Path) -> None:
    loaded = toy(data, *METHODS[method])
    run(loaded, tmp_path / "whole")
    resumed, parts = False, 0
    while not resumed or status(tmp_path / "parts") != "done":
        with signalled_after(3):
            run(loaded, tmp_path / "parts", resume=resumed)
        resumed, parts = True, parts + 1
    assert parts >= STEPS
    assert_same_run(tmp_path / "parts", tmp_path / "whole", loaded.hash)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_ends_the_run_after_its_step_with_a_checkpoint(number: int, data: Path, tmp_path: Path) -> None:
    loaded = toy(data, "rule=bp")
    with signalled_after(STEPS + 2, number):
        found = run(loaded, tmp_path / "run")
    assert (found.status, found.steps, found.epochs) == ("interrupted", STEPS + 2, 1)
    assert status(tmp_path / "run") == summary(tmp_path / "run")["status"] == "interrupted"
    saved = Checkpoints(tmp_path / "run" / "checkpoints", loaded.hash).load()
    assert saved.state["training"]["progress"]["cursor"]["step"] == STEPS + 2


def test_a_second_interrupt_ends_the_run_at_once(data: Path, tmp_path: Path) -> None:
    before = signal.signal(signal.SIGINT, signal.default_int_handler)  # a job in the background starts with it ignored
    try:
        with signalled_after(STEPS + 2), signalled_after(STEPS + 2), pytest.raises(KeyboardInterrupt):
            run(toy(data, "rule=bp"), tmp_path / "run")
    finally:
        signal.signal(signal.SIGINT, before)
    assert status(tmp_path / "run") == "interrupted"
    assert summary(tmp_path / "run")["epochs"] == 1


def test_a_finished_run_is_left_as_it_is(data: Path, tmp_path: Path) -> None:
    loaded = toy(data, "rule=bp")
    run(loaded, tmp_path / "run")
    before = _content(tmp_path / "run")
    again = inside("train", "--resume", tmp_path / "run")
    assert (again.returncode, again.stderr) == (0, "")
    assert "had ended: nothing was changed" in again.stdout
    assert _content(tmp_path / "run") == before


def test_a_run_that_was_killed_before_its_first_checkpoint_starts_again(data: Path, tmp_path: Path) -> None:
    loaded = toy(data, "rule=bp")
    run(loaded, tmp_path / "whole")
    for stray in ("run", "run/checkpoints", "run/checkpoints/.step-00000001-00000-00001.part"):
        (tmp_path / stray).mkdir()
    (tmp_path / "run" / "config.yaml").write_text(loaded.to_yaml())
    (tmp_path / "run" / "metrics.csv").write_text("event,epoch,step,name,value,seconds\nstep,1,1,train_l")
    (tmp_path / "run" / ".status.json.abcd_123.part").write_text("{")
    run(loaded, tmp_path / "run", resume=True)
    assert_same_run(tmp_path / "run", tmp_path / "whole", loaded.hash)
    assert not [path for path in (tmp_path / "run").rglob("*.part")]


def test_an_edited_config_is_refused(data: Path, tmp_path: Path) -> None:
    folder = tmp_path / "run"
    with signalled_after(5):
        run(toy(data, "rule=bp"), folder)
    before = _content(folder)
    assert_message(inside("train", "--resume", folder, "seed=5"), "was started with the config", "put its config.yaml")
    config = folder / "config.yaml"
    text = config.read_text()
    config.write_text(text.replace("seed: 0", "seed: 5"))
    assert_message(inside("train", "--resume", folder), "was started with the config", "start a new run")
    config.write_text(text)
    assert _content(folder) == before
    # what the hash leaves out may change
    assert inside("train", "--resume", folder, "checkpoint.every_epochs=1", "--quiet").returncode == 0
    assert "epoch-0003" in json.loads((folder / "checkpoints" / "labels.json").read_text())


def test_a_value_that_a_pattern_is_added_to_is_another_config(data: Path, tmp_path: Path) -> None:
    folder, pattern = tmp_path / "run", 'learner.sigma={{"*": 0.1{}}}'
    with signalled_after(5):
        run(toy(data, *DIRECT, pattern.format("")), folder)
    done = inside("train", "--resume", folder, pattern.format(", hidden1: 5.0"))
    assert_message(done, "was started with the config", "put its config.yaml back")


def test_a_default_may_be_taken_out_of_the_config(data: Path, tmp_path: Path) -> None:
    folder = tmp_path / "run"
    with signalled_after(5):
        run(toy(data, "rule=bp"), folder)
    config = folder / "config.yaml"
    text = config.read_text()
    config.write_text(text.replace("cuda_graphs: false\n", ""))
    assert config.read_text() != text
    assert inside("train", "--resume", folder, "--quiet").returncode == 0
    assert inside("evaluate", folder).returncode == 0


def test_two_processes_do_not_train_in_one_folder(data: Path, tmp_path: Path) -> None:
    folder = tmp_path / "run"
    with signalled_after(5):
        run(toy(data, "rule=bp"), folder)
    before = _content(folder)
    with RunFolder(folder).held():
        assert_message(tpzoo("train", "--resume", folder), "another process is training in", "wait for it")
    assert _content(folder) == before
    assert inside("train", "--resume", folder, "--quiet").returncode == 0


def test_a_checkpoint_of_another_config_is_refused(data: Path, tmp_path: Path) -> None:
    loaded, other = toy(data, "rule=bp"), toy(data, "rule=bp", "seed=1")
    for each, name in ((loaded, "run"), (other, "other")):
        with signalled_after(5):
            run(each, tmp_path / name)
    (tmp_path / "run" / "checkpoints").rename(tmp_path / "aside")
    (tmp_path / "other" / "checkpoints").rename(tmp_path / "run" / "checkpoints")
    with pytest.raises(CheckpointError, match=f"belongs to the config {other.hash}, not to {loaded.hash}"):
        run(loaded, tmp_path / "run", resume=True)


def test_an_earlier_checkpoint_can_be_resumed_from_by_name(data: Path, tmp_path: Path) -> None:
    loaded = toy(data, "rule=bp", "checkpoint.every_epochs=1", "data.validation=12")
    run(loaded, tmp_path / "whole")
    with signalled_after(2 * 3 + 2):
        run(loaded, tmp_path / "run")
    with pytest.raises(CheckpointError, match="not the last checkpoint") as caught:
        run(loaded, tmp_path / "run", resume=True, checkpoint="epoch-0001")
    assert "--discard-later" in caught.value.hint
    run(loaded, tmp_path / "run", resume=True, checkpoint="epoch-0001", discard_later=True)
    assert_same_run(tmp_path / "run", tmp_path / "whole", loaded.hash)
    with pytest.raises(CheckpointError, match="no checkpoint 'epoch-0009'") as caught:
        Checkpoints(tmp_path / "run" / "checkpoints", loaded.hash).load("epoch-0009")
    assert "epoch-0001, epoch-0002" in caught.value.hint


def test_what_is_kept_last_best_and_every_n(data: Path, tmp_path: Path) -> None:
    loaded = toy(data, "rule=bp", "epochs=5", "data.validation=12", "checkpoint.every_epochs=2")
    run(loaded, tmp_path / "run")
    folder = tmp_path / "run" / "checkpoints"
    labels = json.loads((folder / "labels.json").read_text())
    del labels["digest"]
    assert labels.keys() == {"last", "best", "epoch-0002", "epoch-0004"}
    assert {path.name for path in folder.iterdir()} == {*labels.values(), "labels.json"}
    rows = [row for row in metrics(tmp_path / "run") if row[3] == "valid_accuracy"]
    values = [float(row[4]) for row in rows]
    best = Checkpoints(folder, loaded.hash).load("best").state["training"]["progress"]
    assert best["cursor"]["epoch"] == values.index(max(values)) + 1  # the first of the best
    assert summary(tmp_path / "run")["best_valid_accuracy"] == max(values)


def test_a_long_epoch_is_saved_within(data: Path, tmp_path: Path) -> None:
    loaded = toy(data, *LAYERWISE, "epochs=1", "checkpoint.every_seconds=1e-9")
    plain = toy(data, *LAYERWISE, "epochs=1")
    names: list[str] = []
    with pytest.MonkeyPatch.context() as patch:
        save = Checkpoints.save

        def noted(self: Checkpoints, name: str, *rest: object) -> Path:
            names.append(name)
            return save(self, name, *rest)  # type: ignore[arg-type]

        patch.setattr(Checkpoints, "save", noted)
        run(loaded, tmp_path / "often")
    assert names == [f"step-{n:08d}-00000-{n:05d}" for n in (1, 2, 3)] + ["step-00000004-00001-00000"]
    assert loaded.hash == plain.hash
    run(plain, tmp_path / "once")
    assert_same_run(tmp_path / "often", tmp_path / "once", loaded.hash)


def test_a_run_without_epochs_leaves_a_checkpoint(data: Path, tmp_path: Path) -> None:
    loaded = toy(data, "rule=bp", "epochs=0")
    assert run(loaded, tmp_path / "run").status == "done"
    assert Checkpoints(tmp_path / "run" / "checkpoints", loaded.hash).load().weights


def _content(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}
