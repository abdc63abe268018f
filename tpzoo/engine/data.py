"""What a data set hands to the runner: raw tensors that live on the device, and how a batch of them is prepared."""

from __future__ import annotations

import copy
import hashlib
import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import torch
from torch import Tensor, nn

from tpzoo.digests import cache_folder
from tpzoo.errors import DataError, SettingError

if TYPE_CHECKING:
    from tpzoo.engine.draw import Draw
    from tpzoo.engine.images import Normalise


@dataclass(frozen=True)
class DataSpec:
    """What a network must accept and produce.

    Attributes:
        input_shape: shape of one prepared example: ``(features,)`` or ``(channels, height, width)``.
        output_size: number of classes, or of regressed values.
        task: decides the default loss and whether an accuracy exists.
        class_counts: how many training examples each class has; empty where nobody has counted yet, or where there are
            no classes. The runner counts.
    """

    input_shape: tuple[int, ...]
    output_size: int
    task: Literal["classification", "regression"]
    class_counts: tuple[int, ...] = ()


@dataclass(frozen=True)
class Split:
    """Examples and their labels, unprepared.

    Attributes:
        x: ``(count, *shape)``; uint8 for pixels 0..255, otherwise floating point and used as it is.
        y: ``(count,)`` int64 classes, or ``(count, output_size)`` floating point values.
        rows: a digest of which stored examples these are, and in which order; empty: all, as they are stored.
    """

    x: Tensor
    y: Tensor
    rows: str = ""

    def __post_init__(self) -> None:
        if len(self.x) != len(self.y):
            raise DataError(f"{len(self.x)} examples come with {len(self.y)} labels")

    def __len__(self) -> int:
        return len(self.x)

    def to(self, device: torch.device | str) -> Split:
        """The same examples on ``device``."""
        return replace(self, x=self.x.to(device), y=self.y.to(device))


@dataclass(frozen=True)
class Data:
    """A data set: its splits and how a batch becomes the input of a network.

    Attributes:
        normalise: floating point batch in, batch out. If it is a module, its buffers move with :meth:`to` and are part
            of every checkpoint: what it was computed from need not be there when the run is evaluated.
        scale_targets: the same for the values of a regression (batch, output_size), which the network then learns.
        augment: ``augment(x, draw)`` on a raw training batch, before it is normalised; shape and dtype must not change.
        stored: what says which data these are, in plain values: digests of the stored files, or for generated data the
            settings; never a path. Empty: a digest of the arrays is taken, which reads all of them.
    """

    spec: DataSpec
    train: Split
    test: Split
    validation: Split | None = None
    normalise: Callable[[Tensor], Tensor] | None = None
    augment: Callable[[Tensor, Draw], Tensor] | None = None
    stored: Mapping[str, Any] = field(default_factory=dict)
    scale_targets: Normalise | None = None

    def to(self, device: torch.device | str) -> Data:
        """The same data set with all its splits on ``device``."""
        return replace(
            self,
            train=self.train.to(device),
            test=self.test.to(device),
            validation=self.validation.to(device) if self.validation is not None else None,
            normalise=_moved(self.normalise, device),
            augment=_moved(self.augment, device),
            scale_targets=_moved(self.scale_targets, device),
        )

    @property
    def modules(self) -> dict[str, nn.Module]:
        """What of the preparation a checkpoint keeps, by name."""
        found = {"normalise": self.normalise, "scale_targets": self.scale_targets}
        return {name: part for name, part in found.items() if isinstance(part, nn.Module)}

    def labels(self, y: Tensor) -> Tensor:
        """Stored labels (batch, ...) as a loss gets them: scaled, for a regression that scales its targets."""
        return y if self.scale_targets is None else self.scale_targets(y)

    def prepare(self, x: Tensor, dtype: torch.dtype, draw: Draw | None = None) -> Tensor:
        """Raw examples ``(batch, *shape)`` as the network's input ``(batch, *spec.input_shape)`` in ``dtype``.

        Pixels (uint8) are scaled to [0, 1]. With a ``draw`` the batch is a training batch and is augmented first.
        """
        if draw is not None and self.augment is not None:
            x = self.augment(x, draw)
        x = x.to(dtype) / 255 if x.dtype == torch.uint8 else x.to(dtype)
        if self.normalise is not None:
            x = self.normalise(x)
        return x.flatten(1) if len(self.spec.input_shape) == 1 else x


def _moved(part: Any, device: torch.device | str) -> Any:
    return copy.deepcopy(part).to(device) if isinstance(part, nn.Module) else part


def hold_out(split: Split, count: int, seed: int, stratified: bool = False) -> tuple[Split, Split | None]:
    """Set ``count`` examples aside, chosen by ``seed`` alone; the global generator is not touched.

    Args:
        stratified: every class has the share in them that it has in ``split``, up to one example.

    Returns:
        What remains and what was set aside, both in shuffled order; ``(split, None)`` if ``count`` is 0.

    Raises:
        SettingError: nothing would remain to train on, or ``stratified`` labels are no classes.
    """
    if count == 0:
        return split, None
    order = shuffled_rows(len(split), count, seed).to(split.x.device)
    if stratified:
        order = stratified_last(order, split.y, count)
    kept, held = order[:-count], order[-count:]
    return (
        Split(split.x[kept], split.y[kept], rows_digest(kept, split.rows)),
        Split(split.x[held], split.y[held], rows_digest(held, split.rows)),
    )


def shuffled_rows(total: int, count: int, seed: int) -> Tensor:
    """The numbers of ``total`` examples in the order of a shuffle; the last ``count`` are those to hold out.

    Raises:
        SettingError: nothing would remain to train on.
    """
    if not 0 < count < total:
        raise SettingError(f"{count} examples cannot be held out of {total}", f"hold out between 0 and {total - 1}")
    return torch.randperm(total, generator=torch.Generator().manual_seed(seed))


def stratified_last(order: Tensor, y: Tensor, count: int) -> Tensor:
    """``order`` (total,) rearranged so that every class has its share of the last ``count``, up to one example.

    Raises:
        SettingError: ``y`` (total,) holds no classes.
    """
    if y.dim() != 1 or y.dtype != torch.int64:
        raise SettingError("stratified=true needs labels that are classes", "set data.stratified=false")
    counts = torch.bincount(y)
    shares = counts.double() * count / len(y)
    each = shares.floor().long()
    missing = count - int(each.sum())
    most = torch.argsort(each - shares, stable=True)[:missing]  # the largest remainders get one more
    each[most] += 1
    by_class = order[torch.argsort(y[order], stable=True)]
    starts = torch.cumsum(counts, 0) - counts
    within = torch.arange(len(y), device=y.device) - torch.repeat_interleave(starts, counts)
    chosen = torch.zeros(len(y), dtype=torch.bool, device=y.device)
    chosen[by_class] = within < torch.repeat_interleave(each, counts)
    return torch.cat([order[~chosen[order]], order[chosen[order]]])


def rows_digest(rows: Tensor, of: str = "") -> str:
    """A digest of row numbers (count,), taken from a split whose own digest is ``of``."""
    numbers = rows.to("cpu", torch.int64).contiguous().numpy().tobytes()
    return hashlib.sha256(of.encode() + numbers).hexdigest()[:16]


def data_folder(root: str | None = None) -> Path:
    """Where data files lie: ``root``, else the variable TPZOO_DATA, else the user's cache folder."""
    if chosen := root or os.environ.get("TPZOO_DATA"):
        return Path(chosen).expanduser()
    return cache_folder()
