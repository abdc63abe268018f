"""SIGKILL at any moment of a run, those of saving included: resumed, it ends in the bits of a run left alone."""

from __future__ import annotations

import os
import random
import signal
import time
from pathlib import Path

import pytest

from tests.support.moments import Moments, fork, kill, outcome
from tests.support.runs import assert_same_run, run, toy, write_toy_data
from tpzoo.config import LoadedConfig

METHOD = (
    "feedback=layerwise", "learner=reconstruction", "rule=dtp", "epochs=2", "data.validation=8",
    "feedback_training.pretrain_epochs=1", "feedback_training.extra_epochs=1", "checkpoint.every_epochs=1",
    "probes.bp_angle.every=2",
)  # fmt: skip
METHODS = {
    "dtp": METHOD,
    "ddtp": ("feedback=direct", "learner=drl", "rule=dtp", "epochs=3", "optimizer.forward.schedule=cosine"),
    "bp": ("rule=bp", "epochs=4", "optimizer.forward=sgd", "optimizer.forward.momentum=0.9", "data.flip=true"),
    "ridge": ("feedback=direct", "learner=ridge", "rule=dtp", "epochs=3", "feedback_training.order=alternate_epochs"),
}
EVERY_STEP = "checkpoint.every_seconds=1e-9"
KILLS = 20
ALL = bool(os.environ.get("TPZOO_TEST_ALL"))


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_toy_data(tmp_path_factory.mktemp("toy"))


@pytest.fixture(scope="module")
def whole(data: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("whole") / "run"
    run(toy(data, *METHOD), folder)
    return folder


def finish(loaded: LoadedConfig, folder: Path, whole: Path) -> None:
    """Go on with a killed run, in a process of its own, and compare."""
    started = (folder / "config.yaml").is_file()  # killed before that, nothing was there to resume
    assert outcome(fork(lambda: run(loaded, folder, resume=started))) == 0
    assert_same_run(folder, whole, loaded.hash)
    assert not list(folder.rglob("*.part"))


@pytest.mark.parametrize("method", METHODS)
def test_killed_at_random_times(method: str, data: Path, tmp_path: Path) -> None:
    loaded = toy(data, *METHODS[method], "checkpoint.every_seconds=0.02")
    started = time.monotonic()
    assert outcome(fork(lambda: run(loaded, tmp_path / "timed"))) == 0
    length = time.monotonic() - started
    moments = random.Random(method)
    for number in range(KILLS // len(METHODS) * (2 if ALL else 1)):
        folder = tmp_path / str(number)
        child = fork(lambda folder=folder: run(loaded, folder))
        time.sleep(moments.uniform(0, length))
        os.kill(child, signal.SIGKILL)
        assert outcome(child) in (-signal.SIGKILL, 0)
        finish(loaded, folder, tmp_path / "timed")


def test_killed_while_it_writes(data: Path, whole: Path, tmp_path: Path) -> None:
    loaded, plain = toy(data, *METHOD, EVERY_STEP), toy(data, *METHOD)
    with Moments().watch() as moments:
        run(loaded, tmp_path / "counted")
    assert_same_run(tmp_path / "counted", whole, loaded.hash)
    for at in random.Random(0).sample(range(1, moments.count + 1), KILLS):
        folder = tmp_path / str(at)

        def killed(at: int = at, folder: Path = folder) -> None:
            with Moments(at, kill).watch():
                run(loaded, folder)

        assert outcome(fork(killed)) == -signal.SIGKILL
        finish(plain, folder, whole)  # one hash: how often it saves changes nothing


def test_killed_at_the_moments_of_the_first_and_the_last_save(data: Path, whole: Path, tmp_path: Path) -> None:
    """Every third moment, with those of making the folder, of moving three labels at once and of the summary."""
    loaded = toy(data, *METHOD)
    with Moments().watch() as moments:
        run(loaded, tmp_path / "counted")
    for at in [*range(1, 50, 3), *range(moments.count - 40, moments.count + 1, 3)]:
        folder = tmp_path / f"at-{at}"

        def killed(at: int = at, folder: Path = folder) -> None:
            with Moments(at, kill).watch():
                run(loaded, folder)

        assert outcome(fork(killed)) == -signal.SIGKILL
        finish(loaded, folder, whole)


def test_killed_again_and_again(data: Path, whole: Path, tmp_path: Path) -> None:
    """A run that is killed at every attempt still comes to its end, since it saves within epochs."""
    loaded = toy(data, *METHOD, EVERY_STEP)
    folder, attempts, code = tmp_path / "run", 0, -signal.SIGKILL

    def attempt() -> None:
        with Moments(60, kill).watch():
            run(loaded, folder, resume=attempts > 0)

    while code != 0:
        code = outcome(fork(attempt))
        attempts += 1
        assert code in (0, -signal.SIGKILL)
        assert attempts < 100
    assert attempts > 5
    assert_same_run(folder, whole, loaded.hash)
