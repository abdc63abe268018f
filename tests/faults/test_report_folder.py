"""A report writes over, and removes, only what an earlier report wrote."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.support.command import assert_message, inside
from tests.support.run_folders import write_run
from tpzoo.errors import DataError
from tpzoo.report.output import MARK, write_files
from tpzoo.report.write import write_report


def test_a_report_of_one_s_own_is_not_written_over(tmp_path: Path) -> None:
    write_run(tmp_path / "run")
    own = tmp_path / "here" / "report.md"
    own.parent.mkdir()
    own.write_text("my report to the dean")
    done = inside("report", tmp_path / "run", "--out", own.parent, "--format", "svg")
    assert_message(done, str(own), "--out")
    assert own.read_text() == "my report to the dean"
    assert [path.name for path in own.parent.iterdir()] == ["report.md"]


def test_an_earlier_report_is_replaced_and_what_it_had_more_goes(tmp_path: Path) -> None:
    out = tmp_path / "out"
    write_run(tmp_path / "a", probes={"bp_angle/fc1": {1: 5.0}})
    write_run(tmp_path / "b", name="other")
    write_report([tmp_path / "a"], out, formats=("svg",))
    (out / "notes.txt").write_text("mine")
    write_report([tmp_path / "a"], out, formats=("svg",))
    assert (out / "tables" / "bp_angle.csv").exists()
    write_report([tmp_path / "b"], out, formats=("svg",))
    assert not (out / "tables" / "bp_angle.csv").exists()
    assert (out / "notes.txt").read_text() == "mine"


def test_what_was_edited_since_is_kept(tmp_path: Path) -> None:
    write_files(tmp_path, {"report.md": "one", "tables/old.csv": "1"})
    (tmp_path / "tables" / "old.csv").write_text("1, with a note")
    write_files(tmp_path, {"report.md": "two"})
    assert (tmp_path / "tables" / "old.csv").read_text() == "1, with a note"
    (tmp_path / "report.md").write_text("two, corrected")
    with pytest.raises(DataError, match="edited since"):
        write_files(tmp_path, {"report.md": "three"})
    assert (tmp_path / "report.md").read_text() == "two, corrected"


def test_a_link_is_not_followed_and_the_list_cannot_name_other_files(tmp_path: Path) -> None:
    other = tmp_path / "thesis.md"
    other.write_text("years of work")
    out = tmp_path / "out"
    write_files(out, {"report.md": "one"})
    (out / "report.md").unlink()
    (out / "report.md").symlink_to(other)
    with pytest.raises(DataError, match="no report wrote it"):
        write_files(out, {"report.md": "two"})
    (out / "report.md").unlink()
    digest = "f9a1d3c9b8a1ffcdd5d7c2fb9d8a86b8"
    (out / MARK).write_text(f'{{"../thesis.md": ["{digest}"]}}')
    write_files(out, {"report.md": "two"})
    assert other.read_text() == "years of work"


def test_a_report_that_was_killed_is_made_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_files(tmp_path, {"a": "1", "b": "1"})
    with monkeypatch.context() as patch:

        def killed(path: Path, content: object) -> None:
            if path.name == "b":
                raise KeyboardInterrupt
            path.write_text(str(content))

        patch.setattr("tpzoo.report.output.write_atomic", killed)
        with pytest.raises(KeyboardInterrupt):
            write_files(tmp_path, {"a": "2", "b": "2"})
    write_files(tmp_path, {"a": "3", "b": "3"})
    assert (tmp_path / "a").read_text() == "3"
