"""The records: one architecture for each of timm's models that can be cut, and twins for its layers. Loads no torch."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from importlib import resources
from typing import Any

from tpzoo import Architecture, Twin, hookimpl
from tpzoo_timm.settings import TimmSettings

TWINS: dict[str, tuple[str, str]] = {}


@dataclass(frozen=True)
class Build:
    """Builds one model; timm is loaded when it is called."""

    model: str

    def __call__(self, settings: Any, spec: Any) -> Any:
        from tpzoo_timm.model import build

        return build(self.model, settings, spec)


@hookimpl
def tpzoo_architectures() -> Iterator[Architecture]:
    """Yield ``timm/<name>`` for every line of ``models.txt``, which ``python -m tpzoo_timm.listing`` writes."""
    for line in resources.files("tpzoo_timm").joinpath("models.txt").read_text("utf-8").splitlines():
        name, stages, blocks = line.split()
        yield Architecture(
            name=f"timm/{name}",
            summary=summary(stages, blocks),
            config=TimmSettings,
            build=Build(name),
            requires=("images",),
            smallest={"credit": "stage" if blocks == "-" else "block"},
        )


def summary(stages: str, blocks: str) -> str:
    """How many blocks a model is cut into: ``-`` where it cannot be cut."""
    if blocks == "-":
        return f"timm's model, cut into {stages} blocks by stage (credit: stage)"
    if stages in ("-", blocks):
        return f"timm's model, cut into {blocks} blocks"
    return f"timm's model, cut into {blocks} blocks, or {stages} by stage"


@hookimpl
def tpzoo_twins() -> Iterator[Twin]:
    """Yield twins of timm's own layer types."""
    for module, (text, builder) in TWINS.items():
        name = f"timm.{module.rpartition(':')[2]}"
        yield Twin(name=name, summary=text, module=module, build=f"tpzoo_timm.twins.{builder}")
