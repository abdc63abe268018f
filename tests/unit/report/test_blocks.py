"""Probes of every block: what is measured, in which order, what is drawn and what is only in the tables."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest

from tests.support.run_folders import write_run
from tpzoo.report import blocks
from tpzoo.report.document import Section
from tpzoo.report.methods import Method, make_methods
from tpzoo.report.plotting import arrow, colour, dashes, hatch
from tpzoo.report.runs import find_runs


def methods_in(folder: Path) -> list[Method]:
    return make_methods(find_runs([folder]).runs)[0]


def part(folder: Path, title: str) -> Section:
    (found,) = [each for each in blocks.sections(methods_in(folder)) if each.title.startswith(title)]
    return found


def panels(section: Section, figure: int = 0) -> list[str]:
    return [axes.get_title() for axes in section.figures[figure].draw().axes]


def at(value: float, names: Sequence[str], probe: str = "bp_angle") -> dict[str, dict[int, float]]:
    return {f"{probe}/{name}": {1: value} for name in names}


def drawn(section: Section) -> tuple[list[float], list[float], int]:
    """x and y of the first line, and how many points its band has."""
    (axes,) = section.figures[0].draw().axes
    line, band = axes.lines[0], axes.collections[0]
    corners = sum(len(path.vertices) for path in band.get_paths())
    return np.asarray(line.get_xdata()).tolist(), np.asarray(line.get_ydata()).tolist(), corners


def test_lines_are_means_over_seeds_and_bands_their_deviations(tmp_path: Path) -> None:
    for seed, shift in enumerate((0.0, 2.0)):
        values = {step: step + shift for step in range(1, 41)}
        write_run(tmp_path / str(seed), seed=seed, probes={"bp_angle/fc1": values}, blocks=["fc1", "fc2"])
    section = part(tmp_path, "Alignment")
    x, y, corners = drawn(section)
    assert x == list(range(1, 41))
    assert y == [step + 1.0 for step in range(1, 41)]
    assert corners > 80
    table = section.tables[0]
    assert [dict(zip(table.columns, row, strict=True)) for row in table.rows[:2]] == [
        {"block": "fc1", "method": "demo", "seed": 0, "split_seed": 0, "epoch": 1, "step": step, "value": step}
        for step in (1.0, 2.0)
    ]
    assert [row[-1] for row in table.rows] == [*range(1, 41), *range(3, 43)]  # as they were logged


def test_one_seed_has_no_band_and_every_value_is_drawn(tmp_path: Path) -> None:
    values = {1: 63.6, 80: 20.0, 160: 80.0}
    write_run(tmp_path / "run", probes={"bp_angle/fc1": values}, blocks=["fc1", "fc2"])
    section = part(tmp_path, "Alignment")
    assert drawn(section) == ([1, 80, 160], [63.6, 20.0, 80.0], 0)
    assert "Smoothed" not in section.figures[0].caption
    (section,) = [each for each in blocks.sections(methods_in(tmp_path), smooth=2) if each.title.startswith("Align")]
    assert drawn(section)[1] == [63.6, pytest.approx(41.8), 50.0]
    assert "rolling means over the last 2 points of each seed" in section.figures[0].caption
    assert [row[-1] for row in section.tables[0].rows] == [63.6, 20.0, 80.0]


def test_the_output_block_is_in_the_table_only(tmp_path: Path) -> None:
    names = [f"fc{i}" for i in range(1, 12)]
    write_run(tmp_path / "run", probes=at(5.0, sorted(names)), blocks=names)
    section = part(tmp_path, "Alignment")
    assert panels(section) == names[:-1]  # fc2 before fc10
    assert [row[0] for row in section.tables[0].rows] == names


def test_without_a_list_of_blocks_their_names_tell_which_is_the_output(tmp_path: Path) -> None:
    names = ["head", "stage1_unit1", "stage2_unit1", "stem"]
    write_run(tmp_path / "run", probes=at(5.0, names))
    assert panels(part(tmp_path, "Alignment")) == ["stem", "stage1_unit1", "stage2_unit1"]


def test_a_figure_of_the_whole_network_is_no_block(tmp_path: Path) -> None:
    probes = {**at(5.0, ["fc1", "fc2"]), "condition_two/ratio": {1: 0.5}, **at(5.0, ["fc1/bp"], "activation_angle")}
    write_run(tmp_path / "run", probes=probes)
    assert [panels(part(tmp_path, "Alignment"), i) for i in (0, 1)] == [["fc1"], ["fc1"]]
    assert panels(part(tmp_path, "Other")) == ["ratio"]


def test_where_the_blocks_are_listed_it_is_named_as_the_networks(tmp_path: Path) -> None:
    names = ["fc1", "fc2"]
    both = {**at(5.0, names, "mine"), **at(5.0, ["fc1.conv", "total"], "mine"), "condition_two/ratio": {1: 0.5}}
    write_run(tmp_path / "new", name="new", probes=both, blocks=names)
    write_run(tmp_path / "old", name="old", probes={"condition_two/ratio": {1: 0.25}})  # lists no blocks
    section = part(tmp_path, "Other")
    assert [panels(section, i) for i in (0, 1)] == [["fc1", "fc1.conv", "fc2", "network: total"], ["network: ratio"]]
    assert [row[:2] for row in section.tables[2].rows] == [["network: ratio", "new"], ["network: ratio", "old"]]
    assert [row[0] for row in section.tables[0].rows] == ["fc1", "fc1.conv", "fc2", "network: total"]


def test_a_name_may_be_a_block_of_one_network_and_none_of_another(tmp_path: Path) -> None:
    for name, listed in (("a", ["fc1", "mean"]), ("b", ["fc1", "fc2"])):
        write_run(tmp_path / name, name=name, probes=at(5.0, ["fc1", "mean"], "mine"), blocks=listed)
    rows = part(tmp_path, "Other").tables[0].rows
    assert [row[:2] for row in rows] == [["fc1", "a"], ["fc1", "b"], ["mean", "a"], ["network: mean", "b"]]


def test_runs_that_are_not_done_are_in_no_line(tmp_path: Path) -> None:
    for seed, (status, value) in enumerate([("failed", 90.0), ("done", 10.0), ("done", 20.0)]):
        write_run(tmp_path / str(seed), seed=seed, status=status, probes=at(value, ["fc1"]), blocks=["fc1", "fc2"])
    section = part(tmp_path, "Alignment")
    assert [row[2:] for row in section.tables[0].rows] == [[1, 1, 1, 1, 10.0], [2, 2, 1, 1, 20.0]]
    assert drawn(section)[1] == [15.0]


@pytest.mark.parametrize("listed", [["fc1", "fc2", "fc3"], None])
def test_the_only_block_that_is_trained_is_drawn(tmp_path: Path, listed: list[str] | None) -> None:
    write_run(tmp_path / "run", probes=at(5.0, ["fc1"]), blocks=listed)
    assert panels(part(tmp_path, "Alignment")) == ["fc1"]


@pytest.mark.parametrize("listed", [["fc1", "fc2", "fc3"], None])
def test_the_last_block_of_a_probe_of_hidden_blocks_is_drawn(tmp_path: Path, listed: list[str] | None) -> None:
    write_run(tmp_path / "run", probes=at(5.0, ["fc1", "fc2"], "gnt_angle"), blocks=listed)
    assert panels(part(tmp_path, "Alignment")) == ["fc1", "fc2"]


def test_each_method_has_an_output_block_of_its_own(tmp_path: Path) -> None:
    for depth in (2, 3):
        names = [f"fc{i}" for i in range(1, depth + 1)]
        write_run(tmp_path / str(depth), name=f"deep{depth}", probes=at(5.0, names), blocks=names)
    (first, second) = part(tmp_path, "Alignment").figures[0].draw().axes
    assert [line.get_label() for line in first.lines[:2]] == ["deep2", "deep3"]
    assert [line.get_label() for line in second.lines[:1]] == ["deep3"]


def test_feedback_weights_of_the_output_block_are_drawn(tmp_path: Path) -> None:
    probes = {
        f"weight_alignment/{edge}/{quantity}": {1: 5.0} for edge in ("fc3", "fc2") for quantity in ("angle", "distance")
    }
    write_run(tmp_path / "run", probes=probes, blocks=["fc1", "fc2", "fc3"])
    assert panels(part(tmp_path, "Alignment")) == panels(part(tmp_path, "Other")) == ["fc2", "fc3"]


def test_every_quantity_gets_a_figure_in_the_section_of_its_kind(tmp_path: Path) -> None:
    names = (
        "bp_angle/fc1", "bp_angle/fc1/bias", "mine/fc1", "jacobian_alignment/fc2/angle", "jacobian_alignment/fc2/ratio",
        "reconstruction/fc2", "null_space_ratio/fc1", "output_step/0/output_0", "gnt_damping_search/fc1/0.1", "new/fc1",
    )  # fmt: skip
    probes = {name: {1: 5.0} for name in names}
    config = {"probes": {"mine": {"name": "gn_angle"}}}
    write_run(tmp_path / "run", probes=probes, blocks=["fc1", "fc2", "fc3"], config=config)
    found = {
        title: [figure.name for figure in part(tmp_path, title).figures]
        for title in ("Alignment", "Reconstruction", "Other")
    }
    assert found == {
        "Alignment": ["bp_angle", "bp_angle_bias", "mine", "jacobian_alignment_angle"],
        "Reconstruction": ["reconstruction"],
        "Other": ["jacobian_alignment_ratio", "new"],
    }
    units = [figure.draw().axes[0].get_ylabel() for figure in part(tmp_path, "Alignment").figures]
    assert units == ["degrees"] * 4
    assert part(tmp_path, "Reconstruction").figures[0].draw().axes[0].get_ylabel() == "loss"


def test_layers_of_a_block_stand_where_the_block_does(tmp_path: Path) -> None:
    probes = {f"weight_alignment/{name}/angle": {1: 5.0} for name in ("head", "b.conv2", "b.conv1", "stem", "a")}
    write_run(tmp_path / "run", probes=probes, blocks=["stem", "b", "a", "head"])
    assert panels(part(tmp_path, "Alignment")) == ["stem", "b.conv1", "b.conv2", "a", "head"]


def test_what_is_missing_is_said(tmp_path: Path) -> None:
    write_run(tmp_path / "with", name="with", probes=at(5.0, ["fc1"]), blocks=["fc1", "fc2"])
    write_run(tmp_path / "without", name="without")
    assert part(tmp_path, "Alignment").left_out == ["bp_angle: was not measured for without"]
    assert part(tmp_path, "Reconstruction").left_out == ["reconstruction losses: no run has the probe reconstruction"]
    assert part(tmp_path / "without", "Alignment").left_out == [
        "angles: no run has a probe of angles, such as bp_angle"
    ]
    assert part(tmp_path / "without", "Other").left_out == []


def test_a_figure_with_nothing_or_too_much_to_draw_leaves_its_table(tmp_path: Path) -> None:
    write_run(tmp_path / "one", probes=at(5.0, ["fc2"]), blocks=["fc1", "fc2"])
    section = part(tmp_path / "one", "Alignment")
    assert section.figures == []
    assert len(section.tables[0].rows) == 1
    assert section.left_out == ["figure of bp_angle: only the output block was measured; see tables/bp_angle.csv"]
    write_run(tmp_path / "many", probes=at(5.0, [f"b{i}" for i in range(37)], "new"))
    section = part(tmp_path / "many", "Other")
    assert section.figures == []
    assert len(section.tables[0].rows) == 37
    assert section.left_out == ["figure of new: 37 panels are too many; see tables/new.csv"]


def test_a_long_line_is_thinned_from_end_to_end(tmp_path: Path) -> None:
    values = {step: 1.0 for step in range(5000)}
    write_run(tmp_path / "run", probes={"bp_angle/fc1": values}, blocks=["fc1", "fc2"])
    section = part(tmp_path, "Alignment")
    x = np.asarray(section.figures[0].draw().axes[0].lines[0].get_xdata())
    assert len(x) == 600
    assert (x[0], x[-1]) == (0, 4999)
    assert len(section.tables[0].rows) == 5000


def test_methods_can_be_told_apart() -> None:
    methods = [Method(str(i), i, []) for i in range(28)]
    assert len({(colour(method), dashes(method)) for method in methods}) == 28
    assert len({(colour(method), hatch(method)) for method in methods}) == 28
    assert len({tuple(arrow(method).values()) for method in methods}) == 28
