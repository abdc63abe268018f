"""What a stranger's config or a wrong file can do: be refused in one message."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from tests.support.command import assert_message, inside, tpzoo
from tests.support.idx import write_small_mnist


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a CUDA device")
def test_cuda_asked_for_and_absent(tmp_path: Path) -> None:
    done = inside("train", "device=cuda", "--run-dir", tmp_path / "run")
    assert_message(done, "this machine has no CUDA device", "device=cpu")
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize("damage", ["missing", "cut", "foreign"])
def test_a_damaged_data_file(damage: str, tmp_path: Path) -> None:
    raw = write_small_mnist(tmp_path)
    path = raw / "train-images-idx3-ubyte"
    content = path.read_bytes()
    path.unlink()
    if damage != "missing":
        path.write_bytes(content[:-5] if damage == "cut" else b"not pixels")
    done = inside("train", "data=mnist", f"data.root={tmp_path}", "--run-dir", tmp_path / "run")
    assert_message(done, str(raw) if damage != "missing" else str(tmp_path), "download=true")
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize(
    "text",
    [
        "seed: !!python/object/apply:pathlib.Path.touch [{mark}]\n",
        "name: !!python/name:os.system\n",
        "name: ${{oc.env:HOME}}\n",
        "name: ${{oc.create:{mark}}}\n",
        "plugins: [evil]\n",
        "plugins: [os]\n",
        "rule: {{name: dtp, _target_: os.system}}\n",
    ],
)
def test_a_config_runs_no_code(text: str, tmp_path: Path) -> None:
    mark = tmp_path / "ran"
    (tmp_path / "evil.py").write_text(f"open({str(mark)!r}, 'w').close()\n")
    (tmp_path / "config.yaml").write_text(text.format(mark=mark))
    done = tpzoo("train", tmp_path / "config.yaml", cwd=tmp_path, PYTHONPATH=_path(tmp_path))
    assert_message(done, "config.yaml:1")
    assert not mark.exists()


def _path(folder: Path) -> str:
    """The module path of this process, with ``folder`` in front: there the config's module could be found."""
    import os

    return os.pathsep.join([str(folder), os.environ.get("PYTHONPATH", "")])
