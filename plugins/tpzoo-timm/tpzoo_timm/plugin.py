"""The records: one architecture for each of timm's models that can be cut, and twins for its layers. Loads no torch."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from importlib import resources
from typing import Any

from tpzoo import Architecture, Twin, hookimpl
from tpzoo_timm.settings import TimmSettings

# type of layer -> (summary, builder)
TWINS = {
    "timm.models.resnet:BasicBlock": ("both branches inverted and added", "twins:basic_block"),
    "timm.models.resnet:Bottleneck": ("both branches inverted and added", "twins:bottleneck"),
    "timm.models.regnet:Bottleneck": ("both branches inverted and added", "twins:regnet_bottleneck"),
    "timm.models.regnet:RegStage": ("the units' twins in reverse order", "twins:children"),
    "timm.models.convnext:ConvNeXtBlock": ("both branches inverted and added", "twins:convnext_block"),
    "timm.models.convnext:ConvNeXtStage": ("the layers' twins in reverse order", "twins:stage"),
    "timm.models.mlp_mixer:MixerBlock": ("both residual MLPs inverted", "twins:mixer_block"),
    "timm.models.vgg:ConvMlp": ("the layers' twins in reverse order", "twins:conv_mlp"),
    "timm.layers:Mlp": ("the layers' twins in reverse order", "twins:mlp"),
    "timm.layers:ConvNormAct": ("the layers' twins in reverse order", "twins:conv_norm_act"),
    "timm.layers:BatchNormAct2d": ("the activation, then a fresh norm", "twins:norm_act"),
    "timm.layers:SelectAdaptivePool2d": ("cells repeat", "twins:select_pool"),
    "timm.layers:ClassifierHead": ("the layers' twins in reverse order", "twins:classifier_head"),
    "timm.layers:NormMlpClassifierHead": ("the layers' twins in reverse order", "twins:norm_mlp_head"),
    **{
        f"timm.layers.activations:{name}": ("the same activation", "parts:PointwiseTwin")
        for name in ("GELU", "GELUTanh", "QuickGELU", "Swish", "Mish", "HardSwish", "HardMish", "Sigmoid", "Tanh")
    },
    "timm.layers:DropPath": ("the identity, its mean over masks", "twins:through"),
    "tpzoo_timm.parts:Permute": ("the axes as they were", "parts:PermuteTwin"),
    "tpzoo_timm.parts:Scale": ("a scale with weights of its own", "parts:ScaleTwin"),
}


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
            smallest_image=32,  # models for ImageNet halve an image five times
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
        package, _, layer = module.partition(":")
        name = f"{package.rpartition('.')[2]}.{layer}"
        build, made = f"tpzoo_timm.{builder}", partial(examples, name)
        yield Twin(name=name, summary=text, module=module, build=build, examples=made)


def examples(name: str) -> list[tuple[Any, tuple[int, ...]]]:
    """Layers of one type and the shapes that they take; timm is loaded when it is called."""
    from tpzoo_timm.examples import EXAMPLES

    return EXAMPLES[name]()
