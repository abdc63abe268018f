"""The documentation is what the code says: references and the tutorial's code are current, links and names exist."""

from __future__ import annotations

import csv
import importlib.util
import re
from pathlib import Path
from statistics import mean
from types import ModuleType

import pytest

from tpzoo.cli import VERBS
from tpzoo.plugin.hookspecs import HOOKS
from tpzoo.plugin.records import KINDS

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"
PAGES = sorted(DOCS.rglob("*.md"))


@pytest.fixture(scope="module")
def generate() -> ModuleType:
    """docs/generate.py as a module."""
    spec = importlib.util.spec_from_file_location("docs_generate", DOCS / "generate.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_what_is_made_is_current(generate: ModuleType) -> None:
    stale = [path.name for path, text in generate.pages().items() if path.read_text("utf-8") != text]
    assert not stale, f"run python docs/generate.py: {stale}"


def test_the_tutorial_includes_the_whole_plugin(generate: ModuleType) -> None:
    tutorial = (DOCS / "tutorial-plugin.md").read_text("utf-8")
    included = set(re.findall(r"<!-- include (\S+?):? ", tutorial))
    sources = (ROOT / "plugins" / "tpzoo-example" / "src" / "tpzoo_example").glob("*")
    files = {path.relative_to(ROOT).as_posix() for path in sources if path.is_file()}
    assert files - included == {"plugins/tpzoo-example/src/tpzoo_example/__init__.py"}
    plugin = "plugins/tpzoo-example/src/tpzoo_example/plugin.py"
    shown = " ".join(re.findall(rf"<!-- include {plugin}: ([\w ]+) -->", tutorial)).split()
    assert set(shown) == set(re.findall(r"^(?:def|class) (\w+)", (ROOT / plugin).read_text("utf-8"), re.MULTILINE))


def test_an_edited_block_is_noticed_and_text_around_it_is_kept(generate: ModuleType) -> None:
    path = "plugins/tpzoo-example/src/tpzoo_example/rings.yaml"
    page = f"before\n\n<!-- include {path} -->\n```yaml\n{{}}\n```\n\nafter\n\n```python\nother\n```\n"
    made = generate.included(page)
    assert (ROOT / path).read_text("utf-8").strip() in made
    assert "rule: {name: clipped" in made
    assert made.startswith("before\n\n<!--")
    assert made.endswith("```\n\nafter\n\n```python\nother\n```\n")
    empty = page.replace("{}\n", "")
    assert generate.included(empty) == generate.included(made) == made


def test_references_name_everything() -> None:
    hooks, config, cli = ((DOCS / f"reference-{name}.md").read_text("utf-8") for name in ("hooks", "config", "cli"))
    assert [name for name in HOOKS if f"## `{name}`" not in hooks] == []
    assert [verb for verb in VERBS if f"## tpzoo {verb}" not in cli] == []
    assert [kind for kind in KINDS if kind not in ("recipe", "twin") and f"## {kind}\n" not in config] == []


def test_links_lead_somewhere() -> None:
    links = [(page, target) for page in PAGES for target in re.findall(r"\]\(([^)#:]+)\)", page.read_text("utf-8"))]
    assert links
    assert [f"{page}: {target}" for page, target in links if not (page.parent / target).exists()] == []


PAPER = DOCS / "meulemans2020"
PREFIX = re.compile("^(alignment|toy-null-space)-")


def test_tables_written_by_hand_hold_what_the_reports_hold() -> None:
    """A comment in front of a table names the file: a row for a method, a column for a block, means rounded."""
    text = (PAPER / "README.md").read_text("utf-8")
    shown = re.findall(r"<!-- table (\S+) -->\n\|([^\n]+)\|\n\|[-|]+\|\n((?:\|[^\n]+\n)+)", text)
    assert len(shown) == text.count("<!-- table ") == 3
    for path, head, body in shown:
        with (PAPER / path).open(newline="", encoding="utf-8") as file:
            means = {(PREFIX.sub("", row["method"]), row["block"]): float(row["mean"]) for row in csv.DictReader(file)}
        blocks = [cell.strip() for cell in head.split("|")][1:]
        for line in body.splitlines():
            label, *cells = [cell.strip() for cell in line.strip("|").split("|")]
            found = [means[label.partition(" (")[0].lower(), block] for block in blocks]
            assert cells == [f"{each:.{len(cells[0].partition('.')[2])}f}" for each in found], (path, label)


def test_reports_name_run_folders_as_their_commands_do() -> None:
    commands = (PAPER / "README.md").read_text("utf-8")
    for path in PAPER.glob("*/tables/runs.csv"):
        with path.open(newline="", encoding="utf-8") as file:
            places = {Path(row["folder"]).parent.as_posix() for row in csv.DictReader(file)}
        [place] = places
        assert f"tpzoo report {place} --out docs/meulemans2020/{path.parents[1].name} " in commands


def test_errors_in_the_text_are_those_of_the_report() -> None:
    text = " ".join((PAPER / "README.md").read_text("utf-8").split())
    with (PAPER / "mnist" / "tables" / "results.csv").open(newline="", encoding="utf-8") as file:
        rows = {row["method"].removeprefix("meulemans2020-mnist-"): row for row in csv.DictReader(file)}
    shown = {name: f"{float(row['test_mean']):.2f}" for name, row in rows.items()}
    for name, label in (("bp", "backpropagation has"), ("ddtp-linear", "DDTP-linear"), ("dtp", "DTP"), ("dfa", "DFA")):
        assert f"{label} {shown[name]} ± {float(rows[name]['test_sd']):.2f} %" in text
    once = sorted(value for name, value in shown.items() if rows[name]["runs"] == "1")
    assert len(once) == 4
    assert f"between {once[0]} and {once[-1]} %" in text


def test_gauss_newton_targets_are_nearer_to_the_label_with_every_seed() -> None:
    with (PAPER / "toys" / "tables" / "output_step.csv").open(newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    angles: dict[tuple[str, str], list[float]] = {}
    for row in rows:
        angles.setdefault((row["seed"], row["method"].rsplit("-", 1)[-1]), []).append(float(row["angle"]))
    means = {key: mean(values) for key, values in angles.items()}
    seeds = {seed for seed, _ in means}
    assert len(seeds) == 5
    assert all(means[seed, "gnt"] < means[seed, "bp"] for seed in seeds)
    text = " ".join((PAPER / "README.md").read_text("utf-8").split())
    assert f"{mean(means[seed, 'gnt'] for seed in seeds):.1f} degrees off" in text
    assert f"{mean(means[seed, 'bp'] for seed in seeds):.1f} degrees with backpropagation" in text


def test_the_index_lists_every_page_in_its_kind() -> None:
    index = (DOCS / "README.md").read_text("utf-8")
    listed = set(re.findall(r"\]\(([\w/-]+\.md)\)", index))
    reports = {page for page in PAGES if page.name == "report.md"}  # which the pages on their papers show
    assert listed == {page.relative_to(DOCS).as_posix() for page in PAGES if page not in reports} - {"README.md"}
    for report in reports:
        assert f"]({report.parent.name}/report.md)" in (report.parents[1] / "README.md").read_text("utf-8")
    for kind in ("tutorial", "how-to", "reference", "explanation"):
        assert f"| {kind} |" in index


def test_verbs_that_the_pages_use_exist() -> None:
    for page in [*PAGES, ROOT / "README.md", ROOT / "CONTRIBUTING.md"]:
        used = set(re.findall(r"^    (?:.*&& )?tpzoo ([a-z-]+)", page.read_text("utf-8"), re.MULTILINE))
        assert used <= set(VERBS), page
