"""Two processes with half the batch each equal one process with the whole of it, played in one process.

The engine of a process cuts its noise out of a draw for the whole batch (``Share``) and averages its gradients with
the other's (``WeightStepper``'s ``mean``). The two run in lockstep: a thread for each, and a meeting place for the
averages.

If it fails: a run on two devices would be another experiment than the same run on one.
"""

from __future__ import annotations

import threading
from functools import partial

import pytest
import torch
from torch import Tensor

from tests.support.blocks import make_batch
from tests.support.parts import assert_alike, make_engine, weights
from tpzoo import Draw
from tpzoo.engine import Engine, WeightStepper
from tpzoo.engine.draw import Share

ROWS = 8
HALVES = [Share(0, 5, ROWS), Share(5, ROWS, ROWS)]
METHODS = [("layerwise/dense", "reconstruction"), ("direct/linear", "drl"), ("layerwise/dense", "drl")]


class Meeting:
    """Averages what two threads bring, weighted by their rows."""

    def __init__(self) -> None:
        self.barrier = threading.Barrier(2, timeout=60)
        self.brought: dict[int, dict[str, Tensor]] = {}

    def mean(self, share: Share, gradients: dict[str, Tensor]) -> dict[str, Tensor]:
        weight = (share.stop - share.start) / share.total
        self.brought[share.start] = {name: weight * value for name, value in gradients.items()}
        self.barrier.wait()
        first, second = (self.brought[half.start] for half in HALVES)
        found = {name: first[name] + second[name] for name in first}
        self.barrier.wait()
        return found


def one_of_two(path: str, learner: str, share: Share, device: str, meeting: Meeting) -> Engine:
    engine = make_engine("mlp", device, path, learner, share=share)
    mean = partial(meeting.mean, share)
    blocks, maps = dict(engine.network.blocks.items()), dict(engine.feedback.maps.items())
    engine.forward_weights = WeightStepper(blocks, engine.forward_weights.optimizer, mean=mean)
    engine.feedback_weights = WeightStepper(maps, engine.feedback_weights.optimizer, mean=mean)
    return engine


@pytest.mark.parametrize("order", ["targets_first", "feedback_first"])
@pytest.mark.parametrize(("path", "learner"), METHODS)
def test_training_ends_at_the_same_weights(path: str, learner: str, order: str, device: str) -> None:
    whole, meeting = make_engine("mlp", device, path, learner), Meeting()
    parts = [one_of_two(path, learner, share, device, meeting) for share in HALVES]
    batches = [make_batch(whole.network, ROWS, seed=step) for step in range(3)]
    for x, y in batches:
        whole.train_batch(x, y, order)

    def run(engine: Engine, share: Share) -> None:
        for x, y in batches:
            rows = slice(share.start, share.stop)
            engine.train_batch(x[rows], y[rows], order)

    threads = [threading.Thread(target=run, args=pair) for pair in zip(parts, HALVES, strict=True)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for part in parts:
        assert_alike(weights(part), weights(whole), 1e-12)


def test_the_noise_of_the_parts_is_the_noise_of_the_whole(device: str) -> None:
    """Slice by slice, also after several draws, and for every kind of number."""

    def numbers(share: Share | None) -> list[Tensor]:
        draw = Draw(torch.Generator(device).manual_seed(5), share)
        rows = ROWS if share is None else share.stop - share.start
        like, where = torch.zeros(rows, 3, 2, dtype=torch.float64, device=device), torch.device(device)
        return [
            draw.normal(like, 0.3),
            draw.uniform((rows, 2), where),
            draw.integers(0, 100, (rows,), where),
            draw.bernoulli(0.5, (rows, 4), where),
            draw.normal(like),
        ]

    whole, parts = numbers(None), [numbers(share) for share in HALVES]
    for number, pieces in zip(whole, zip(*parts, strict=True), strict=True):
        assert torch.equal(number, torch.cat(pieces))


@pytest.mark.parametrize("size", [3, 5, 7])
def test_numbers_that_are_not_of_the_batch_are_the_same_in_every_process(size: int, device: str) -> None:
    """Also those of a weight that has by chance as many rows as a process holds of the batch."""

    def numbers(share: Share | None) -> list[Tensor]:
        draw, where = Draw(torch.Generator(device).manual_seed(5), share), torch.device(device)
        return [
            draw.normal(torch.zeros(size, 2, device=device), rows=False),
            draw.uniform((size,), where, rows=False),
            draw.integers(0, 9, (size, size), where, rows=False),
            draw.bernoulli(0.5, (size,), where, rows=False),
        ]

    for alone, *parts in zip(numbers(None), *map(numbers, HALVES), strict=True):
        assert all(torch.equal(alone, part) for part in parts)


def test_rows_that_a_process_does_not_hold_are_refused(device: str) -> None:
    draw = Draw(torch.Generator(device).manual_seed(5), HALVES[0])
    with pytest.raises(ValueError, match=r"shape \(7, 2\) has not the 5 rows .* rows=False"):
        draw.normal(torch.zeros(7, 2, device=device))
