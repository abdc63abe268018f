"""As a user would: two training steps of every family by both granularities, and the catalogue's listing."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner
from families import MODELS

from tpzoo.cli import main

CONFIG = """
name: two_steps
epochs: 1
batch_size: 4
data: {name: npz, path: data.npz}
output: {name: gradient, step_size: 0.1}
rule: dtp
loggers: {csv: {}}
"""
PLUGIN = ("--plugin", "tpzoo_timm.plugin")
OPTIONS = {"vgg": "architecture.options.mlp_ratio=0.002"}
FAMILIES = ("resnet", "vgg", "convnext", "vit", "regnet")


def train(folder: Path, *overrides: str) -> str:
    path = folder / "config.yaml"
    path.write_text(CONFIG)
    result = CliRunner().invoke(main, ["train", str(path), *PLUGIN, *overrides], catch_exceptions=False)
    assert result.exit_code == 0, result.output
    return result.output


@pytest.fixture(autouse=True)
def in_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    x = np.random.default_rng(0).integers(0, 256, (8, 3, 32, 32), dtype=np.uint8)
    np.savez(tmp_path / "data.npz", x_train=x, y_train=np.arange(8) % 4, x_test=x, y_test=np.arange(8) % 4)
    monkeypatch.setenv("TPZOO_DATA", str(tmp_path))


def chosen(family: str, credit: str) -> list[str]:
    options = [OPTIONS[family]] if family in OPTIONS else []
    return [f"architecture=timm/{MODELS[family][0]}", f"architecture.credit={credit}", *options]


@pytest.mark.parametrize("family", FAMILIES)
@pytest.mark.parametrize("credit", ["stage", "block"])
def test_two_steps_by_the_tied_path(tmp_path: Path, family: str, credit: str) -> None:
    assert "2 steps" in train(tmp_path, *chosen(family, credit), "feedback=tied", "learner=none")


@pytest.mark.parametrize("family", ["resnet", "convnext"])
def test_two_steps_by_mirrored_twins(tmp_path: Path, family: str) -> None:
    assert "2 steps" in train(tmp_path, *chosen(family, "block"), "feedback.map=mirror", "learner=ldrl")


def test_two_steps_by_dense_maps(tmp_path: Path) -> None:
    assert "2 steps" in train(tmp_path, *chosen("vit", "block"), "feedback.map=dense", "learner=reconstruction")


def test_too_large_a_map_is_refused_before_it_is_made(tmp_path: Path) -> None:
    (tmp_path / "config.yaml").write_text(CONFIG)
    overrides = [*chosen("resnet", "block"), "feedback.map=dense", "feedback.map.max_weights=1000"]
    result = CliRunner().invoke(main, ["train", "config.yaml", *PLUGIN, *overrides])
    assert result.exit_code == 2
    assert "weights" in result.output
    assert "feedback=tied" in result.output


# The catalogue


def run(code: str) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    return subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, env=environment, check=False)


def test_the_records_load_no_torch() -> None:
    load = "from tpzoo.plugin.discovery import load_catalogue; c = load_catalogue(['tpzoo_timm.plugin'])"
    check = "import sys; assert 'torch' not in sys.modules and 'timm' not in sys.modules"
    done = run(f"{load}; assert not c.failures, c.failures; {check}; print(len(c.entries('architecture', 'timm/*')))")
    assert done.returncode == 0, done.stderr
    assert int(done.stdout) > 100


def test_models_are_listed_by_wildcard() -> None:
    result = CliRunner().invoke(main, ["list", "architecture", "timm/resnet1*", "--json", *PLUGIN])
    names = [item["name"] for item in json.loads(result.output)]
    assert {"timm/resnet18", "timm/resnet101"} <= set(names)
    assert all(name.startswith("timm/resnet1") for name in names)


def test_a_misspelt_model_is_answered_with_the_nearest(tmp_path: Path) -> None:
    (tmp_path / "config.yaml").write_text(CONFIG)
    result = CliRunner().invoke(main, ["train", "config.yaml", *PLUGIN, "architecture=timm/resnet_18"])
    assert result.exit_code == 2
    assert "Did you mean 'timm/resnet18'?" in result.output
