"""Would this config run? Everything it names is loaded and built; nothing is trained."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from tpzoo.config import LoadedConfig, load
from tpzoo.runner.build import Built, build


def check_config(path: Path, plugins: Sequence[str] = ()) -> tuple[LoadedConfig, Built]:
    """Load and build the config in ``path``.

    Raises:
        TpzooError: it cannot be loaded, its components cannot be built, or its data are not there.
    """
    loaded = load(path, (), plugins=plugins)
    return loaded, build(loaded.experiment, loaded.catalogue)


def last_rates(built: Built, epochs: int) -> list[str]:
    """A line for each optimiser whose rates change: those of the first, the lowest and the last epoch."""
    lines = []
    for name, stepper in (("forward", built.forward), ("feedback", built.feedback)):
        by_epoch = [stepper.rates()]
        for _ in range(epochs - 1):
            stepper.end_epoch()
            by_epoch.append(stepper.rates())
        if by_epoch[0] and any(rates != by_epoch[0] for rates in by_epoch):
            member = next(iter(by_epoch[0]))
            curve = [rates[member] for rates in by_epoch]
            low = min(range(len(curve)), key=lambda epoch: curve[epoch])
            lines.append(
                f"learning rate, {name}, {member}: {curve[0]:.3g} in epoch 1, lowest {curve[low]:.3g} in epoch"
                f" {low + 1}, {curve[-1]:.3g} in the last, epoch {epochs}"
            )
    return lines
