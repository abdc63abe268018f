"""The twin of a max-pool against the transposed Jacobian of the pool and torch's unpooling (Ernoult et al. 2022).

Where windows overlap, one cell may win twice: ``adjoint`` adds both values, ``overwrite`` keeps the last.

If it fails: feedback through max-pools would carry targets to other pixels than those that won: convolutional
networks would train towards wrong targets.
"""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from tpzoo import MaxPool, SplitChain, TwinLayer, activation, layer_shapes
from tpzoo.assembly.maker import TwinMaker
from tpzoo.plugin.discovery import load_catalogue
from tpzoo.zoo.feedback.plugin import MirrorSettings
from tpzoo.zoo.twins.chain import ChainTwin
from tpzoo.zoo.twins.pooling import OverwritingUnpool

TWINS = TwinMaker(load_catalogue())
SIZES = [(7, 7), (8, 8), (7, 8), (3, 10)]
OVERLAP, APART = (3, 2, 1), (3, 3, 1)


def gaussian(*shape: int, seed: int) -> Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def twin_of(layer: nn.Module, shape: tuple[int, ...], unpool: str) -> TwinLayer:
    """What map ``mirror`` inverts ``layer`` with."""
    return TWINS(layer, shape, layer_shapes([layer], shape)[1], MirrorSettings(unpool=unpool)).double()


def transposed_jacobian(x: Tensor, d: Tensor, window: tuple[int, int, int]) -> Tensor:
    """J^T d of the pool at x, by automatic differentiation."""
    leaf = x.clone().requires_grad_()
    (found,) = torch.autograd.grad(F.max_pool2d(leaf, *window), leaf, d)
    return found


def wins(indices: Tensor) -> int:
    """How often the most successful cell won."""
    return max(int(row.unique(return_counts=True)[1].max()) for row in indices.flatten(2).flatten(0, 1))


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("window", [OVERLAP, (3, 1, 1), (2, 2, 0)])
def test_adjoint_is_the_transposed_jacobian_of_the_pool(size: tuple[int, int], window: tuple[int, int, int]) -> None:
    x, pool = gaussian(4, 3, *size, seed=1), MaxPool(*window)
    made = pool.run(x)
    v, d = gaussian(*made.out.shape, seed=2), gaussian(*made.out.shape, seed=3)
    twin = twin_of(pool, (3, *size), "adjoint")
    assert (wins(made.aux["indices"]) > 1) == (window != (2, 2, 0))
    for value, found in ((v, twin(v, made.aux)), (d, twin.difference(v, d, made.aux))):
        torch.testing.assert_close(found, transposed_jacobian(x, value, window), rtol=0, atol=1e-14)
    # <P^T v, x> = <v, P x>: the pool itself is P x.
    torch.testing.assert_close((twin(v, made.aux) * x).sum(), (v * made.out).sum(), rtol=1e-12, atol=0)


@pytest.mark.parametrize("size", SIZES)
def test_overwrite_is_torchs_unpooling_where_the_last_window_wins(size: tuple[int, int]) -> None:
    x, pool = gaussian(4, 3, *size, seed=1), MaxPool(*OVERLAP)
    made = pool.run(x)
    v = gaussian(*made.out.shape, seed=2)
    found = twin_of(pool, (3, *size), "overwrite")(v, made.aux)
    assert torch.equal(found, F.max_unpool2d(v, made.aux["indices"], *OVERLAP, output_size=list(size)))
    expected = torch.zeros_like(x).flatten(2)
    for sample in range(v.shape[0]):
        for channel in range(v.shape[1]):
            places = made.aux["indices"][sample, channel].flatten().tolist()
            for place, value in zip(places, v[sample, channel].flatten(), strict=True):
                expected[sample, channel, place] = value
    assert torch.equal(found, expected.view_as(x))
    assert not torch.equal(found, twin_of(pool, (3, *size), "adjoint")(v, made.aux))


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("window", [APART, (2, 2, 0), (2, 3, 0)])
def test_both_agree_where_windows_do_not_overlap(size: tuple[int, int], window: tuple[int, int, int]) -> None:
    pool = MaxPool(*window)
    made = pool.run(gaussian(4, 3, *size, seed=1))
    v = gaussian(*made.out.shape, seed=2)
    added, last = (twin_of(pool, (3, *size), unpool)(v, made.aux) for unpool in ("adjoint", "overwrite"))
    assert torch.equal(added, last)
    assert wins(made.aux["indices"]) == 1


@pytest.mark.parametrize("size", SIZES)
def test_a_block_of_tanh_and_pool_adds_before_the_tanh(size: tuple[int, int]) -> None:
    """G(v) = tanh(P^T v), and dG/dv d = (1 - tanh^2(P^T v)) P^T d, with P the pool at the block's own pass."""
    x = gaussian(4, 3, *size, seed=1)
    block = SplitChain({"activation": activation("tanh"), "pool": MaxPool(*OVERLAP)}, linear=0)
    made = block.run(x)
    v, d = gaussian(*made.out.shape, seed=2), gaussian(*made.out.shape, seed=3)
    twin = twin_of(block, (3, *size), "adjoint")
    up = transposed_jacobian(x.tanh(), v, OVERLAP)
    torch.testing.assert_close(twin(v, made.aux), up.tanh(), rtol=0, atol=1e-14)
    slope = (1 - up.tanh() ** 2) * transposed_jacobian(x.tanh(), d, OVERLAP)
    found = torch.func.jvp(lambda value: twin(value, made.aux), (v,), (d,))[1]
    torch.testing.assert_close(found, slope, rtol=0, atol=1e-14)
    moved = (up + transposed_jacobian(x.tanh(), d, OVERLAP)).tanh() - up.tanh()
    torch.testing.assert_close(twin.difference(v, d, made.aux), moved, rtol=0, atol=1e-14)


@pytest.mark.parametrize("size", SIZES)
def test_a_block_of_tanh_and_pool_that_overwrites_is_the_published_map(size: tuple[int, int]) -> None:
    """The tanh is taken of the pooled values, before they go back: the same map, from fewer cells."""
    block = SplitChain({"activation": activation("tanh"), "pool": MaxPool(*OVERLAP)}, linear=0)
    made = block.run(gaussian(4, 3, *size, seed=1))
    v, d = gaussian(*made.out.shape, seed=2), gaussian(*made.out.shape, seed=3)
    twin = twin_of(block, (3, *size), "overwrite")
    assert isinstance(twin, ChainTwin)
    assert isinstance(list(twin.twins.values())[-1], OverwritingUnpool)

    def published(value: Tensor) -> Tensor:
        places = made.aux["pool.indices"]
        return F.max_unpool2d(value, places, *OVERLAP, output_size=list(size)).tanh()

    torch.testing.assert_close(twin(v, made.aux), published(v), rtol=0, atol=1e-14)
    expected = published(v + d) - published(v)
    torch.testing.assert_close(twin.difference(v, d, made.aux), expected, rtol=0, atol=1e-14)
