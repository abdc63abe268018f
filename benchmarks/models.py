"""Which methods run on which ordinary models, and whether they learn: torchvision's, timm's and plain torch's.

    python benchmarks/models.py cells [MODEL ...]   # a step of every method on every model: docs/data/models.json
    python benchmarks/models.py train [FAMILY ...]  # 200 steps on the smallest of each family: models-training.json
    python benchmarks/models.py sample              # six cells, for continuous integration: nothing is written

Images are 3 x 32 x 32, classes ten, weights drawn. A model is split as tpzoo.split does by itself. A cell says how long
building and the step took, or why there is none. Training is on random prototypes of ten classes with noise, in batches
of 8; the losses are means over the first and the last 20 steps. Models that are given are measured again, the others
keep what the file has. Each command takes less than an hour on one core.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

import tpzoo
from tpzoo.errors import TpzooError

ROOT = Path(__file__).parents[1]
DATA = ROOT / "docs" / "data"
sys.path.insert(0, str(ROOT / "plugins" / "tpzoo-timm"))
BATCH, STEPS, WINDOW = 8, 200, 20


class Encoder(nn.Module):
    """Patches, two of torch's own encoder layers, a mean over tokens."""

    def __init__(self) -> None:
        super().__init__()
        self.patches = nn.Conv2d(3, 32, 8, 8)
        layer = nn.TransformerEncoderLayer(32, 4, 64, 0.1, batch_first=True)
        self.encoder, self.head = nn.TransformerEncoder(layer, 2), nn.Linear(32, 10)

    def forward(self, x: Tensor) -> Tensor:
        return self.head(self.encoder(self.patches(x).flatten(2).transpose(1, 2)).mean(1))


def sequential() -> nn.Module:
    """Six layers with weights, batch norm and dropout."""
    return nn.Sequential(
        nn.Conv2d(3, 16, 3, padding=1), nn.BatchNorm2d(16), nn.ReLU(), nn.MaxPool2d(2),
        nn.Conv2d(16, 32, 3, padding=1), nn.BatchNorm2d(32), nn.ReLU(), nn.MaxPool2d(2),
        nn.Conv2d(32, 32, 3, padding=1), nn.BatchNorm2d(32), nn.ReLU(), nn.Flatten(),
        nn.Linear(2048, 64), nn.ReLU(), nn.Dropout(0.2), nn.Linear(64, 64), nn.ReLU(), nn.Linear(64, 10),
    )  # fmt: skip


def torchvision(name: str, **options: Any) -> Callable[[], nn.Module]:
    """One of torchvision's models."""

    def make() -> nn.Module:
        import torchvision

        return torchvision.models.get_model(name, weights=None, num_classes=10, **options)

    return make


def timm(name: str, **options: Any) -> Callable[[], nn.Module]:
    """One of timm's models."""

    def make() -> nn.Module:
        import timm as models

        return models.create_model(name, num_classes=10, **options)

    return make


SMALL = {"img_size": 32, "patch_size": 8}
MODELS: dict[str, tuple[str, Callable[[], nn.Module]]] = {
    "nn.Sequential": ("sequential", sequential),
    "nn.TransformerEncoder": ("encoder", Encoder),
    "torchvision resnet18": ("resnet", torchvision("resnet18")),
    "torchvision vgg11_bn": ("vgg", torchvision("vgg11_bn")),
    "torchvision mobilenet_v3_small": ("mobilenet", torchvision("mobilenet_v3_small")),
    "torchvision convnext_tiny": ("convnext", torchvision("convnext_tiny")),
    "torchvision vit_b_16": ("vit", torchvision("vit_b_16", image_size=32)),
    "torchvision squeezenet1_1": ("squeezenet", torchvision("squeezenet1_1")),
    "torchvision densenet121": ("densenet", torchvision("densenet121")),
    "torchvision googlenet": ("googlenet", torchvision("googlenet", aux_logits=False, init_weights=False)),
    "timm vgg11_bn, mlp_ratio=0.02": ("vgg", timm("vgg11_bn", mlp_ratio=0.02)),
    "timm test_resnet": ("resnet", timm("test_resnet")),
    "timm resnet10t": ("resnet", timm("resnet10t")),
    "timm resnet26": ("resnet", timm("resnet26")),
    "timm resnetv2_18": ("resnetv2", timm("resnetv2_18")),
    "timm test_convnext": ("convnext", timm("test_convnext")),
    "timm test_convnext2": ("convnext", timm("test_convnext2")),
    "timm convnext_atto": ("convnext", timm("convnext_atto")),
    "timm test_vit": ("vit", timm("test_vit", **SMALL)),
    "timm vit_tiny_patch16_224": ("vit", timm("vit_tiny_patch16_224", **SMALL)),
    "timm deit_tiny_patch16_224": ("vit", timm("deit_tiny_patch16_224", **SMALL)),
    "timm mixer_s16_224": ("mixer", timm("mixer_s16_224", img_size=32)),
    "timm resmlp_12_224": ("resmlp", timm("resmlp_12_224", img_size=32)),
    "timm gmlp_ti16_224": ("gmlp", timm("gmlp_ti16_224", img_size=32)),
    "timm regnetx_002": ("regnet", timm("regnetx_002")),
    "timm regnety_002": ("regnet", timm("regnety_002")),
    "timm test_efficientnet": ("efficientnet", timm("test_efficientnet")),
    "timm mobilenetv3_small_050": ("mobilenet", timm("mobilenetv3_small_050")),
    "timm test_byobnet": ("byobnet", timm("test_byobnet")),
    "timm test_nfnet": ("nfnet", timm("test_nfnet")),
    "timm ghostnet_050": ("ghostnet", timm("ghostnet_050")),
}

