"""The records: one architecture for each of torchvision's classification models that can be cut. Loads no torch."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from importlib import resources
from typing import Any

from tpzoo import Architecture, SettingError, hookimpl, module_architecture, setting

TAKEN = ("num_classes", "weights", "image_size", "aux_logits")


@dataclass(frozen=True)
class TorchvisionSettings:
    """Settings of every ``torchvision/<name>``.

    Raises:
        SettingError: ``options`` holds what is decided elsewhere.
    """

    at: str | int | tuple[str, ...] = setting(
        "auto", help="where blocks begin: auto (every layer), a depth, or names of submodules; see tpzoo.split"
    )
    options: dict[str, Any] = setting({}, help="further arguments of torchvision's constructor: dropout, width_mult")

    def __post_init__(self) -> None:
        if clash := [name for name in self.options if name in TAKEN]:
            raise SettingError(f"options.{clash[0]} cannot be set", "the data set decides it; weights are always drawn")


@dataclass(frozen=True)
class Make:
    """Makes one model; torchvision is loaded when it is called."""

    model: str

    def __call__(self, settings: Any, spec: Any) -> Any:
        from tpzoo_torchvision.model import make

        return make(self.model, settings, spec)


@hookimpl
def tpzoo_architectures() -> Iterator[Architecture]:
    """Yield ``torchvision/<name>`` for every line of ``models.txt``."""
    for line in resources.files("tpzoo_torchvision").joinpath("models.txt").read_text("utf-8").splitlines():
        name, blocks, size = line.split()
        yield module_architecture(
            f"torchvision/{name}",
            Make(name),
            summary=f"torchvision's model, cut into {blocks} blocks",
            config=TorchvisionSettings,
            requires=("images",),
            smallest_image=int(size),
        )
