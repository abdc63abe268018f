"""`tpzoo report`: from the folders of real runs to pages, figures and tables."""

from __future__ import annotations

import csv
import json
import shutil
import subprocess
import sys
from pathlib import Path

from tests.support.command import assert_message, tpzoo


def rows(path: Path) -> list[dict[str, str]]:
    with path.open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def test_a_real_run_is_reported_with_the_figures_of_its_summary(run: Path, tmp_path: Path) -> None:
    done = tpzoo("report", run.parent, "--out", tmp_path / "out", "--title", "Two epochs")
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""
    assert done.stdout == f"{tmp_path / 'out' / 'report.html'}: 1 method, 1 run, 2 figures, 5 tables\n"
    summary = json.loads((run / "summary.json").read_text())
    (result,) = rows(tmp_path / "out" / "tables" / "runs.csv")
    assert float(result["test"]) == 100 - 100 * summary["test_accuracy_at_best_valid"]
    assert float(result["last_test"]) == 100 - 100 * summary["test_accuracy"]
    assert (result["status"], result["epochs"], result["seed"]) == ("done", "2", "0")
    angles = rows(tmp_path / "out" / "tables" / "bp_angle.csv")
    assert list(dict.fromkeys(row["block"] for row in angles)) == ["fc1", "fc2"]
    assert json.loads((run / "environment.json").read_text())["blocks"] == ["fc1", "fc2"]  # from input to output
    assert "<h1>Two epochs</h1>" in (tmp_path / "out" / "report.html").read_text("utf-8")


def test_it_writes_to_report_and_damaged_runs_are_warned_of(run: Path, tmp_path: Path) -> None:
    good, bad, cut = (Path(shutil.copytree(run, tmp_path / "runs" / name)) for name in ("good", "bad", "cut"))
    (bad / "metrics.csv").write_text("nothing\n")
    (cut / "metrics.csv").write_text("")
    done = tpzoo("report", "runs", "--format", "svg", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("report/report.html: 1 method, 1 run,")
    assert [line.split(":")[:2] for line in done.stderr.splitlines()] == [["Warning", " skipped"]] * 2
    assert "runs/bad/metrics.csv" in done.stderr
    assert "runs/cut/metrics.csv" in done.stderr
    page = (tmp_path / "report" / "report.html").read_text("utf-8")
    assert "runs/bad/metrics.csv" in page
    assert "runs/cut/metrics.csv" in page
    assert {path.suffix for path in (tmp_path / "report" / "figures").iterdir()} == {".svg"}
    assert good.is_dir()


def test_mistakes_get_one_line(run: Path, tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    (tmp_path / "file").write_text("")
    damaged = Path(shutil.copytree(run, tmp_path / "damaged"))
    (damaged / "metrics.csv").write_text("")
    out = ("--out", tmp_path / "out")
    for overrides, said in (
        ([tmp_path / "nowhere"], "does not exist"),
        ([tmp_path / "empty", run], "holds no run"),
        ([tmp_path / "file"], "is not a folder"),
        ([damaged], "no run can be used"),
    ):
        done = tpzoo("report", *overrides, *out)
        assert_message(done, said, str(overrides[0]))
        assert len(done.stderr.splitlines()) == 1, done.stderr
        assert not (tmp_path / "out").exists()
    assert_message(tpzoo("report", run, "--out", tmp_path / "file"), "a file stands where the folder should be")
    assert_message(tpzoo("report", run, *out, "--format", "pdf"), "pdf", "svg")
    assert_message(tpzoo("report", *out), "Missing argument", "RUNS")


def test_it_reads_files_only_and_loads_no_torch(run: Path, tmp_path: Path) -> None:
    before = {path: path.read_bytes() for path in run.rglob("*") if path.is_file()}
    code = (
        "import sys\nfrom tpzoo.cli import main\n"
        f"try:\n    main(['report', {str(run)!r}, '--out', {str(tmp_path / 'out')!r}])\n"
        "except SystemExit as end:\n    assert not end.code\nassert 'torch' not in sys.modules"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert before == {path: path.read_bytes() for path in run.rglob("*") if path.is_file()}


def test_a_file_that_cannot_be_written(run: Path, tmp_path: Path) -> None:
    (tmp_path / "out" / "report.html").mkdir(parents=True)
    assert_message(
        tpzoo("report", run, "--out", tmp_path / "out"), "report.html is there and no report wrote it", "--out"
    )


def test_details_are_those_of_evaluate(run: Path, tmp_path: Path) -> None:
    done = tpzoo("report", run, "--out", tmp_path / "out", "--details")
    assert done.returncode == 0, done.stderr
    found = json.loads(tpzoo("evaluate", run, "--details", "--json").stdout)
    recalls = {row["of"]: float(row["mean"]) for row in rows(tmp_path / "out" / "tables" / "details_recall.csv")}
    assert recalls == {key.split("/")[1]: value for key, value in found["details"].items() if "recall" in key}
    counts = rows(tmp_path / "out" / "tables" / "details_confusion_0.csv")
    assert sum(int(row["count"]) for row in counts) == 297
    right = sum(int(row["count"]) for row in counts if row["label"] == row["output"])
    assert right / 297 == found["accuracy"]
    (result,) = rows(tmp_path / "out" / "tables" / "runs.csv")
    assert float(result["majority"]) == json.loads((run / "environment.json").read_text())["baseline"]["test_error"]
    text = tpzoo("evaluate", run, "--details").stdout
    assert f"balanced accuracy (mean recall) {100 * found['balanced_accuracy']:.2f} %" in text
