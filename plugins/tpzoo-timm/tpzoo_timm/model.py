"""From a timm model's name to a network of blocks."""

from __future__ import annotations

import torch
from torch import nn

from tpzoo import DataSpec, Network
from tpzoo.errors import SettingError
from tpzoo_timm.create import create, mode
from tpzoo_timm.cut import CutError, cut
from tpzoo_timm.groups import layer_groups
from tpzoo_timm.settings import TimmSettings
from tpzoo_timm.verify import check_still, verify


def build(name: str, settings: TimmSettings, spec: DataSpec) -> Network:
    """The timm model ``name``, cut into blocks and compared with the original.

    Raises:
        SettingError: timm cannot make it for this data, or it is not a chain of blocks (the message says where not).
        DataError: its weights are not here.
    """
    model = create(name, settings, spec)
    sample = torch.randn(2, *spec.input_shape, generator=torch.Generator().manual_seed(0))
    check_run(name, model, sample)
    try:
        network = cut_network(model, settings.credit, sample)
        verify(model, network, sample)
    except CutError as error:
        what = f"timm/{name} cannot be cut exactly into a chain of blocks with credit '{settings.credit}': {error.what}"
        raise SettingError(what, _instead(settings.credit)) from error
    return network


def cut_network(model: nn.Module, credit: str, sample: torch.Tensor) -> Network:
    """The blocks of ``model`` as a network; not yet compared with it.

    Raises:
        CutError: it cannot be cut.
    """
    check_still(model)
    groups = layer_groups(model, credit)
    with mode(model, False):
        blocks = cut(model, groups, sample)
    try:
        return Network(blocks, sample.shape[1:])
    except SettingError as error:
        raise CutError(error.what) from error


def check_run(name: str, model: nn.Module, sample: torch.Tensor) -> None:
    """Raise :class:`SettingError` if the model cannot take such images at all."""
    try:
        with mode(model, False), torch.no_grad():
            model(sample)
    except Exception as error:  # layers can raise anything about sizes that they cannot handle
        reason = (str(error).strip().splitlines() or [type(error).__name__])[0]
        size = " x ".join(map(str, sample.shape[1:]))
        what = f"timm/{name} does not run on images of {size}: {reason}"
        raise SettingError(
            what, "use larger images, another model, or architecture.options such as patch_size"
        ) from error


def _instead(credit: str) -> str:
    coarser = "try credit=stage, or " if credit == "block" else ""
    return f"{coarser}use another model: tpzoo list architecture 'timm/*'"
