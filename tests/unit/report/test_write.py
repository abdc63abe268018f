"""The report as files: whole, self-contained, the same for the same runs."""

from __future__ import annotations

import base64
import csv
import re
from html.parser import HTMLParser
from pathlib import Path

import pytest
from matplotlib import pyplot

from tests.support.run_folders import write_run
from tpzoo.errors import DataError
from tpzoo.report.markdown import escape
from tpzoo.report.write import write_report

STEPS = {1: 3.0, 2: 4.0}
PROBES = {
    "bp_angle/fc1": STEPS, "bp_angle/fc2": STEPS, "weight_alignment/fc2/distance": STEPS, "reconstruction/fc2": STEPS,
    "null_space_ratio/fc1": STEPS, "gnt_damping_search/fc1/0.1": STEPS,
    **{f"output_step/0/{part}_{i}": {1: i + 0.5} for part in ("output", "label", "change") for i in (0, 1)},
}  # fmt: skip
FIGURES = {
    "learning_curves", "bp_angle", "reconstruction", "weight_alignment_distance", "null_space_ratio", "output_step",
}  # fmt: skip


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("runs")
    for seed in (0, 1):
        write_run(folder / str(seed), name="_a", seed=seed, probes=PROBES, blocks=["fc1", "fc2"])
    write_run(folder / "b", name="b.c", probes=PROBES, blocks=["fc1", "fc2"], status="failed")
    return folder


@pytest.fixture(scope="module")
def report(runs: Path) -> Path:
    out = runs.parent / "made" / "report"
    written = write_report([runs], out)
    assert (written.methods, written.runs, written.figures) == (2, 3, len(FIGURES))
    assert len(written.warnings) == 1
    return out


