"""The header of every shipped recipe: one line that says what it is, the command, and what it reaches."""

from __future__ import annotations

import csv
import re
from collections import Counter
from pathlib import Path

from tests.support.every import for_every
from tests.support.runs import recipe
from tpzoo.plugin.headers import summary_of
from tpzoo.recipes import is_base, recipe_folder
from tpzoo.report.run_record import ERROR, read_records

FOLDER = recipe_folder()
RECIPES = sorted(
    path.relative_to(FOLDER).with_suffix("").as_posix() for path in FOLDER.rglob("*.yaml") if not is_base(path)
)
PRESETS = [name for name in RECIPES if re.match(r"meulemans2020/(mnist|fashion_mnist|frozen_mnist|cifar10)", name)]

RECORDS = read_records(Path(__file__).parents[2] / "docs" / "data" / "runs")
BY_CONFIG = {record.config: record for record in RECORDS.values() if not any("name=" in o for o in record.overrides)}
MOST_APART = 5.0
"""Points of accuracy that the seeds of a stable recipe may lie apart."""


def header(name: str) -> list[str]:
    lines = (FOLDER / f"{name}.yaml").read_text("utf-8").splitlines()
    return lines[: next(number for number, line in enumerate(lines) if not line.startswith("#"))]


def reached(name: str) -> str:
    """What the header says it reaches, in one line; empty where it says nothing."""
    lines = header(name)
    start = [number for number, line in enumerate(lines) if line.startswith("# reaches ")]
    return " ".join(line.removeprefix("# ") for line in lines[start[0] :]) if start else ""


def experiment_name(name: str) -> str:
    return recipe(name).experiment.name


def test_no_two_recipes_share_a_name_and_with_it_a_run_folder() -> None:
    names = Counter(experiment_name(name) for name in RECIPES)
    assert [name for name, count in names.items() if count > 1 or not name] == []


@for_every("name", RECIPES)
def test_the_first_line_is_the_description_in_the_catalogue(name: str) -> None:
    summary = summary_of(FOLDER / f"{name}.yaml")
    assert header(name)[0] == f"# {summary}."
    assert len(summary) <= 64, "tpzoo list recipe would not fit"
    assert f"#   tpzoo train configs/{name}.yaml" in header(name)


def test_no_two_recipes_have_one_description() -> None:
    found = Counter(summary_of(FOLDER / f"{name}.yaml") for name in RECIPES)
    assert [summary for summary, count in found.items() if count > 1] == []


@for_every("name", PRESETS)
def test_a_preset_says_which_one_it_is(name: str) -> None:
    text = " ".join(header(name))
    published = "preset of Meulemans" in text
    assert published == ("preset." in header(name)[0])
    if published:
        purpose = "train-loss preset" if name.endswith("_train") else "test-error preset"
        assert text.count(purpose) == 2


@for_every("name", PRESETS)
def test_headers_note_the_missing_bias_of_the_published_code(name: str) -> None:
    """It concerns the fully connected networks of DDTP-linear and DFA."""
    concerned = re.search(r"/(ddtp_linear|dfa)(_train)?$", name) and "cifar10_cnn" not in name
    noted = "The published code leaves out the bias of the last hidden layer" in " ".join(header(name))
    assert noted == bool(concerned)


@for_every("name", RECIPES)
def test_the_header_says_what_it_reaches(name: str) -> None:
    said = [line for line in header(name) if re.match("# (reaches |shows |Not trained here yet)", line)]
    assert len(said) == 1, "say what it reaches"


@for_every("name", [name for name in RECIPES if reached(name)])
def test_what_it_reaches_stands_in_a_record(name: str) -> None:
    """The sentence itself is made from the record by docs/generate.py, and a test sees that it is current."""
    record = BY_CONFIG[name]
    assert record.name == experiment_name(name)
    assert ("alone" in reached(name)) == (len(record.seeds) == 1)


@for_every("name", RECORDS)
def test_a_recipe_is_stable_over_its_seeds(name: str) -> None:
    errors = RECORDS[name].of(ERROR)
    assert not errors or max(errors) - min(errors) <= MOST_APART
    record = RECORDS[name]
    if errors and record.seconds < 120 and reached(record.config):
        assert len(errors) >= 5


@for_every("name", [name for name in RECIPES if "/alignment/" in name])
def test_angles_are_those_of_the_committed_report(name: str) -> None:
    folder = Path(__file__).parents[2] / "docs" / "meulemans2020" / "alignment" / "tables"
    with (folder / "gnt_angle_last_epoch.csv").open(newline="") as file:
        rows = [row for row in csv.DictReader(file) if row["method"] == experiment_name(name)]
    said = " ".join(line.removeprefix("# ") for line in header(name))
    assert re.findall(r"\d+\.\d", said.partition("shows ")[2]) == [f"{float(row['mean']):.1f}" for row in rows]
