"""The smallest member of every family, made small enough to compare in float64."""

from __future__ import annotations

import copy
from collections.abc import Mapping
from functools import cache
from typing import Any

import torch

from tpzoo import DataSpec, Network
from tpzoo_timm.model import build
from tpzoo_timm.settings import TimmSettings

SIZE = 32
SPEC = DataSpec((3, SIZE, SIZE), 10, "classification")
NARROW = {"embed_dim": 16, "depth": 2, "patch_size": 8, "num_heads": 2}

# family -> (model, options that make it small); a block and a stage are one and the same for those marked in SAME
MODELS: Mapping[str, tuple[str, Mapping[str, Any]]] = {
    "resnet": ("test_resnet", {}),
    "resnet_basic": ("resnet10t", {"channels": (4, 6, 8, 10), "stem_width": 4}),
    "resnet_bottleneck": ("resnet26", {"channels": (4, 6, 8, 10)}),
    "vgg": ("vgg11", {"mlp_ratio": 0.002}),
    "vgg_norm": ("vgg11_bn", {"mlp_ratio": 0.002}),
    "convnext": ("test_convnext", {}),
    "convnextv2": ("test_convnext2", {}),
    "mixer": ("mixer_s16_224", {}),
    "vit": ("test_vit", {}),
    "vit_class_token": ("vit_tiny_patch16_224", NARROW),
    "vit_average": ("vit_base_patch16_gap_224", NARROW),
    "resmlp": ("resmlp_12_224", {}),
    "gmlp": ("gmlp_ti16_224", {}),
    "deit": ("deit_tiny_patch16_224", NARROW),
    "deit_distilled": ("deit_tiny_distilled_patch16_224", NARROW),
    "regnet": ("regnetx_002", {}),
    "regnet_se": ("regnety_002", {}),
    "efficientnet": ("test_efficientnet", {}),
    "mobilenetv3": ("mobilenetv3_small_050", {}),
    "byobnet": ("test_byobnet", {}),
    "nfnet": ("test_nfnet", {}),
    "resnetv2": ("resnetv2_50", {"channels": (8, 16, 24, 32), "stem_chs": 8}),
    "convmixer": ("convmixer_768_32", {}),
}
SAME = ("mixer", "vit", "vit_class_token", "vit_average", "resmlp", "gmlp", "deit", "deit_distilled", "convmixer")
ONLY_STAGES = {"densenet": ("densenet121", {"growth_rate": 4, "block_config": (2, 2)})}
CASES = [
    (family, credit) for family in MODELS for credit in ("stage", "block") if credit == "stage" or family not in SAME
]
CASES += [(family, "stage") for family in ONLY_STAGES]
"""Every family by every granularity, once where they are the same."""


@cache
def _made(family: str, credit: str) -> Network:
    name, options = {**MODELS, **ONLY_STAGES}[family]
    with torch.random.fork_rng():
        torch.manual_seed(0)
        return build(name, TimmSettings(credit=credit, options=dict(options)), SPEC)


def make(family: str, credit: str) -> Network:
    """The network of a family, cut as asked; a copy of one that is built once."""
    return copy.deepcopy(_made(family, credit))
