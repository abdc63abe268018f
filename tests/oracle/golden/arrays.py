"""The stored arrays, the names of results in them, and how both are compared."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from functools import cache
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from tests.oracle.golden.assembled import Found

EPS = torch.finfo(torch.float64).eps
RELATIVE = 1e-9


@cache
def stored(name: str) -> Mapping[str, Tensor]:
    """Every array of ``name.npz``, by its name there."""
    with np.load(Path(__file__).parent / f"{name}.npz") as file:
        return {key: torch.from_numpy(file[key]) for key in file.files}


def target_rounding(activation: Tensor) -> float:
    """What the reference loses of a displacement: it forms t = (h + g) - g' and then t - h.

    None of these numbers is above 2 max|h| if g is not above h, and each of three roundings costs EPS / 2 of that.
    """
    return 3 * EPS * float(activation.abs().max())


def mean_square_bias_rounding(loss: Tensor, sigma: Tensor, rows: int, units: int) -> float:
    """What may be left of the gradient of a bias that cancels, in loss = 1/(sigma^2 N) sum r^2, N = rows units.

    It is the sum over rows of c = 2 r / (sigma^2 N), once with each sign. By Cauchy-Schwarz a unit's sum of |c| is at
    most 2 sqrt(rows loss / N) / sigma, and each of the two sums of ``rows`` terms rounds by rows EPS / 2 of it. The
    reference may be off by that, and so may we.
    """
    return 2 * rows * EPS * 2 * float((rows * loss / (rows * units)).sqrt() / sigma)


def ldrl_rounding(golden: Mapping[str, Tensor], n: int, k: int) -> float:
    """What may be left of the gradient of a bias c_n, which cancels in the loss of L-DRL, at iteration k.

    It sums, over all cells of a channel and all rows, 2 dx / batch and 2 m / batch with m = G(s_n + dy) - G(s_n), each
    once with either sign. G is linear in A, so that <A, gA> = mean(-2 <dx, a> + 2 |m|^2) where the loss is
    mean(-2 <dx, a> + |m|^2): their difference is mean |m|^2, and sum |m| is at most sqrt(cells) |m|. A sum of so many
    cells rounds by cells EPS / 2 of the sum of their sizes. The reference may be off by that, and so may we.
    """
    dx = golden["sigma"][n] * golden[f"eps_x_{n}_{k}"].abs()
    channels = golden[f"c_{n}"].numel()  # of a convolution; a dense map has a bias for each cell
    by_channel = dx.reshape(len(dx), channels, -1).sum((0, 2))
    cells = dx.numel() // channels
    weights = golden[f"A_{n}_{k - 1}"] if k > 1 else golden[f"A_{n}"]
    m_squared = len(dx) * ((weights * golden[f"gA_{n}_{k}"]).sum() - golden[f"loss_{n}_{k}"])
    sizes = 4 / len(dx) * (by_channel.max() + (cells * m_squared).sqrt())
    return cells * EPS * float(sizes)


def names(pattern: str, numbers: Iterable[int]) -> set[str]:
    """``pattern`` with each number in the place of its star."""
    return {pattern.replace("*", str(number)) for number in numbers}


def assert_equal_arrays(
    found: Mapping[str, Tensor],
    expected: Iterable[str],
    reference: Mapping[str, Tensor],
    absolute: Mapping[str, float] | None = None,
) -> None:
    """All ``expected`` arrays were found and no others; every element agrees with ``reference`` to 1e-9, relative.

    Args:
        absolute: by array, what an element may differ besides: the rounding of sums whose terms cancel. Whole numbers
            agree exactly.
    """
    assert set(found) == set(expected)
    problems = []
    for name in sorted(found):
        ours, theirs = found[name].detach(), reference[name]
        assert ours.shape == theirs.shape, name
        if not theirs.is_floating_point():
            problems += [] if torch.equal(ours, theirs) else [f"{name}: other numbers"]
            continue
        bound = RELATIVE * theirs.abs() + (absolute or {}).get(name, 0.0)
        if not bool(((ours - theirs).abs() <= bound).all()):
            worst = float(((ours - theirs).abs() / theirs.abs()).max())
            size = float((ours - theirs).norm() / theirs.norm())
            problems.append(f"{name}: an element differs by {worst:.2g} of itself, the array by {size:.2g}")
    assert not problems, "\n".join(problems)


def assert_moved(
    after: Mapping[str, Tensor], before: Mapping[str, Tensor], gradients: Mapping[str, Tensor], rate: float = 1.0
) -> None:
    """Every weight that has a gradient moved by -rate times it; both subtractions round by EPS / 2 of the weight."""
    for name, gradient in gradients.items():
        bound = RELATIVE * rate * gradient.abs() + EPS * (before[name].abs() + rate * gradient.abs())
        assert bool(((after[name] - (before[name] - rate * gradient)).abs() <= bound).all()), name


def meulemans(
    method: str, found: Found, forward: Mapping[str, str], feedback: Mapping[str, str], start: int
) -> dict[str, Tensor]:
    """Results under the names that the files of Meulemans et al. have for them.

    Args:
        forward, feedback: our names of W_k, b_k, and of Q_j, d_j (P_j, c_j), by theirs.
        start: the index j of the map that reaches the first layer: 1 on direct paths, 2 on layerwise ones.
    """
    named = {f"h_{k}": value for k, value in enumerate(found.activations, 1)}
    if found.activations:
        named |= {f"{method}/loss": found.loss, f"{method}/e": found.error}
    named |= {f"{method}/delta_{p + 1}": value for p, value in found.displacements.items()}
    named |= {f"{method}/g{theirs}": found.forward[ours] for theirs, ours in forward.items()}
    for losses in found.feedback_losses:
        named |= {f"{method}/fb_loss_{p + start}": value for p, value in losses.items()}
    for gradients in found.feedback:
        named |= {f"{method}/g{theirs}": gradients[ours] for theirs, ours in feedback.items()}
    return named


def by_edge(values: Mapping[int, object]) -> str:
    """A setting's value by edge, as an override; an edge is meant by the node that it reaches."""
    return "{" + ", ".join(f"<{p}>: {value}" for p, value in values.items()) + "}"


