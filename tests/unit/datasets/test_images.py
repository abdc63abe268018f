"""Flips, crops and normalisation, against torchvision's definitions of the same."""

from __future__ import annotations

import pytest
import torch
from torch.nn import functional

from tpzoo.engine.draw import Draw
from tpzoo.engine.images import Augment, Normalise, mirror, shift
from tpzoo.errors import DataError


def make_pixels(batch: int = 6, channels: int = 3, height: int = 7, width: int = 5) -> torch.Tensor:
    generator = torch.Generator().manual_seed(0)
    return torch.randint(0, 256, (batch, channels, height, width), generator=generator, dtype=torch.uint8)


def make_draw(seed: int = 0) -> Draw:
    return Draw(torch.Generator().manual_seed(seed))


def test_normalising_by_channel_equals_torchvision() -> None:
    from torchvision.transforms.functional import normalize

    x = make_pixels().double() / 255
    mean, std = [0.1, 0.2, 0.3], [0.4, 0.5, 0.6]
    torch.testing.assert_close(Normalise(mean, std)(x), normalize(x, mean, std), rtol=1e-15, atol=1e-15)


def test_normalising_vectors_goes_by_feature() -> None:
    x = torch.tensor([[1.0, 2.0]])
    assert Normalise([0.0, 1.0], [2.0, 0.5])(x).tolist() == [[0.5, 2.0]]


def test_a_deviation_of_zero_is_refused() -> None:
    with pytest.raises(DataError, match="deviation"):
        Normalise([0.0], [0.0])


def test_only_the_chosen_images_are_mirrored() -> None:
    x = make_pixels(2)
    mirrored = mirror(x, torch.tensor([True, False]))
    assert torch.equal(mirrored[0], x[0].flip(-1))
    assert torch.equal(mirrored[1], x[1])


def test_shifting_equals_a_crop_of_the_edge_padded_image() -> None:
    x, pad = make_pixels(), 4
    offsets = torch.tensor([[-4, 4], [4, -4], [0, 0], [1, 2], [-3, 0], [0, 3]])
    padded = functional.pad(x.double(), (pad,) * 4, mode="replicate")
    for found, whole, (down, right) in zip(shift(x, offsets), padded, offsets.tolist(), strict=True):
        expected = whole[:, pad + down : pad + down + 7, pad + right : pad + right + 5]
        assert torch.equal(found.double(), expected)


def test_augmenting_keeps_shape_and_type_and_follows_the_draw() -> None:
    x, augment = make_pixels(64), Augment(flip=True, crop=4)
    first, again, other = augment(x, make_draw(1)), augment(x, make_draw(1)), augment(x, make_draw(2))
    assert first.shape == x.shape
    assert first.dtype == x.dtype
    assert first.is_contiguous()
    assert torch.equal(first, again)
    assert not torch.equal(first, other)


def test_every_shift_and_both_mirrorings_occur() -> None:
    # 4,000 images that each hold one bright pixel in the middle: where it ends up tells shift and mirroring apart
    x = torch.zeros(4000, 1, 5, 5, dtype=torch.uint8)
    x[:, :, 2, 3] = 1
    places = Augment(flip=True, crop=1)(x, make_draw()).flatten(1).argmax(1)
    counts = torch.bincount(places, minlength=25).view(5, 5)[1:4]
    # mirrored: column 1, otherwise 3; each moves by -1, 0, 1: columns 0, 1, 2 and 2, 3, 4. All 3 x 6 cases are equally
    # likely, 222 on average with a deviation of 14.5; column 2 collects two cases. Five deviations are allowed.
    expected = 4000 / 18 * torch.tensor([1, 1, 2, 1, 1])
    assert bool(((counts - expected).abs() < 5 * expected.sqrt()).all())


def test_without_flip_and_crop_nothing_is_drawn() -> None:
    x = make_pixels()
    assert Augment()(x, None) is x  # type: ignore[arg-type]
