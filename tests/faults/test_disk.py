"""A disk that is full, or refuses, while a run writes: one plain message, and what was written before is good."""

from __future__ import annotations

import json
import os
import resource
from pathlib import Path

import pytest
from click.testing import CliRunner

from tests.support.moments import Moments, disk_full, fork, outcome
from tests.support.runs import assert_same_run, metrics, run, toy, write_toy_data
from tpzoo.cli import main
from tpzoo.config import LoadedConfig
from tpzoo.report.metrics import read_metrics
from tpzoo.runner.checkpoint import Checkpoints

OVERRIDES = ("rule=bp", "epochs=2", "data.validation=8", "checkpoint.every_epochs=1")


@pytest.fixture(scope="module")
def loaded(tmp_path_factory: pytest.TempPathFactory) -> LoadedConfig:
    return toy(write_toy_data(tmp_path_factory.mktemp("toy")), *OVERRIDES)


@pytest.fixture(scope="module")
def whole(loaded: LoadedConfig, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("whole") / "run"
    run(loaded, folder)
    return folder


def train(loaded: LoadedConfig, folder: Path) -> tuple[int, str]:
    """The command in this process: its exit code and its message."""
    config = folder.with_suffix(".yaml")
    config.write_text(loaded.to_yaml())
    done = CliRunner().invoke(main, ["train", str(config), "--run-dir", str(folder)])
    assert done.exception is None or isinstance(done.exception, SystemExit), repr(done.exception)
    return done.exit_code, done.stderr


def test_full_at_each_write_in_turn(loaded: LoadedConfig, whole: Path, tmp_path: Path) -> None:
    assert train(loaded, tmp_path / "first")[0] == 0  # writes the digests of the data, which later ones read
    with Moments().watch(reading=False) as moments:
        assert train(loaded, tmp_path / "counted")[0] == 0
    assert moments.count > 60
    for at in range(1, moments.count, 3):  # the last is the sync of the folder, when all is written
        folder = tmp_path / str(at)
        with Moments(at, disk_full, again=True).watch(reading=False):
            code, message = train(loaded, folder)
        assert code == 1, message
        assert message.count("Error: ") == 1, message
        assert os.strerror(28) in message
        assert "intact" in message
        good_so_far(loaded, folder, whole)
        started = (folder / "config.yaml").is_file()
        run(loaded, folder, resume=started)
        assert_same_run(folder, whole, loaded.hash)


def good_so_far(loaded: LoadedConfig, folder: Path, whole: Path) -> None:
    """Metrics are the beginning of the whole run's, and every label points to a whole checkpoint."""
    if (folder / "metrics.csv").exists():
        rows = metrics(folder)
        assert rows == metrics(whole)[: len(rows)]
        if rows:
            read_metrics(folder)
    checkpoints = Checkpoints(folder / "checkpoints", loaded.hash)
    for label in checkpoints.labels():
        checkpoints.load(label)


def test_a_limit_on_the_size_of_files(loaded: LoadedConfig, tmp_path: Path) -> None:
    """A real refusal by the system, while the state of a larger network is saved."""
    large = toy(Path(loaded.experiment.data.settings.path), *OVERRIDES, "architecture.hidden=[64,64]")

    def limited() -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, 20_000))
        code, message = train(large, tmp_path / "run")
        assert code == 1, message
        assert "a checkpoint cannot be written" in message
        assert "--resume" in message

    assert outcome(fork(limited)) == 0
    assert json.loads((tmp_path / "run" / "status.json").read_text())["status"] == "failed"
    assert not list((tmp_path / "run").rglob("*.part"))
    assert run(large, tmp_path / "run", resume=True).status == "done"
