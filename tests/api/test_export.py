"""A network for somebody without tpzoo: plain PyTorch or torch.export, equal outputs; and the verbs."""

from __future__ import annotations

import csv
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

import tpzoo
from tests.support.command import inside as command

DEMO = str(Path(__file__).parents[2] / "configs" / "demo.yaml")


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> tpzoo.Run:
    place = tmp_path_factory.mktemp("runs") / "one"
    return tpzoo.train(DEMO, run_dir=place, quiet=True, epochs=1, architecture={"hidden": [12, 8]})


def exported(path: Path, raw: torch.Tensor) -> torch.Tensor:
    """What an exported network says, in a process that cannot import tpzoo."""
    code = (
        "import sys, torch; sys.modules['tpzoo'] = None; sys.path.insert(0, sys.argv[1]); import network;"
        "x = torch.load(sys.argv[2]); torch.save(network.load()(network.prepare(x)).detach(), sys.argv[3])"
    )
    torch.save(raw, path / "x.pt")
    arguments = [str(path), str(path / "x.pt"), str(path / "out.pt")]
    done = subprocess.run([sys.executable, "-c", code, *arguments], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    found: torch.Tensor = torch.load(path / "out.pt")
    return found


@pytest.mark.parametrize(
    "architecture",
    [
        {"name": "mlp", "hidden": [6], "activation": "leaky_relu", "norm": "batch"},
        {"name": "cnn", "conv": [{"channels": 4}], "activation": "gelu"},
        {"name": "resnet", "units": [1, 1], "width": 4, "norm": "group", "groups": 2},
    ],
    ids=lambda each: each["name"],
)
def test_an_export_is_the_network_in_plain_pytorch(architecture: dict[str, Any], tmp_path: Path) -> None:
    made = tpzoo.train(
        {"data": "digits", "epochs": 1, "rule": "bp"}, run_dir=tmp_path / "run", quiet=True, architecture=architecture
    )
    out = made.export(tmp_path / "out")
    source = (out / "network.py").read_text()
    assert "tpzoo" not in source.split('"""', 2)[2]
    assert source.count("\n") < 100
    assert sorted(each.name for each in out.iterdir()) == ["network.py", "preparation.json", "weights.safetensors"]
    raw = torch.rand(7, 1, 8, 8)
    torch.testing.assert_close(exported(out, raw), made.predict(raw).output, rtol=1e-5, atol=1e-6)
    with pytest.raises(tpzoo.SettingError, match="not an empty folder"):
        made.export(out)


BRANCHED = """
import torch, tpzoo
from torch import nn

class Branched(nn.Module):
    def __init__(self, outputs):
        super().__init__()
        self.a, self.b, self.head = nn.Conv2d(1, 3, 3), nn.Conv2d(1, 3, 3), nn.Linear(108, outputs)

    def forward(self, x):
        return self.head((self.a(x) * torch.sigmoid(self.b(x))).flatten(1))

@tpzoo.hookimpl
def tpzoo_architectures():
    yield tpzoo.module_architecture("branched", lambda spec: Branched(spec.output_size), summary="two branches")
"""


def test_what_is_not_made_of_layers_is_exported_by_torch(tmp_path: Path) -> None:
    (tmp_path / "branched.py").write_text(BRANCHED)
    made = tpzoo.train(
        {"data": "digits", "epochs": 1, "feedback": "tied", "learner": "none"}, run_dir=tmp_path / "run", quiet=True,
        architecture="branched", plugins=[str(tmp_path / "branched.py")],
    )  # fmt: skip
    out = made.export(tmp_path / "out")
    assert (out / "network.pt2").is_file()
    raw = torch.rand(3, 1, 8, 8)
    torch.testing.assert_close(exported(out, raw), made.predict(raw).output, rtol=1e-5, atol=1e-6)


def test_an_export_that_differs_is_refused(run: tpzoo.Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tpzoo.api.export.PREPARE", tpzoo.api.export.PREPARE.replace("/ 255", "/ 256"))  # type: ignore[attr-defined]
    with pytest.raises(tpzoo.RunError, match="gives other outputs"):
        run.export(tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_the_verbs_predict_and_export(run: tpzoo.Run, tmp_path: Path) -> None:
    x = np.random.default_rng(0).random((5, 1, 8, 8), dtype=np.float32)
    np.save(tmp_path / "x.npy", x)
    np.savez(tmp_path / "several.npz", a=x, b=x)
    done = command("predict", str(run.path), str(tmp_path / "x.npy"), "--out", str(tmp_path / "out.csv"))
    assert done.returncode == 0, done.stderr
    rows = list(csv.DictReader((tmp_path / "out.csv").open()))
    found = run.predict(x)
    assert [int(row["class"]) for row in rows] == found.classes.tolist()  # type: ignore[union-attr]
    assert [float(row["probability"]) for row in rows] == found.probabilities.max(1).values.tolist()  # type: ignore[union-attr]
    for file, message in (("none.npy", "there is no file"), ("several.npz", "a, b"), ("out.csv", "no array of numpy")):
        refused = command("predict", str(run.path), str(tmp_path / file))
        assert refused.returncode == 2 or refused.returncode == 1
        assert message in refused.stderr
    done = command("export", str(run.path), str(tmp_path / "out"))
    assert done.returncode == 0, done.stderr
    assert "network.py" in done.stdout
