"""Which of timm's models can be cut: ``python -m tpzoo_timm.listing`` writes ``models.txt``.

Models are made on the device ``meta``, which computes shapes only, so the largest takes no more memory than the
smallest. A line is a model's name and its numbers of blocks with credit ``stage`` and ``block`` (``-``: refused).
"""

from __future__ import annotations

import fnmatch
import sys
from pathlib import Path

import timm
import torch
from timm.models import get_pretrained_cfg
from torch import nn

from tpzoo import DataSpec
from tpzoo.errors import TpzooError
from tpzoo_timm.create import create
from tpzoo_timm.model import cut_network
from tpzoo_timm.settings import TimmSettings

FILE = Path(__file__).with_name("models.txt")


def line(name: str) -> str:
    """One line of the list; it ends in ``- -`` if the model cannot be cut."""
    cfg = get_pretrained_cfg(name)
    shape = tuple(cfg.input_size) if cfg is not None else (3, 224, 224)
    try:
        with torch.device("meta"):
            model = create(name, TimmSettings(), DataSpec(shape, 10, "classification"))
            counts = [count(model, credit, shape) for credit in ("stage", "block")]
    except TpzooError as error:
        print(error.what, file=sys.stderr)
        counts = ["-", "-"]
    return " ".join([name, *counts])


def count(model: nn.Module, credit: str, shape: tuple[int, ...]) -> str:
    """The number of blocks, or ``-`` if the model cannot be cut."""
    try:
        return str(len(cut_network(model, credit, torch.zeros(2, *shape), compare=False).nodes))
    except TpzooError as error:
        print(f"{credit}: {error.what}", file=sys.stderr)
        return "-"


def main(pattern: str = "*") -> None:
    """Print the list of the models whose names match; without a pattern, write the file as well."""
    kept = []
    for name in sorted(timm.list_models()):
        if fnmatch.fnmatch(name, pattern):
            found = line(name)
            print(found, flush=True)
            kept += [] if found.endswith("- -") else [found]
    if pattern == "*":
        FILE.write_text("".join(f"{each}\n" for each in kept), "utf-8")


if __name__ == "__main__":
    torch.set_num_threads(1)
    main(*sys.argv[1:])
