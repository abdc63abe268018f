"""The contract between data sets and the runner: preparing batches, holding out, finding the folder."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from tpzoo.engine.data import Data, DataSpec, Split, data_folder, hold_out
from tpzoo.engine.images import Normalise
from tpzoo.errors import DataError, SettingError


def make_split(count: int, shape: tuple[int, ...] = (1, 2, 2)) -> Split:
    x = torch.arange(count, dtype=torch.uint8).view(-1, *(1,) * len(shape)).expand(count, *shape).contiguous()
    return Split(x, torch.arange(count))


def make_data(shape: tuple[int, ...] = (1, 2, 2), **parts: object) -> Data:
    split = make_split(10)
    return Data(DataSpec(shape, 10, "classification"), split, split, **parts)  # type: ignore[arg-type]


def test_pixels_are_scaled_to_the_unit_interval() -> None:
    x = torch.tensor([0, 51, 255], dtype=torch.uint8).view(3, 1, 1, 1)
    prepared = make_data().prepare(x, torch.float64)
    assert prepared.dtype == torch.float64
    assert prepared.flatten().tolist() == [0.0, 0.2, 1.0]


def test_floating_point_examples_are_only_cast() -> None:
    x = torch.full((2, 1, 2, 2), 3.5, dtype=torch.float64)
    prepared = make_data().prepare(x, torch.float32)
    assert prepared.dtype == torch.float32
    assert bool((prepared == 3.5).all())


def test_normalisation_follows_scaling() -> None:
    data = make_data(normalise=Normalise([0.5], [0.25]))
    prepared = data.prepare(torch.full((1, 1, 2, 2), 255, dtype=torch.uint8), torch.float64)
    assert bool((prepared == 2.0).all())


def test_images_become_vectors_only_if_the_spec_says_so() -> None:
    x = make_split(3).x
    assert make_data((4,)).prepare(x, torch.float32).shape == (3, 4)
    assert make_data((1, 2, 2)).prepare(x, torch.float32).shape == (3, 1, 2, 2)


def test_augmentation_needs_a_draw() -> None:
    data = make_data(augment=lambda x, draw: x + draw)
    x = torch.zeros(1, 1, 2, 2)
    assert data.prepare(x, torch.float32).sum() == 0
    assert data.prepare(x, torch.float32, 1.0).sum() == 4  # type: ignore[arg-type]


def test_moving_leaves_the_original_where_it_was() -> None:
    data = make_data(normalise=Normalise([0.5], [0.25]), validation=make_split(3))
    moved = data.to("meta")
    assert moved.train.x.device.type == moved.validation.y.device.type == "meta"  # type: ignore[union-attr]
    assert moved.normalise.mean.device.type == "meta"  # type: ignore[union-attr]
    assert data.train.x.device.type == data.normalise.mean.device.type == "cpu"  # type: ignore[union-attr]


def test_a_split_refuses_labels_of_another_length() -> None:
    with pytest.raises(DataError, match="3 examples come with 2 labels"):
        Split(torch.zeros(3, 1), torch.zeros(2))


def test_holding_out_partitions_the_examples() -> None:
    kept, held = hold_out(make_split(10), 3, seed=0)
    assert held is not None
    assert (len(kept), len(held)) == (7, 3)
    assert sorted([*kept.y.tolist(), *held.y.tolist()]) == list(range(10))
    assert bool((kept.x[:, 0, 0, 0] == kept.y).all()), "examples and labels must stay together"


def test_the_seed_alone_decides_who_is_held_out() -> None:
    before = torch.random.get_rng_state()
    first, again, other = (hold_out(make_split(100), 20, seed)[1] for seed in (1, 1, 2))
    assert first is not None
    assert again is not None
    assert other is not None
    assert torch.equal(first.y, again.y)
    assert not torch.equal(first.y, other.y)
    assert torch.equal(before, torch.random.get_rng_state())


def test_holding_out_nothing_returns_the_split_itself() -> None:
    split = make_split(4)
    assert hold_out(split, 0, seed=0) == (split, None)


@pytest.mark.parametrize("count", [10, 11, -1])
def test_holding_out_too_much_is_refused(count: int) -> None:
    with pytest.raises(SettingError, match=f"{count} examples cannot be held out of 10"):
        hold_out(make_split(10), count, seed=0)


def test_the_folder_is_the_setting_then_the_variable_then_the_cache(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TPZOO_DATA", "/variable")
    monkeypatch.setenv("XDG_CACHE_HOME", "/cache")
    assert data_folder("/setting") == Path("/setting")
    assert data_folder() == Path("/variable")
    monkeypatch.delenv("TPZOO_DATA")
    assert data_folder() == Path("/cache/tpzoo")
    monkeypatch.delenv("XDG_CACHE_HOME")
    monkeypatch.setenv("HOME", "/home/somebody")
    assert data_folder() == Path("/home/somebody/.cache/tpzoo")
    assert data_folder("~/data") == Path("/home/somebody/data")
