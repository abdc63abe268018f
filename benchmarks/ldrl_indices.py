"""Where L-DRL's maps come to rest, with the pool indices of the noisy pass, as published, and with the clean one's.

    python benchmarks/ldrl_indices.py [--epochs 40] [--csv FILE]

The forward weights stand still (rate 0) at their initial values; only the maps learn, on the digits, with their rates
falling to zero over the epochs: with the noise of the recipe, sigma 0.3, and with a tenth of it, where the rates are a
hundred times those of the recipe, since a map is pulled by rate sigma^2.

Then, on the test images, the angle between every map's Jacobian and the transposed one of what it inverts, in degrees,
and the ratio of their norms: probe jacobian_alignment with all unit vectors, so exact. At the Jacobian matching
condition both would be 0 and 1.
"""

from __future__ import annotations

import argparse
import csv
import json
from pathlib import Path

import torch

from tpzoo.config import load
from tpzoo.runner.build import build
from tpzoo.runner.loop import Training
from tpzoo.runner.measure import measure

POOL3 = "pool_kernel: 3, pool_stride: 2, pool_padding: 1"
NETWORKS = {
    "digits_lenet": ("ernoult2022/digits_lenet_ldrl",),
    "digits_vgg": ("ernoult2022/digits_vgg_ldrl",),
    "digits_lenet, overlapping pools": (
        "ernoult2022/digits_lenet_ldrl",
        f"architecture.conv=[{{channels: 16, {POOL3}}}, {{channels: 32, {POOL3}}}]",
    ),
}
STILL = ("optimizer.forward.lr=0", "optimizer.feedback.schedule=cosine", "probes.jacobian_alignment.exact_up_to=100000")
NOISE = {"0.3": 1.0, "0.03": 100.0}
"""By sigma what the recipe's feedback rates are multiplied by."""

HEADER = ("network", "sigma", "pool indices", "edge", "angle", "ratio")


def at_rest(network: str, sigma: str, indices: str, epochs: int) -> list[tuple[str, ...]]:
    """The lines of one network."""
    config, *overrides = NETWORKS[network]
    rates = load(config, overrides).experiment.optimizer.feedback.settings.lr.value  # type: ignore[union-attr]
    lr = {name: NOISE[sigma] * rate for name, rate in rates.items()}
    noise = (f"learner.sigma={sigma}", f"learner.indices={indices}", f"optimizer.feedback.lr={json.dumps(lr)}")
    loaded = load(config, [*overrides, *STILL, *noise, f"epochs={epochs}"])
    built = build(loaded.experiment, loaded.catalogue)
    built.probes, probes = {}, built.probes
    for _ in Training(loaded.experiment, built, []).run():
        pass
    built.probes = probes
    found = measure(built, built.data.test, 99)
    edges = [edge.name for edge in built.engine.feedback.edges][::-1]
    values = [[found[f"jacobian_alignment/{edge}/{kind}"].mean for kind in ("angle", "ratio")] for edge in edges]
    return [
        (network, sigma, indices, edge, f"{angle:.1f}", f"{ratio:.2f}")
        for edge, (angle, ratio) in zip(edges, values, strict=True)
    ]


def main() -> None:
    """Measure, print, and write the CSV if asked to."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--epochs", type=int, default=40)
    parser.add_argument("--csv", type=Path)
    given = parser.parse_args()
    torch.set_num_threads(1)
    rows = [HEADER]
    for network in NETWORKS:
        for sigma in NOISE:
            for indices in ("noisy", "clean"):
                found = at_rest(network, sigma, indices, given.epochs)
                for row in found:
                    print("  ".join(row), flush=True)
                rows += found
    if given.csv:
        with given.csv.open("w", newline="") as file:
            csv.writer(file).writerows(rows)


if __name__ == "__main__":
    main()
