"""Modules that draw random numbers of their own: dropout, also inside attention, stochastic depth, a plugin's own.

Such a module draws from torch's global generator, whose state is no part of a run. So every pass of a batch runs a
block that draws under a seed of that batch and that node: all passes of one batch see the same masks, and a run that
was stopped goes on with those that it would have seen. Where a map or a rule draws so, the whole batch has a seed. A
block that draws elsewhere, from ``random``, numpy or a generator of its own, cannot be seeded and is refused at build.
"""

from __future__ import annotations

import random
import sys
from typing import Any

import torch
from torch import Generator, Tensor

from tpzoo.engine.draw import global_states, have_drawn, under_seed
from tpzoo.engine.network import Network
from tpzoo.errors import SettingError

ROWS = 4
"""How many samples blocks are tried on."""


def find_draws(network: Network, device: torch.device, dtype: torch.dtype) -> None:
    """Mark the blocks that draw (:attr:`Block.draws`); nothing else of them changes.

    Every block is tried on random inputs, twice under one seed: what differs then cannot be seeded.

    Raises:
        SettingError: a block draws in a way that cannot be seeded, or keeps something from one pass to the next.
    """
    source = Generator().manual_seed(0)
    x = torch.rand((ROWS, *network.input_shape), generator=source).to(device=device, dtype=dtype)
    training = network.training
    try:
        for mode in (True, False):
            network.train(mode)
            _try_blocks(network, x, device)
    finally:
        network.train(training)


def _try_blocks(network: Network, x: Tensor, device: torch.device) -> None:
    before = "input"
    for node in network.nodes:
        try:
            first, drew, elsewhere = _once(network, (before, node.name), x, device)
            again, _, _ = _once(network, (before, node.name), x, device)
        except (RuntimeError, ValueError, TypeError):
            return  # training on it will say what is wrong
        if elsewhere or not _alike(first, again):
            where = f"from {elsewhere}" if elsewhere else "from a generator of its own, or keeps something of a pass"
            what = f"block '{node.block}' draws random numbers {where}: no seed decides what it does"
            raise SettingError(what, "draw from torch's global generator, as torch's own modules do")
        if drew:
            network.block_of(node).draws = True
        before, x = node.name, first


def _once(network: Network, path: tuple[str, str], x: Tensor, device: torch.device) -> tuple[Tensor, bool, str]:
    """The output of one node, whether it drew from torch's generators, and from which others.

    Args:
        path: the node before it, and itself.
    """
    others = _other_states()
    with under_seed(0, device):
        before = global_states(device)
        out = network.push(x, *path).out
        drew = have_drawn(before, device)
    moved = [name for name, state in _other_states().items() if name in others and state != others[name]]
    return out, drew, " and ".join(moved)


def _other_states() -> dict[str, Any]:
    """The states of what else modules might draw from."""
    found: dict[str, Any] = {"random": random.getstate()}
    if numpy := sys.modules.get("numpy"):
        kind, keys, *rest = numpy.random.get_state()
        found["numpy.random"] = (kind, keys.tobytes(), *rest)
    return found


def _alike(one: Tensor, other: Tensor) -> bool:
    """Equal but for the order in which a GPU may sum."""
    return torch.allclose(one, other, rtol=1e-3, atol=1e-5, equal_nan=True)
