"""A trained network for somebody without tpzoo: weights, how examples are prepared, and a short file of plain PyTorch.

``network.py`` rebuilds the network from torch's own layers where it is made of these, one line for each; else it loads
``network.pt2``, which ``torch.export`` made. Before anything is written under its name, it is run in a process of its
own that cannot import tpzoo, and its outputs are compared with the network's.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import safetensors.torch
import torch

from tpzoo.api.source import NotPlainError, layers_source
from tpzoo.cut.graph import InOrder
from tpzoo.engine.images import Normalise
from tpzoo.engine.network import Network
from tpzoo.errors import RunError, SettingError
from tpzoo.files import write_atomic
from tpzoo.runner.trained import Trained

TOLERANCE = 1e-5
MOST_LINES = 100
EXAMPLES = 5

HEAD = '''"""{what}: a network that was trained with tpzoo, and needs PyTorch and safetensors alone.

    import network
    net = network.load()                  # an nn.Module in evaluation mode
    out = net(network.prepare(examples))  # raw examples, (examples, ...) as the data set has them{units}
"""

import json
from collections import OrderedDict
from pathlib import Path

import torch
from safetensors.torch import load_file
from torch import nn

HERE = Path(__file__).parent
'''

PREPARE = '''

def prepare(x):
    """Raw examples (uint8 pixels, or floating point values) as the network's input."""
    said = json.loads((HERE / "preparation.json").read_text())
    x = x.to(torch.{dtype}) / 255 if x.dtype == torch.uint8 else x.to(torch.{dtype})
    if said["mean"] is not None:
        shape = (-1,) + (1,) * (x.dim() - 2)
        mean, std = (torch.tensor(said[name], dtype=torch.float64).to(x.dtype).view(shape) for name in ("mean", "std"))
        x = (x - mean) / std
    return x.flatten(1) if len(said["input_shape"]) == 1 else x
'''

LOAD_PLAIN = '''

def load():
    """The network with its weights, in evaluation mode."""
    net = build(){cast}
    net.load_state_dict(load_file(HERE / "weights.safetensors"))
    return net.eval()
'''

LOAD_EXPORTED = '''

def load():
    """The network with its weights, in evaluation mode, as torch.export kept it; weights.safetensors has them too."""
    return torch.export.load(HERE / "network.pt2").module()