PLUGINS = {"timm vgg11_bn, mlp_ratio=0.02": ["tpzoo_timm.plugin"]}
"""Whose twins a model needs: timm's VGG looks at the size of the image, and only timm's distribution inverts that."""

LAYERWISE_DRL = {"learner": "drl", "feedback": {"name": "layerwise", "map": {"name": "dense"}}}
METHODS: dict[str, list[tuple[str, dict[str, Any]]]] = {
    "bp": [("", {"rule": "bp", "feedback": "none", "learner": "none"})],
    "tied dtp": [("", {"feedback": "tied", "learner": "none"})],
    "ldrl, layerwise mirror": [("", {"feedback": {"name": "layerwise", "map": "mirror"}, "learner": "ldrl"})],
    "drl, layerwise": [
        ("dense", LAYERWISE_DRL),
        ("low_rank", {**LAYERWISE_DRL, "feedback": {"name": "layerwise", "map": {"name": "low_rank", "rank": 32}}}),
    ],
    "drl, direct linear": [("", {"feedback": {"name": "direct", "map": "linear"}, "learner": "drl"})],
    "frozen, direct linear": [("", {"feedback": {"name": "direct", "map": "linear"}, "learner": "frozen"})],
}
"""By what the table calls them: what is tried, in this order, until one can be built."""

TRAINED = ("bp", "tied dtp", "ldrl, layerwise mirror")
SAMPLE = [("timm test_vit", "ldrl, layerwise mirror"), ("timm test_efficientnet", "ldrl, layerwise mirror"),
          ("nn.TransformerEncoder", "tied dtp"), ("nn.Sequential", "drl, layerwise"),
          ("timm test_resnet", "drl, direct linear"), ("timm test_nfnet", "bp")]  # fmt: skip


def images(batches: int) -> list[tuple[Tensor, Tensor]]:
    """Batches of noisy prototypes of ten classes."""
    source = torch.Generator().manual_seed(0)
    prototypes = torch.randn(10, 3, 32, 32, generator=source)
    found = []
    for _ in range(batches):
        y = torch.randint(0, 10, (BATCH,), generator=source)
        found.append((prototypes[y] + 0.5 * torch.randn(BATCH, 3, 32, 32, generator=source), y))
    return found


def made(name: str) -> nn.Module:
    """A model with drawn weights."""
    torch.manual_seed(0)
    return MODELS[name][1]()


def trainer(name: str, network: tpzoo.Network, method: str, x: Tensor) -> tuple[tpzoo.Trainer, str]:
    """The trainer of a method on a network, and which of its maps could be built.

    Raises:
        TpzooError: none could.
    """
    tried = METHODS[method]
    for i, (said, config) in enumerate(tried):
        try:
            return tpzoo.Trainer(config, network=network, example=x, plugins=PLUGINS.get(name, ())), said
        except TpzooError:
            if i == len(tried) - 1:
                raise
    raise AssertionError


def cell(name: str, network: tpzoo.Network, method: str, x: Tensor, y: Tensor) -> dict[str, Any]:
    """One step of a method on a network, or the sentence that says why there is none."""
    began = time.perf_counter()
    try:
        found, said = trainer(name, network, method, x)
        built = time.perf_counter()
        found.train()
        found.step(x, y)
        ended = time.perf_counter()
    except TpzooError as error:
        return {"refused": str(error).splitlines()[0]}
    return {"map": said, "build_seconds": round(built - began, 2), "step_seconds": round(ended - built, 2)}


