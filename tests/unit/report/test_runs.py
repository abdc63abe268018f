"""Which folders are runs, and what is said about those that cannot be used."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest

from tests.support.run_folders import HEADER, write_run
from tpzoo.errors import DataError
from tpzoo.report.metrics import read_events
from tpzoo.report.runs import find_runs, natural


def names(places: list[Path]) -> list[str]:
    return [run.folder.name for run in find_runs(places).runs]


def test_runs_are_found_at_any_depth_in_the_order_given(tmp_path: Path) -> None:
    for place in ("b/run10", "b/run2", "b/deep/er/x", "a"):
        write_run(tmp_path / place, name=place.replace("/", "-"))
    assert names([tmp_path / "b", tmp_path / "a"]) == ["x", "run2", "run10", "a"]
    assert names([tmp_path / "b" / "run10", tmp_path]) == ["run10", "a", "x", "run2"]


def test_a_run_inside_a_run_folder_is_found_but_its_checkpoints_are_not_searched(tmp_path: Path) -> None:
    write_run(tmp_path / "outer" / "inner")
    (tmp_path / "outer" / "config.yaml").write_text("seed: 1\n")
    write_run(tmp_path / "outer" / "checkpoints" / "hidden")
    found = find_runs([tmp_path])
    assert [run.folder.name for run in found.runs] == ["inner"]
    assert found.warnings == [f"skipped: {tmp_path / 'outer'} holds no metrics.csv"]


def test_links_are_followed_once(tmp_path: Path) -> None:
    write_run(tmp_path / "elsewhere" / "run")
    (tmp_path / "runs").mkdir()
    (tmp_path / "runs" / "link").symlink_to(tmp_path / "elsewhere")
    (tmp_path / "runs" / "back").symlink_to(tmp_path / "runs")
    assert names([tmp_path / "runs", tmp_path / "elsewhere"]) == ["run"]


def test_a_folder_that_cannot_be_searched_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_run(tmp_path / "run")
    write_run(tmp_path / "locked" / "inner")
    search = os.scandir

    def scandir(path: str) -> Any:
        if str(path).endswith("locked"):
            raise PermissionError(13, "Permission denied", str(path))
        return search(path)

    monkeypatch.setattr(os, "scandir", scandir)
    found = find_runs([tmp_path])
    assert [run.folder.name for run in found.runs] == ["run"]
    assert found.warnings == [f"skipped: {tmp_path / 'locked'} cannot be searched: Permission denied"]


def test_what_the_folder_says_is_read(tmp_path: Path) -> None:
    probes = {"mine/fc1": {1: 2.0}}
    config = {"probes": {"mine": {"name": "tpzoo/bp_angle"}, "short": "reconstruction", "off": None}}
    write_run(tmp_path / "run", seed=7, probes=probes, blocks=["fc1", "fc2"], config=config)
    (run,) = find_runs([tmp_path]).runs
    assert (run.seed, run.status, run.blocks, run.epoch) == ((7, 7), "done", ("fc1", "fc2"), 1)
    assert [run.kind(each) for each in ("mine", "short", "off", "unknown")] == [
        "bp_angle", "reconstruction", "off", "unknown",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("file", "content", "said"),
    [
        ("metrics.csv", "", "its first line is not event"),
        ("metrics.csv", "a,b\n1,2\n", "its first line is not event"),
        ("metrics.csv", HEADER, "holds no metric"),
        ("metrics.csv", HEADER + "step,1,1,train_loss,1.0,0.1\n", "holds no metric"),
        ("metrics.csv", HEADER + "epoch,1,1,train_loss,1.0,0.1\nepoch,1,1,test\n", "line 3"),
        ("metrics.csv", HEADER + "epoch,1,1,train_loss,soon,0.1\n", "line 2: could not convert"),
        ("metrics.csv", HEADER + "epoch,1.5,1,train_loss,1.0,0.1\n", "line 2: invalid literal"),
        ("metrics.csv", HEADER + "epoch,1,1,train\0loss,\0,0.1\n", "metrics.csv is not a file of the logger csv"),
        ("config.yaml", "a: [1\n", "config.yaml is not a config"),
        ("config.yaml", "- a\n", "config.yaml is not a config: it holds no keys"),
    ],
)
def test_a_damaged_run_is_named_and_the_others_are_used(tmp_path: Path, file: str, content: str, said: str) -> None:
    write_run(tmp_path / "good")
    (write_run(tmp_path / "bad") / file).write_text(content)
    found = find_runs([tmp_path])
    assert [run.folder.name for run in found.runs] == ["good"]
    (warning,) = found.warnings
    assert warning.startswith("skipped: ")
    assert str(tmp_path / "bad") in warning
    assert said in warning
    assert "\n" not in warning


def test_bytes_that_are_no_text_are_damage(tmp_path: Path) -> None:
    write_run(tmp_path / "good")
    for name in ("metrics.csv", "config.yaml"):
        (write_run(tmp_path / name) / name).write_bytes(b"\xff\xfe\x00")
    assert len(find_runs([tmp_path]).warnings) == 2


@pytest.mark.parametrize("missing", ["metrics.csv", "config.yaml"])
def test_a_missing_file_is_named(tmp_path: Path, missing: str) -> None:
    write_run(tmp_path / "good")
    (write_run(tmp_path / "bad") / missing).unlink()
    assert find_runs([tmp_path]).warnings == [f"skipped: {tmp_path / 'bad'} holds no {missing}"]


def test_a_last_line_that_was_cut_is_left_out(tmp_path: Path) -> None:
    folder = write_run(tmp_path / "run", epochs=[{"test_loss": 1.0}, {"test_loss": 0.25}])
    whole = (folder / "metrics.csv").read_text()
    (folder / "metrics.csv").write_text(whole[:-1])  # all that is missing is the end of the line
    assert read_events(folder).cut
    found = find_runs([tmp_path])
    assert found.runs[0].epochs["test_loss"].values == [1.0]
    assert found.warnings == [f"{folder}: the last line of metrics.csv was cut short and is left out"]


def test_a_run_that_is_not_done_and_figures_that_are_not_finite_are_named(tmp_path: Path) -> None:
    probes = {"bp_angle/fc1": {1: float("nan"), 2: 3.0}}
    folder = write_run(tmp_path / "run", status="failed", probes=probes, config={"epochs": 9})
    assert find_runs([tmp_path]).warnings == [
        f"{folder}: its status is 'failed', after 1 of 9 epochs",
        f"{folder}: 1 of 2 values of bp_angle/fc1 are not finite and are left out",
    ]
    other = write_run(tmp_path / "other", status=None)
    (other / "environment.json").unlink()
    assert find_runs([other]).warnings == [f"{other}: its status is 'unknown', after 1 of 1 epochs"]


def test_nothing_to_report_on_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="nowhere does not exist"):
        find_runs([tmp_path / "nowhere"])
    with pytest.raises(DataError, match="holds no run"):
        find_runs([tmp_path])
    file = tmp_path / "file"
    file.write_text("")
    with pytest.raises(DataError, match="file is not a folder"):
        find_runs([file])
    (write_run(tmp_path / "bad") / "metrics.csv").write_text("")
    with pytest.raises(DataError, match=r"no run can be used; skipped: .*bad"):
        find_runs([tmp_path])


def test_numbers_in_names_sort_as_numbers() -> None:
    assert sorted(["fc10", "fc2", "fc", "a2b10", "a2b9", "10"], key=natural) == [
        "10", "a2b9", "a2b10", "fc", "fc2", "fc10",
    ]  # fmt: skip
