"""Checks of data sets. Where the files are not at hand, they are skipped with what the data set says."""

from __future__ import annotations

import torch

from tpzoo.engine import Data, Split, Streams, check_data
from tpzoo.errors import DataError, TpzooError
from tpzoo.plugin.records import Record
from tpzoo.testing.outcome import require, skip
from tpzoo.testing.stage import Stage
from tpzoo.testing.watching import global_generators_rest, same


def built(record: Record, stage: Stage) -> Data:
    """The data set; skips where it cannot be had."""
    try:
        made: Data = stage.make(record)
    except TpzooError as error:
        skip(error.what)
    return made


def _splits(data: Data) -> dict[str, Split]:
    found = {"train": data.train, "test": data.test, "validation": data.validation}
    return {name: split for name, split in found.items() if split is not None}


def labels_fit(record: Record, stage: Stage) -> None:
    """Every split has examples, and their labels are what the specification says: what a run checks when it begins."""
    try:
        check_data(built(record, stage))
    except DataError as error:
        require(False, error.what)


def capabilities(record: Record, stage: Stage) -> None:
    """What the record provides is what the data are."""
    spec = built(record, stage).spec
    declared, is_classes = "classification" in record.provides, spec.task == "classification"
    require(not declared or is_classes, "the record provides classification and the data are regression")
    images = len(spec.input_shape) == 3
    require("images" not in record.provides or images, f"the record provides images of shape {spec.input_shape}")


def prepare(record: Record, stage: Stage) -> None:
    """A prepared batch has the shape of the specification, the asked dtype and finite numbers; rows do not mix."""
    data = built(record, stage)
    for dtype in (torch.float32, torch.float64):
        for count in (1, 5):
            raw = data.train.x[:count]
            x = data.prepare(raw, dtype)
            shape = (count, *data.spec.input_shape)
            require(tuple(x.shape) == shape, f"a prepared batch has the shape {tuple(x.shape)}, not {shape}")
            require(x.dtype == dtype and x.isfinite().all(), f"a prepared batch is not finite {dtype}")
    require(same(data.prepare(data.train.x[:5], dtype)[:1], data.prepare(data.train.x[:1], dtype)), "rows mix")


def augmentation(record: Record, stage: Stage) -> None:
    """A training batch keeps its shape, draws from its Draw only, and leaves the raw examples as they are."""
    data = built(record, stage)
    raw = data.train.x[:5]
    kept = raw.clone()
    with global_generators_rest("preparing a training batch"):
        first, second = (data.prepare(raw, torch.float32, Streams(0).draw("augment")) for _ in range(2))
    require(tuple(first.shape) == (5, *data.spec.input_shape), f"augmented examples are {tuple(first.shape)}")
    require(same(first, second), "the same draw augments in two ways")
    require(same(raw, kept), "raw examples are changed in place")


def builds_the_same(record: Record, stage: Stage) -> None:
    """Building twice gives the same examples in the same order, and draws from no global generator."""
    with global_generators_rest("building"):
        one, two = built(record, stage), built(record, stage)
    for name, split in _splits(one).items():
        other = _splits(two)[name]
        require(same(split.x, other.x) and same(split.y, other.y), f"the {name} split is another at the second time")


CHECKS = (labels_fit, capabilities, prepare, augmentation, builds_the_same)
