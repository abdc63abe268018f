"""Images as tensors: normalisation, flips and crops, all on the device where the batch lies."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn

from tpzoo.errors import DataError

if TYPE_CHECKING:
    from tpzoo.engine.draw import Draw


class Normalise(nn.Module):
    """``(x - mean) / std`` by channel of ``(batch, channels, height, width)`` or by feature of ``(batch, features)``.

    Args:
        mean: one number for each channel, or a single one for all.
        std: likewise; must be positive.
    """

    mean: Tensor
    std: Tensor

    def __init__(self, mean: Sequence[float], std: Sequence[float]) -> None:
        super().__init__()
        # float64, so that a float64 run does not inherit constants rounded to float32
        self.register_buffer("mean", torch.tensor(mean, dtype=torch.float64))
        self.register_buffer("std", torch.tensor(std, dtype=torch.float64))
        if not bool((self.std > 0).all()):
            raise DataError(f"a standard deviation of {min(std)} cannot normalise anything")

    def forward(self, x: Tensor) -> Tensor:
        shape = (-1,) + (1,) * (x.dim() - 2)
        return (x - self.mean.to(x.dtype).view(shape)) / self.std.to(x.dtype).view(shape)


class Augment:
    """A mirrored and shifted copy of each image of a training batch ``(batch, channels, height, width)``.

    Args:
        flip: mirror each image left to right with probability 1/2.
        crop: shift each image by up to this many pixels in both directions; what comes into view repeats the edge,
            which equals torchvision's ``RandomCrop(size, padding=crop, padding_mode="edge")``.
    """

    def __init__(self, flip: bool = False, crop: int = 0) -> None:
        self.flip = flip
        self.crop = crop

    def __call__(self, x: Tensor, draw: Draw) -> Tensor:
        """Flip, then crop; works on raw pixels of any dtype."""
        if self.flip:
            x = mirror(x, draw.bernoulli(0.5, (len(x),), x.device))
        if self.crop:
            x = shift(x, draw.integers(-self.crop, self.crop + 1, (len(x), 2), x.device))
        return x


def mirror(x: Tensor, chosen: Tensor) -> Tensor:
    """Mirror the images ``(batch, channels, height, width)`` for which ``chosen`` (batch) is true."""
    return torch.where(chosen.view(-1, 1, 1, 1), x.flip(-1), x)


def shift(x: Tensor, offset: Tensor) -> Tensor:
    """Move the view of each image by ``offset`` ``(batch, 2)``: rows down, columns right; edges are repeated."""
    batch, _, height, width = x.shape
    rows = (torch.arange(height, device=x.device) + offset[:, :1]).clamp(0, height - 1)  # (batch, height)
    columns = (torch.arange(width, device=x.device) + offset[:, 1:]).clamp(0, width - 1)  # (batch, width)
    example = torch.arange(batch, device=x.device).view(-1, 1, 1)
    picked = x.permute(0, 2, 3, 1)[example, rows[:, :, None], columns[:, None, :]]  # (batch, height, width, channels)
    return picked.permute(0, 3, 1, 2).contiguous()