class Page(HTMLParser):
    """Collects what a page refers to, and checks that its elements close."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.ids: list[str] = []
        self.links: list[str] = []
        self.images: list[str] = []
        self.feed(text)
        assert self.open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        values = dict(attrs)
        assert tag not in ("script", "link", "iframe", "object", "base")
        if tag not in ("meta", "img"):
            self.open.append(tag)
        self.ids += [values["id"] or ""] if "id" in values else []
        self.links += [values["href"] or ""] if "href" in values else []
        if tag == "img":
            assert values["alt"]
            self.images.append(values["src"] or "")

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag


def test_every_figure_and_table_is_a_file_with_something_in_it(report: Path) -> None:
    assert {path.stem for path in (report / "figures").glob("*.svg")} == FIGURES
    assert {path.stem for path in (report / "figures").glob("*.png")} == FIGURES
    for path in (report / "figures").glob("*.png"):
        pixels = pyplot.imread(path)[..., :3]
        assert pixels.std() > 0.02, path
    for path in (report / "figures").glob("*.svg"):
        text = path.read_text("utf-8")
        assert text.rstrip().endswith("</svg>")
        assert text.count("<path") > 10
    for path in (report / "tables").glob("*.csv"):
        with path.open(newline="", encoding="utf-8") as file:
            head, *rows = csv.reader(file)
        assert rows, path
        assert all(len(row) == len(head) for row in rows), path


def test_the_page_needs_nothing_else_and_shows_every_figure(report: Path) -> None:
    text = (report / "report.html").read_text("utf-8")
    page = Page(text)
    assert not re.search(r"https?://|url\(|@import|srcset", text)
    assert len(set(page.ids)) == len(page.ids)
    assert page.links
    assert all(link.startswith("#") and link[1:] in page.ids for link in page.links)
    shown = {base64.b64decode(image.removeprefix("data:image/svg+xml;base64,")) for image in page.images}
    assert shown == {path.read_bytes() for path in (report / "figures").glob("*.svg")}
    assert "prefers-color-scheme: dark" in text


def test_the_markdown_links_to_what_exists_and_says_what_is_left_out(report: Path) -> None:
    text = (report / "report.md").read_text("utf-8")
    targets = re.findall(r"\]\(([^)]+)\)", text)
    assert {Path(target).stem for target in targets if target.startswith("figures/")} == FIGURES
    assert all((report / target).is_file() for target in targets)
    assert {f"tables/{path.name}" for path in (report / "tables").iterdir()} <= set(targets)
    assert "its status is 'failed'" in text
    assert "- validation curves: no run has validation data" in text


def test_every_method_is_in_every_legend(report: Path) -> None:
    for path in (report / "figures").glob("*.svg"):
        legend = path.read_text("utf-8").rpartition('<g id="legend')[2]
        assert "<!--  _a -->" in legend, path
        assert "<!-- b.c -->" in legend, path


def test_equal_runs_give_equal_files_over_an_older_report(runs: Path, report: Path, tmp_path: Path) -> None:
    out = tmp_path / "again"
    write_report([sorted(path for path in runs.iterdir() if path.is_dir())[0]], out)
    (out / "mine.txt").write_text("stays")
    write_report([runs], out)
    files = {path.relative_to(report): path.read_bytes() for path in report.rglob("*") if path.is_file()}
    assert files == {path.relative_to(out): path.read_bytes() for path in out.rglob("*.*") if path.name != "mine.txt"}
    assert (out / "mine.txt").read_text() == "stays"
    assert pyplot.get_fignums() == []


@pytest.mark.parametrize("name", ["png", "svg"])
def test_one_format_is_enough(runs: Path, tmp_path: Path, name: str) -> None:
    write_report([runs], tmp_path / "out", formats=[name])
    assert {path.suffix for path in (tmp_path / "out" / "figures").iterdir()} == {f".{name}"}
    page = Page((tmp_path / "out" / "report.html").read_text("utf-8"))
    kind = {"png": "png", "svg": "svg+xml"}[name]
    assert len(page.images) == len(FIGURES)
    assert all(each.startswith(f"data:image/{kind};") for each in page.images)
    assert f"figures/bp_angle.{name})" in (tmp_path / "out" / "report.md").read_text("utf-8")


def test_the_introduction_says_which_runs_count(runs: Path, tmp_path: Path) -> None:
    for seed, status in enumerate(("done", "failed", "interrupted")):
        write_run(tmp_path / "runs" / str(seed), name="c", seed=seed, status=status)
    write_report([tmp_path / "runs", runs], tmp_path / "out", formats=["png"])
    text = (tmp_path / "out" / "report.md").read_text("utf-8")
    assert r"c (3 seeds, 1 of them done); \_a (2 seeds); b.c (1 seed, none done)." in text
    assert "Runs that are not done enter no mean, curve or bar" in text
    write_report([runs / "0"], tmp_path / "done", formats=["png"])
    assert "not done" not in (tmp_path / "done" / "report.md").read_text("utf-8")


def test_names_mean_themselves_everywhere(tmp_path: Path) -> None:
    probes = {"a<b>&$x$/../fc|1": {1: 2.0}, "a_b___x_/../fc|1": {1: 2.0}, "bp_angle/$\\x$": {1: 2.0}}
    write_run(tmp_path / "runs" / "1", name="<i>$x_1^$|*", probes=probes)
    write_report([tmp_path / "runs"], tmp_path / "out", title="<script>|")
    page, text = ((tmp_path / "out" / name).read_text("utf-8") for name in ("report.html", "report.md"))
    Page(page)
    assert "<title>&lt;script&gt;|</title>" in page
    assert "&lt;i&gt;$x_1^$|*" in page
    assert "# \\<script\\>\\|" in text
    assert r"| \<i\>$x\_1^$\|\* |" in text
    inside = {path.relative_to(tmp_path).parts[0] for path in tmp_path.rglob("*")}
    assert inside == {"runs", "out"}
    made = [path.stem for path in (tmp_path / "out" / "tables").glob("a_b*.csv")]
    assert len([name for name in made if not name.endswith("last_epoch")]) == 2  # names that would be one file are two


def test_markdown_signs_are_escaped() -> None:
    assert escape("a_b|c\n*d*") == r"a\_b\|c \*d\*"


def test_tables_hold_the_exact_figures(tmp_path: Path) -> None:
    write_run(tmp_path / "run", probes={"bp_angle/fc1": {1: 1 / 3}}, blocks=["fc1", "fc2"])
    write_report([tmp_path / "run"], tmp_path / "out")
    with (tmp_path / "out" / "tables" / "bp_angle.csv").open(newline="") as file:
        (row,) = csv.DictReader(file)
    assert float(row["value"]) == 1 / 3


def test_a_file_where_the_folder_should_be_is_named(runs: Path, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    for out in (tmp_path / "file", tmp_path / "file" / "below"):
        with pytest.raises(DataError, match="a file stands where the folder should be"):
            write_report([runs], out)
