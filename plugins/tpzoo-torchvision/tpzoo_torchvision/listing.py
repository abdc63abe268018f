"""Which of torchvision's models can be cut: ``python -m tpzoo_torchvision.listing`` writes ``models.txt``.

Models are made on the device ``meta``, which computes shapes only. A line is a model's name, its number of blocks, and
the smallest of a few image sizes that it takes.
"""

from __future__ import annotations

import sys
from pathlib import Path

import torch
import torchvision
from torch import nn

from tpzoo import DataSpec, split
from tpzoo.errors import TpzooError
from tpzoo_torchvision.model import make
from tpzoo_torchvision.plugin import TorchvisionSettings

FILE = Path(__file__).with_name("models.txt")
SIZES = (32, 64, 96, 128, 224)


def line(name: str) -> str:
    """One line of the list; empty if the model cannot be cut."""
    said = ""
    for size in SIZES:
        try:
            model = on_meta(name, size)
            with torch.device("meta"):
                network = split(model, torch.zeros(2, 3, size, size), compare=False)
            return f"{name} {len(network.blocks)} {size}"
        except TpzooError as error:
            said = error.what
    print(f"{name}: {said}", file=sys.stderr)
    return ""


def on_meta(name: str, size: int) -> nn.Module:
    """The model on the device ``meta``; RegNets compute their widths with tensors, and are made with weights first."""
    spec = DataSpec((3, size, size), 10, "classification")
    if name.startswith("regnet"):
        return make(name, TorchvisionSettings(), spec).to("meta")
    with torch.device("meta"):
        return make(name, TorchvisionSettings(), spec)


def main() -> None:
    """Write the list."""
    names = sorted(torchvision.models.list_models(module=torchvision.models))
    found = [each for name in names if (each := line(name))]
    FILE.write_text("".join(f"{each}\n" for each in found), "utf-8")


if __name__ == "__main__":
    main()
