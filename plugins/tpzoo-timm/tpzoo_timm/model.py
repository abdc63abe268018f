"""From a timm model's name to a network of blocks."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import nn

from tpzoo import CutError, DataSpec, Network, boundary, split
from tpzoo.errors import SettingError
from tpzoo_timm.create import create
from tpzoo_timm.groups import layer_groups
from tpzoo_timm.settings import TimmSettings


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
        return cut_network(model, settings.credit, sample)
    except CutError as error:
        what = f"timm/{name} cannot be cut exactly into a chain of blocks with credit '{settings.credit}': {error.what}"
        raise SettingError(what, _instead(settings.credit)) from error


def cut_network(model: nn.Module, credit: str, sample: torch.Tensor, compare: bool = True) -> Network:
    """The blocks of ``model`` as a network: ``stem``, timm's groups by the names of their modules, ``head``.

    Raises:
        CutError: it cannot be cut.
    """
    groups = layer_groups(model, credit)
    with _head_marked(model):
        cut = split(model, sample, groups, compare=compare)
    first, *names, last = cut.blocks
    blocks = {name: cut.blocks[old] for name, old in zip(["stem", *names, "head"], [first, *names, last], strict=True)}
    return Network(blocks, sample.shape[1:])  # type: ignore[arg-type]


@contextmanager
def _head_marked(model: nn.Module) -> Iterator[None]:
    """While it is cut, a model says where its head begins: with the pool, which would else be the last group's."""
    head = getattr(model, "forward_head", None)
    if head is None:
        yield
        return

    def marked(x: Any, *arguments: Any, **options: Any) -> Any:
        return head(boundary(x), *arguments, **options)

    model.forward_head = marked  # type: ignore[assignment]
    try:
        yield
    finally:
        del model.forward_head


def check_run(name: str, model: nn.Module, sample: torch.Tensor) -> None:
    """Raise :class:`SettingError` if the model cannot take such images at all."""
    training = model.training
    model.eval()
    try:
        with torch.no_grad():
            model(sample)
    except Exception as error:  # layers can raise anything about sizes that they cannot handle
        reason = (str(error).strip().splitlines() or [type(error).__name__])[0]
        size = " x ".join(map(str, sample.shape[1:]))
        what = f"timm/{name} does not run on images of {size}: {reason}"
        raise SettingError(
            what, "use larger images, another model, or architecture.options such as patch_size"
        ) from error
    finally:
        model.train(training)


def _instead(credit: str) -> str:
    coarser = "try credit=stage, or " if credit == "block" else ""
    return f"{coarser}use another model: tpzoo list architecture 'timm/*'"
