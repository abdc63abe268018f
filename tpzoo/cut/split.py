"""From an ordinary ``nn.Module`` to a chain of blocks that share its weights."""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping, Sequence
from functools import cache
from typing import Any

from torch import Tensor, nn

from tpzoo.cut.calls import Row, record, seen_rows
from tpzoo.cut.errors import CutError
from tpzoo.cut.flow import Flow, block_name, boundaries, carried, flow_of
from tpzoo.cut.modes import in_mode
from tpzoo.cut.pieces import make_block
from tpzoo.cut.places import Groups, SplitAt, groups_of
from tpzoo.cut.trace import trace
from tpzoo.cut.verify import verify
from tpzoo.engine.block import Block
from tpzoo.engine.network import RESERVED, Network
from tpzoo.errors import SettingError


def split(
    module: nn.Module,
    example: Tensor,
    at: SplitAt = "auto",
    *,
    functions: Sequence[Callable[..., Any]] = (),
    compare: bool = True,
) -> Network:
    """Cut a module into blocks, exactly: each runs the very operations that the module would have run.

    The blocks hold the module's own parameters and buffers: to train the network trains the module, which can be saved,
    exported and used as before. Layers that work in place are told not to (``inplace=False``), which changes no result.

    Args:
        module: takes one floating point tensor (batch, ...) and returns one.
        example: a batch of at least two examples, which the module is traced with and compared on.
        at: where blocks begin. ``"auto"``: at every layer with a matrix of weights, with its norm, activation and pool;
            what branches stays in one block. A depth: at the children of the module (1), or theirs as well (2), ...
            Names of submodules: each begins a block, and what runs before the first is one too, if it has weights. A
            mapping: for each parameter the number of its block.
        functions: functions of the module's own source that are not to be traced into; those that timm marks so are
            among them anyway.
        compare: compare the cut with the module, as below.

    Returns:
        The chain. In evaluation and in training mode its outputs, gradients and running statistics have been compared
        with those of ``module`` on ``example``.

    Raises:
        CutError: it cannot be cut so; the message says which operation stands where, and what would work.
    """
    _check_example(example)
    for part in module.modules():
        if getattr(part, "inplace", False):
            part.inplace = False  # type: ignore[assignment]
    try:
        calls = record(module, example, training=False)
        groups = groups_of(module, at, calls)
        in_a_row = cache(lambda: seen_rows(module, example, calls))  # asked for where code cannot be traced
        merge = at == "auto" or isinstance(at, int)
        blocks = _blocks(module, groups, in_a_row, example, [*functions, *_marked_by_timm()], merge)
        network = _network(blocks, example)
        if compare:
            verify(module, network, example)
    except CutError as error:
        raise CutError(f"{type(module).__name__} cannot be cut: {error.what}", error.hint) from error
    network.train(module.training)
    return network


def _marked_by_timm() -> list[Callable[..., Any]]:
    """The functions of timm that cannot be traced; none where it is not loaded: then no model is timm's."""
    models: Any = sys.modules.get("timm.models")
    return list(models.get_notrace_functions()) if models is not None else []


def _check_example(example: Tensor) -> None:
    if not isinstance(example, Tensor) or not example.is_floating_point() or example.dim() < 2 or len(example) < 2:
        given = f"{tuple(example.shape)} {example.dtype}" if isinstance(example, Tensor) else type(example).__name__
        raise SettingError(
            f"an example must be a floating point tensor (batch, ...) of at least two examples, not {given}",
            "give a batch as the network gets it",
        )


def _blocks(
    module: nn.Module,
    groups: Groups,
    in_a_row: Callable[[], Mapping[str, Row]],
    example: Tensor,
    functions: Sequence[Callable[..., Any]],
    merge: bool,
) -> dict[str, Block]:
    while True:
        with in_mode(module, False):
            flow = flow_of(module, *trace(module, groups, in_a_row, functions), groups, example)
        ends = boundaries(flow, merge)
        merged = _as_cut(flow, ends, groups)
        if len(set(merged.values())) == len(set(groups.values())):
            return _made(flow, [*ends, len(flow.nodes) - 1])
        groups = merged  # now modules whose layers stay together stay whole


def _as_cut(flow: Flow, ends: Sequence[int], groups: Groups) -> Groups:
    """The groups that the cuts leave: those between two of them are one."""
    block_of: dict[int, int] = {}
    for i, label in enumerate(flow.labels):
        if label is not None:
            block_of.setdefault(label, sum(end < i for end in ends))
    return {name: block_of[group] for name, group in groups.items() if group in block_of}


def _made(flow: Flow, ends: Sequence[int]) -> dict[str, Block]:
    first, value, blocks = 0, flow.start, dict[str, Block]()
    for i, last in enumerate(ends):
        nodes = flow.nodes[first : last + 1]
        after = flow.result if i == len(ends) - 1 else carried(flow, last)[0]
        name = block_name(flow.model, nodes)
        while name in blocks or name in RESERVED or hasattr(nn.ModuleDict, name):
            name += "_"
        blocks[name] = make_block(flow, nodes, value, after)
        first, value = last + 1, after
    return blocks


def _network(blocks: dict[str, Block], example: Tensor) -> Network:
    owners: dict[int, str] = {}
    for block, made in blocks.items():
        for name, p in made.named_parameters():
            if id(p) in owners:
                what = f"its blocks '{owners[id(p)]}' and '{block}' use one parameter ('{name}')"
                raise CutError(what, "cut it so that one block holds both uses, or give each a weight of its own")
            owners[id(p)] = block
    try:
        return Network(blocks, example.shape[1:])
    except SettingError as error:
        raise CutError(error.what, error.hint) from error
