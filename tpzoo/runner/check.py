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
