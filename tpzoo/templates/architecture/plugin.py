"""The record that tpzoo collects. Nothing here loads torch."""

from collections.abc import Iterator
from dataclasses import dataclass

from tpzoo import Architecture, hookimpl, setting


@dataclass(frozen=True)
class MyEntrySettings:
    """Settings of ``my_entry``."""

    width: int = setting(64, minimum=1, help="units of every hidden layer")
    depth: int = setting(2, minimum=0, help="residual layers")


@hookimpl
def tpzoo_architectures() -> Iterator[Architecture]:
    """Yield ``my_entry``."""
    yield Architecture(
        name="my_entry",
        summary="dense layers with skip connections inside the blocks",
        config=MyEntrySettings,
        build="tpzoo.templates.architecture.architecture:build",
        smallest={"width": 3, "depth": 1},
    )
