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

FOLDER = recipe_folder()
RECIPES = sorted(
    path.relative_to(FOLDER).with_suffix("").as_posix() for path in FOLDER.rglob("*.yaml") if not is_base(path)
)
PRESETS = [name for name in RECIPES if re.match(r"meulemans2020/(mnist|fashion_mnist|frozen_mnist|cifar10)", name)]

NUMBERS = re.compile(r"((?:\d+\.\d+(?:, | and ))*\d+\.\d+) % (at the best validation epoch|at the end|after)")


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


def read_measured() -> dict[str, list[dict[str, tuple[float, float]]]]:
    """Experiment -> for each table of docs/data, by the seed, the test errors at the best epoch and at the end."""
    found: dict[str, list[dict[str, tuple[float, float]]]] = {}
    for path in sorted((Path(__file__).parents[2] / "docs" / "data").glob("*.csv")):
        with path.open(newline="") as file:
            rows = [row for row in csv.DictReader(file) if {"recipe", "seed", "test error"} <= set(row)]
        for name in dict.fromkeys(row["recipe"] for row in rows):
            values = {row["seed"]: row for row in rows if row["recipe"] == name}
            best = "at best validation"
            table = {seed: (float(row[best] or "nan"), float(row["test error"])) for seed, row in values.items()}
            found.setdefault(name, []).append(table)
    return found


MEASURED = read_measured()


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


@for_every("experiment", MEASURED)
def test_what_it_reaches_is_what_was_measured(experiment: str) -> None:
    [name] = [name for name in RECIPES if experiment_name(name) == experiment]
    text = reached(name)
    seeds = re.findall(r"\d+", re.findall(r"\(seeds? ([\d, ]+)\)", text)[0])
    tables = [table for table in MEASURED[experiment] if set(seeds) <= set(table)]
    groups = NUMBERS.findall(text)
    assert groups, "no number was recognised"
    for numbers, when in groups:
        values = [float(number) for number in re.findall(r"\d+\.\d+", numbers)]
        errors = [round(100 - value, 2) for value in values] if "accuracy" in text else values
        column = 0 if when == "at the best validation epoch" else 1
        assert errors in [[table[seed][column] for seed in seeds] for table in tables]


@for_every("name", [name for name in RECIPES if "/alignment/" in name])
def test_angles_are_those_of_the_committed_report(name: str) -> None:
    folder = Path(__file__).parents[2] / "docs" / "meulemans2020" / "alignment" / "tables"
    with (folder / "gnt_angle_last_epoch.csv").open(newline="") as file:
        rows = [row for row in csv.DictReader(file) if row["method"] == experiment_name(name)]
    said = " ".join(line.removeprefix("# ") for line in header(name))
    assert re.findall(r"\d+\.\d", said.partition("shows ")[2]) == [f"{float(row['mean']):.1f}" for row in rows]


@for_every("name", [name for name in RECIPES if "backpropagation" in reached(name)])
def test_backpropagation_beside_it_is_what_was_measured(name: str) -> None:
    accuracy = float(re.findall(r"backpropagation (\d+\.\d+) %", reached(name))[0])
    tables = MEASURED[experiment_name(name.replace("_ldrl", "_bp"))]
    assert [round(100 - table["0"][1], 2) for table in tables] == [accuracy]