def ldrl_noises(golden: Mapping[str, Tensor], iterations: int) -> dict[int, list[tuple[Tensor, Tensor]]]:
    """dx and dy of every map of a file of Ernoult et al., by the node that it reaches, for the first iterations."""
    sigma = golden["sigma"]
    return {
        n - 1: [
            (sigma[n] * golden[f"eps_x_{n}_{k}"], sigma[n] * golden[f"eps_y_{n}_{k}"]) for k in range(1, iterations + 1)
        ]
        for n in range(1, len(sigma))
    }


def ernoult(found: Found, forward: Mapping[str, str], feedback: Mapping[str, str]) -> dict[str, Tensor]:
    """Results under the names that the files of Ernoult et al. have for them, but for stepped forward weights.

    Args:
        forward, feedback: our names of W_n, b_n and of A_n, c_n, by theirs.
    """
    named = {f"s_{n}": value for n, value in enumerate(found.activations)}
    named |= {f"idx_{n}": value for n, value in found.indices.items()}
    named |= {f"delta_{n}": value for n, value in found.displacements.items()}
    named |= {f"f_loss_{n}": value for n, value in found.local_losses.items()}
    named |= {f"g{theirs}": found.forward[ours] for theirs, ours in forward.items()}
    for k, losses in enumerate(found.feedback_losses, 1):
        named |= {f"loss_{p + 1}_{k}": value for p, value in losses.items()}
    for k, gradients in enumerate(found.feedback, 1):
        named |= {f"g{theirs}_{k}": gradients[ours] for theirs, ours in feedback.items()}
    for k, weights in enumerate(found.feedback_weights, 1):
        named |= {f"{theirs}_{k}": weights[ours] for theirs, ours in feedback.items()}
    return named
