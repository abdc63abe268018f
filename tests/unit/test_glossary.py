"""The notation tables of the glossary: the names stand in the code, and what they name has the shapes of the papers."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import torch

import tpzoo
from tests.support.runs import catalogue
from tpzoo import DataSpec, Engine, assemble, load, output_jacobians

GLOSSARY = (Path(__file__).parents[2] / "docs" / "glossary.md").read_text("utf-8")
NOTATION = GLOSSARY.partition("## Notation: Meulemans")[2].partition("## Indices")[0]
WIDTHS = (784, 256, 256, 256, 256, 256, 10)
"""n_0 ... n_L of the MNIST recipes."""
LAST = len(WIDTHS) - 1
ROWS = 3


def engine_of(recipe: str, shape: tuple[int, ...]) -> Engine:
    loaded = load(recipe, catalogue=catalogue())
    return assemble(loaded.experiment, catalogue(), DataSpec(shape, 10, "classification")).engine


def shapes(module: torch.nn.Module) -> dict[str, tuple[int, ...]]:
    return {name: tuple(value.shape) for name, value in module.state_dict().items()}


@pytest.fixture(scope="module")
def dtp() -> Engine:
    return engine_of("meulemans2020/mnist/dtp", (784,))


def test_forward_weights_and_activations_of_meulemans(dtp: Engine) -> None:
    weights, trace = shapes(dtp.network.blocks), dtp.network.trace(torch.randn(ROWS, 784))
    jacobians = output_jacobians(trace)
    for i in range(1, LAST + 1):
        assert weights[f"fc{i}.linear.weight"] == (WIDTHS[i], WIDTHS[i - 1])
        assert weights[f"fc{i}.linear.bias"] == (WIDTHS[i],)
        assert trace[f"fc{i}"].out.shape == (ROWS, WIDTHS[i])
        assert jacobians[f"fc{i}"].shape == (ROWS, WIDTHS[LAST], WIDTHS[i])


def test_a_layerwise_map_is_the_edge_below_the_block_that_it_inverts(dtp: Engine) -> None:
    maps, inverted = shapes(dtp.feedback), {edge.name: list(edge.blocks) for edge in dtp.feedback.edges}
    for k in range(2, LAST + 1):
        assert maps[f"maps.fc{k - 1}.dense.weight"] == (WIDTHS[k - 1], WIDTHS[k])
        assert inverted[f"fc{k - 1}"] == [f"fc{k}"]
    assert f"maps.fc{LAST}.dense.weight" not in maps


def test_direct_maps_of_meulemans() -> None:
    linear = shapes(engine_of("meulemans2020/mnist/ddtp_linear", (784,)).feedback)
    hidden = shapes(engine_of("meulemans2020/mnist/ddtp_rhl", (784,)).feedback)
    (width,) = {shape[0] for name, shape in hidden.items() if name.endswith(".V")}
    assert [shape for name, shape in hidden.items() if name.endswith((".V", ".c"))] == [(width, 10), (width,)]
    for i in range(1, LAST):
        assert linear[f"maps.fc{i}.matrix.weight"] == (WIDTHS[i], WIDTHS[LAST])
        assert hidden[f"maps.fc{i}.dense.weight"] == (WIDTHS[i], width if i < LAST - 1 else WIDTHS[LAST])


def test_twins_of_ernoult() -> None:
    engine = engine_of("ernoult2022/digits_lenet_ldrl", (1, 8, 8))
    forward, twins = shapes(engine.network.blocks), shapes(engine.feedback)
    assert list(engine.network.blocks) == ["conv1", "conv2", "fc1", "fc2"]
    assert twins["maps.conv1.twin.twins.conv.conv.weight"] == forward["conv2.conv.weight"]
    assert twins["maps.conv2.twin.twins.linear.matrix.weight"] == forward["fc1.linear.weight"][::-1]
    assert twins["maps.fc1.twin.twins.linear.matrix.weight"] == forward["fc2.linear.weight"][::-1]


def test_settings_that_the_tables_name_are_keys_of_a_config() -> None:
    named = set(re.findall(r"`((?:output|learner|rule|feedback_training)\.\w+)`", NOTATION))
    assert named == {"output.step_size", "learner.sigma", "rule.damping", "feedback_training.iterations"}
    for key in named:
        part, name = key.split(".")
        recipe = "meulemans2020/mnist/gnt" if part == "rule" else "ernoult2022/digits_lenet_ldrl"
        chosen = getattr(load(recipe, catalogue=catalogue()).experiment, part)
        assert hasattr(getattr(chosen, "settings", chosen), name), key


def test_methods_that_the_tables_name_exist() -> None:
    named = re.findall(r"`([A-Z]\w+)\.(\w+)[`(]", NOTATION)
    assert len(named) > 5
    assert [f"{cls}.{name}" for cls, name in named if not hasattr(getattr(tpzoo, cls), name)] == []
