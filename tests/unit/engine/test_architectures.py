"""What ``mlp`` and ``cnn`` are made of: norms, and biases by block."""

from __future__ import annotations

import pytest
import torch
from torch import nn

import tpzoo
from tpzoo import load
from tpzoo.assembly.engine import assemble

SPEC = tpzoo.DataSpec((1, 8, 8), 10, "classification")


def blocks(*overrides: str) -> dict[str, tpzoo.LayerBlock]:
    loaded = load("configs/demo.yaml", [*overrides])
    network = assemble(loaded.experiment, loaded.catalogue, SPEC).engine.network
    return dict(network.blocks.items())  # type: ignore[arg-type]


@pytest.mark.parametrize(("norm", "kind"), [("batch", nn.BatchNorm1d), ("layer", nn.LayerNorm)])
def test_a_norm_stands_between_a_layer_and_its_nonlinearity(norm: str, kind: type) -> None:
    found = blocks("architecture.hidden=[5, 4]", f"architecture.norm={norm}")
    assert [list(block.layers) for block in found.values()] == [
        ["flatten", "linear", "norm", "activation"],
        ["linear", "norm", "activation"],
        ["linear", "activation"],
    ]
    assert isinstance(found["fc2"].layers["norm"], kind)


@pytest.mark.parametrize(("norm", "kind"), [("batch", nn.BatchNorm2d), ("layer", nn.LayerNorm)])
def test_a_norm_of_images_comes_before_the_pool(norm: str, kind: type) -> None:
    found = blocks("architecture=cnn", f"architecture.norm={norm}", "feedback=layerwise", "learner=ldrl")
    assert list(found["conv1"].layers) == ["conv", "norm", "activation", "pool"]
    assert isinstance(found["conv1"].layers["norm"], kind)
    assert list(found["fc1"].layers) == ["flatten", "linear", "activation"]


def test_biases_by_block() -> None:
    found = blocks("architecture.bias={fc1: false, '*': true}", "architecture.hidden=[5]")
    assert found["fc1"].layers["linear"].bias is None
    assert found["fc2"].layers["linear"].bias is not None
    listed = blocks("architecture=cnn", "architecture.bias=[true, false, true]", "feedback=layerwise", "learner=ldrl")
    assert [block.layers["conv"].bias is None for name, block in listed.items() if name != "fc1"] == [False, True]


def test_a_bias_of_a_block_that_is_not_there_is_refused() -> None:
    with pytest.raises(tpzoo.SettingError, match=r"mlp\.bias"):
        blocks("architecture.bias={conv1: false, '*': true}")


def test_minimal_norm_needs_layers_without_norms() -> None:
    loaded = load("configs/demo.yaml", ["architecture.norm=batch", "rule.update=minimal_norm"])
    engine = assemble(loaded.experiment, loaded.catalogue, SPEC).engine

    with pytest.raises(tpzoo.TpzooError):
        engine.train_batch(torch.randn(4, 1, 8, 8), torch.arange(4))