def cells(names: list[str]) -> dict[str, Any]:
    """Every method on each of the models."""
    (x, y), found = images(1)[0], {}
    for name in names:
        began, module = time.perf_counter(), made(name)
        try:
            network = tpzoo.split(module, x)
        except TpzooError as error:
            found[name] = {"refused": str(error).splitlines()[0]}
            continue
        parameters = sum(p.numel() for p in module.parameters())
        row = {"blocks": len(network.blocks), "parameters": parameters}
        row["split_seconds"] = round(time.perf_counter() - began, 2)
        found[name] = {**row, "methods": {method: cell(name, network, method, x, y) for method in METHODS}}
        print(name, json.dumps(found[name]), flush=True)
    return found


SLOWER = ("squeezenet", "vgg", "resmlp", "convnext")
"""Families that are trained at 0.0001 under every method, because at 0.001 one of them fails: SqueezeNet's last ReLU
dies and VGG says always the same, under backpropagation too; L-DRL breaks on ResMLP and stands still on ConvNeXt."""

FEEDBACK = {"learner.sigma": 0.03, "optimizer.feedback.lr": 1e-3}
STRONGER = {"convnext": {"learner.sigma": 0.1, "optimizer.feedback.lr": 1e-2}}
"""Of L-DRL, in place of ``FEEDBACK``: ConvNeXt's loss falls by a third of what it does with these."""


def training(family: str, name: str) -> dict[str, Any]:
    """Losses over 200 steps of each of the methods in ``TRAINED``."""
    found: dict[str, Any] = {"model": name}
    rate, feedback = 1e-4 if family in SLOWER else 1e-3, STRONGER.get(family, FEEDBACK)
    for method in TRAINED:
        began, losses, batches = time.perf_counter(), [], images(STEPS)
        config = METHODS[method][0][1]
        settings = {"optimizer.forward.lr": rate, **(feedback if method.startswith("ldrl") else {})}
        options = {"settings": settings, "plugins": PLUGINS.get(name, ())}
        made_now = tpzoo.Trainer(config, network=made(name), example=batches[0][0], **options)
        made_now.train()
        try:
            for x, y in batches:
                losses.append(float(made_now.step(x, y).loss))
        except TpzooError as error:
            found[method] = {"stopped": str(error).splitlines()[0]}
            continue
        first, last = (sum(part) / WINDOW for part in (losses[:WINDOW], losses[-WINDOW:]))
        seconds = round(time.perf_counter() - began, 1)
        found[method] = {"first": round(first, 4), "last": round(last, 4), "seconds": seconds}
    print(json.dumps(found), flush=True)
    return found


def smallest() -> dict[str, str]:
    """Of each family the listed model with the fewest weights."""
    found: dict[str, tuple[int, str]] = {}
    for name, (family, _) in MODELS.items():
        with torch.device("meta"):
            size = sum(p.numel() for p in MODELS[name][1]().parameters())
        found[family] = min(found.get(family, (size, name)), (size, name))
    return {family: name for family, (_, name) in found.items()}


def keep(path: Path, new: dict[str, Any], order: list[str]) -> None:
    """Write what was measured beside what the file has of others."""
    old = json.loads(path.read_text("utf-8")) if path.is_file() else {}
    both = {**old, **new}
    path.write_text(json.dumps({name: both[name] for name in order if name in both}, indent=1) + "\n", "utf-8")


def main(arguments: list[str]) -> int:
    """The command line; returns the exit code."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("what", choices=("cells", "train", "sample"))
    parser.add_argument("names", nargs="*")
    chosen = parser.parse_args(arguments)
    torch.set_num_threads(1)
    if chosen.what == "cells":
        for name in chosen.names or list(MODELS):
            keep(DATA / "models.json", cells([name]), list(MODELS))
        return 0
    if chosen.what == "train":
        families = smallest()
        for family in chosen.names or list(families):
            found = training(family, families[family])
            keep(DATA / "models-training.json", {family: found}, list(families))
        return 0
    (x, y), wrong = images(1)[0], 0
    for name, method in SAMPLE:
        found = cell(name, tpzoo.split(made(name), x), method, x, y)
        print(f"{name}, {method}: {found}")
        wrong += "refused" in found
    return wrong


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
