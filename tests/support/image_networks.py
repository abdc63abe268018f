"""Small image networks by config overrides, for tests of convolutional feedback."""

from __future__ import annotations

from tpzoo.config import load
from tpzoo.plugin.discovery import load_catalogue
from tpzoo.runner.build import Built, build

LDRL = ("precision=float64", "feedback=layerwise", "feedback.map=mirror", "learner=ldrl", "learner.sigma=0.3")
POOL3 = "pool_kernel: 3, pool_stride: 2, pool_padding: 1"

BLOCKS = {
    "lenet": (
        *LDRL,
        "architecture=cnn",
        f"architecture.conv=[{{channels: 4, kernel: 5, {POOL3}}},{{channels: 5, kernel: 5, {POOL3}}}]",
        "architecture.hidden=[7]",
    ),
    "plain pool": (*LDRL, "architecture=cnn", "architecture.conv=[{channels: 4}, {channels: 5}]"),
    "no pool": (*LDRL, "architecture=cnn", "architecture.conv=[{channels: 4}, {channels: 5, pool: none}]"),
    "dense": (*LDRL, "architecture=cnn", "architecture.conv=[{channels: 4}]", "architecture.hidden=[7, 6]"),
}

VGG = (
    *LDRL,
    "architecture=cnn",
    "architecture.conv=[{channels: 8}, {channels: 8}, {channels: 12, pool: none}, {channels: 16}]",
)


def build_from(*overrides: str) -> Built:
    """What the overrides describe, on digits."""
    loaded = load(None, ("feedback.map=mirror", *overrides), load_catalogue())
    return build(loaded.experiment, loaded.catalogue)
