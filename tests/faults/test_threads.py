"""A run goes on with as many threads as it was started with, for another number gives other weights."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from tests.support.command import inside
from tests.support.runs import run, signalled_after, toy, write_toy_data
from tpzoo.runner.folder import RunFolder
from tpzoo.runner.loop import Training


@pytest.fixture
def used(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """The number of threads of every training."""
    found: list[int] = []
    trained = Training.run

    def noted(self: Training, *rest: object) -> object:
        found.append(torch.get_num_threads())
        return trained(self, *rest)  # type: ignore[arg-type]

    monkeypatch.setattr(Training, "run", noted)
    return found


def test_it_goes_on_with_the_threads_it_was_started_with(tmp_path: Path, used: list[int]) -> None:
    own = torch.get_num_threads()
    folder, other = tmp_path / "run", own + 1
    with signalled_after(2):
        run(toy(write_toy_data(tmp_path), "rule=bp"), folder, threads=None)
    said = RunFolder(folder).environment()
    assert said["threads"] == own
    RunFolder(folder).write_environment({**said, "threads": other})
    with signalled_after(2):
        done = inside("train", "--resume", folder)
    assert f"threads: {other}, as the run was started with (here: {own})" in done.stderr
    with signalled_after(2):
        done = inside("train", "--resume", folder, "--threads", str(own))
    assert f"threads: {own}, and the run was started with {other}" in done.stderr
    assert inside("train", "--resume", folder, "--quiet").stderr == ""
    assert used == [own, other, own, other]
    assert torch.get_num_threads() == own


def test_a_new_run_uses_those_that_it_is_told(tmp_path: Path, used: list[int]) -> None:
    overrides = ("rule=bp", "epochs=1", "architecture.hidden=[3]", "--quiet", "--threads", "2")
    assert inside("train", *overrides, "--run-dir", tmp_path / "run").returncode == 0
    assert used == [2]
    assert RunFolder(tmp_path / "run").environment()["threads"] == 2
