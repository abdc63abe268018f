"""The page of models: which methods run on which, and whether they learn, from ``docs/data/models*.json``."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

DATA = Path(__file__).parent / "data"
HEAD = """One step of each method on ordinary models, split by `tpzoo.split` at every layer, images of 3 x 32 x 32, ten
classes, batch 8, one thread: the seconds that the step took, its first one, or the sentence that says why there is
none. `low_rank`: one dense matrix between two blocks would have held more than 50 million weights. The command:

    python benchmarks/models.py cells
"""
TRAINING = """Whether they learn: 200 steps in batches of 8 on noisy prototypes of ten classes, of each family its
smallest listed model. The mean loss of the first and of the last 20 steps. All methods have Adam with rate 0.001 for
the network and for the maps of L-DRL, whose sigma is 0.03. Families that this rate breaks under one of the methods have
0.0001 under all: SqueezeNet, VGG, ResMLP, ConvNeXt. With ConvNeXt the maps have rate 0.01 and sigma 0.1. No more was
searched than this, the first settings counted: L-DRL had five on SqueezeNet, four on ConvNeXt, two on ResMLP and VGG;
backpropagation and the tied path had one, and the lower rate. The command:

    python benchmarks/models.py train
"""
CIFAR = """`docs/examples/own_cifar10.py`, fifteen lines: two convolutions and a dense layer, three epochs, one thread,
one seed. Test error in per cent. Both have SGD with momentum 0.9 and rate 0.02. For L-DRL two rates of the maps and two
numbers of their iterations were tried on 100 batches, and their test errors looked at; for backpropagation one rate.
The command:

    TPZOO_DATA=DIR python benchmarks/own_cifar10.py
"""


def models() -> Iterator[str]:
    """The page."""
    yield "# Models and methods\n"
    yield "<!-- Made by docs/generate.py from docs/data: measure again instead. -->\n"
    yield HEAD
    found = _read("models.json")
    methods = list(dict.fromkeys(name for row in found.values() for name in row.get("methods", {})))
    notes: list[str] = []
    rows = [_row(name, row, methods, notes) for name, row in found.items()]
    yield _table(["model", "blocks", "weights", *methods], rows)
    yield "\n".join(f"{i}. {note}" for i, note in enumerate(notes, start=1)) + "\n" if notes else ""
    yield "## Training\n"
    yield TRAINING
    trained = _read("models-training.json")
    names = list(dict.fromkeys(name for row in trained.values() for name in row if name != "model"))
    yield _table(
        ["family", "model", *names],
        [[family, row["model"], *(_losses(row.get(name, {})) for name in names)] for family, row in trained.items()],
    )

    yield "## A network of one's own on CIFAR-10\n"
    yield CIFAR
    own = _read("own-cifar10.json")
    rows = [[name, *(f"{each:.2f}" for each in row["test_errors"]), str(row["seconds"])] for name, row in own.items()]
    yield _table(["method", "epoch 1", "epoch 2", "epoch 3", "seconds"], rows)


def _read(name: str) -> dict[str, Any]:
    file = DATA / name
    found: dict[str, Any] = json.loads(file.read_text("utf-8")) if file.is_file() else {}
    return found


def _row(name: str, row: dict[str, Any], methods: list[str], notes: list[str]) -> list[str]:
    if "refused" in row:
        return [name, "-", "-", *[_note(row["refused"], notes)] * len(methods)]
    cells = [_cell(row["methods"].get(method, {}), notes) for method in methods]
    return [name, str(row["blocks"]), f"{row['parameters']:,}", *cells]


def _cell(cell: dict[str, Any], notes: list[str]) -> str:
    if "refused" in cell:
        return _note(cell["refused"], notes)
    if not cell:
        return ""
    return f"{cell['step_seconds']:.2f}{' ' + cell['map'] if cell['map'] == 'low_rank' else ''}"


def _note(text: str, notes: list[str]) -> str:
    if text not in notes:
        notes.append(text)
    return f"no ({notes.index(text) + 1})"


def _losses(cell: dict[str, Any]) -> str:
    if "stopped" in cell:
        return cell["stopped"]
    return f"{cell['first']:.2f} to {cell['last']:.2f}" if cell else ""


def _table(head: list[str], rows: list[list[str]]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines) + "\n"