'''

UNUSED = (
    "from collections import OrderedDict\n",
    "from safetensors.torch import load_file\n",
    "from torch import nn\n",
)
"""What the head imports and a file that loads ``network.pt2`` does not need."""

CHECK = """
import sys
sys.modules["tpzoo"] = None  # as where it is not installed
sys.path.insert(0, sys.argv[1])
import network, torch
x = torch.load(sys.argv[2], weights_only=True)
with torch.no_grad():
    torch.save(network.load()(network.prepare(x)), sys.argv[3])
"""


def export(trained: Trained, out: Path, what: str) -> Path:
    """Write ``weights.safetensors``, ``preparation.json``, ``network.py`` and perhaps ``network.pt2`` into a folder.

    Args:
        out: a folder that is empty or not there yet.
        what: what the network is, for the head of its file.

    Raises:
        SettingError: the folder holds something, the run prepares examples in a way of its own, or the network can be
            neither written as torch's layers nor exported by torch.export.
        RunError: what was written gives other outputs.
    """
    if out.exists() and (not out.is_dir() or any(out.iterdir())):
        raise SettingError(f"{out} is not an empty folder", "give a new one")
    preparation = _preparation(trained)
    network = trained.engine.network.eval()
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch) / "export"
        folder.mkdir()
        weights = {
            name: value.detach().cpu().contiguous().clone() for name, value in network.blocks.state_dict().items()
        }
        safetensors.torch.save_file(weights, folder / "weights.safetensors")
        (folder / "preparation.json").write_text(json.dumps(preparation, indent=2) + "\n", "utf-8")
        (folder / "network.py").write_text(_source(trained, network, folder, what), "utf-8")
        _check(trained, network, folder, Path(scratch))
        out.mkdir(parents=True, exist_ok=True)
        for file in sorted(folder.iterdir()):
            if file.is_file():
                write_atomic(out / file.name, file.read_bytes())
    return out


def _preparation(trained: Trained) -> dict[str, Any]:
    data = trained.preparation
    parts: dict[str, Any] = {"normalise": data.normalise, "scale_targets": data.scale_targets}
    for name, part in parts.items():
        if part is not None and not isinstance(part, Normalise):
            what = f"the data set prepares examples by its own {type(part).__name__} ({name})"
            raise SettingError(what, "export needs tpzoo.Normalise, which is a mean and a deviation")

    def numbers(part: Normalise | None, name: str) -> list[float] | None:
        return None if part is None else getattr(part, name).double().tolist()

    return {
        "task": data.spec.task,
        "input_shape": list(data.spec.input_shape),
        "outputs": data.spec.output_size,
        "mean": numbers(parts["normalise"], "mean"),
        "std": numbers(parts["normalise"], "std"),
        "target_mean": numbers(parts["scale_targets"], "mean"),
        "target_std": numbers(parts["scale_targets"], "std"),
    }


def _source(trained: Trained, network: Network, folder: Path, what: str) -> str:
    scaled = trained.preparation.scale_targets is not None
    units = "; in units of labels: out * target_std + target_mean" if scaled else ""
    dtype = str(trained.dtype).removeprefix("torch.")
    head = HEAD.format(what=what, units=units)
    prepare = PREPARE.format(dtype=dtype)
    try:
        cast = "" if trained.dtype == torch.float32 else f".to(torch.{dtype})"
        source = head + layers_source(network) + prepare + LOAD_PLAIN.format(cast=cast)
        if source.count("\n") < MOST_LINES:
            return source
    except NotPlainError:
        pass
    _export(trained, network, folder)
    for unused in UNUSED:
        head = head.replace(unused, "")
    return head.replace(" and safetensors alone", " alone") + prepare + LOAD_EXPORTED


def _export(trained: Trained, network: Network, folder: Path) -> None:
    x = torch.randn(EXAMPLES, *network.input_shape, dtype=trained.dtype, device=trained.device)
    try:
        program = torch.export.export(InOrder(network), (x,), dynamic_shapes=({0: torch.export.Dim("batch")},))
        torch.export.save(program, folder / "network.pt2")
    except Exception as error:  # torch.export fails in many ways on code that it does not know
        said = (str(error).strip().splitlines() or [type(error).__name__])[0]
        raise SettingError(f"torch.export cannot export this network: {said}", "export one of plain layers") from error


@torch.no_grad()
def _check(trained: Trained, network: Network, folder: Path, scratch: Path) -> None:
    """Run what was written in a process of its own, on pixels and on numbers, and compare the outputs."""
    shape = (EXAMPLES, *network.input_shape)
    source = torch.Generator().manual_seed(0)
    pixels = torch.randint(0, 256, shape, dtype=torch.uint8, generator=source)
    for raw in (pixels, torch.randn(shape, generator=source)):
        torch.save(raw, scratch / "x.pt")
        arguments = [str(folder), str(scratch / "x.pt"), str(scratch / "out.pt")]
        done = subprocess.run([sys.executable, "-c", CHECK, *arguments], capture_output=True, text=True, check=False)
        if done.returncode:
            raise RunError(f"the exported network does not run: {done.stderr.strip().splitlines()[-1]}")
        found = torch.load(scratch / "out.pt", weights_only=True)
        expected = network(trained.preparation.prepare(raw.to(trained.device), trained.dtype)).cpu()
        size = float(expected.abs().max().clamp(min=1e-30))
        if found.shape != expected.shape or float((found - expected).abs().max()) > TOLERANCE * size:
            raise RunError("the exported network gives other outputs than the network that it is made of")
