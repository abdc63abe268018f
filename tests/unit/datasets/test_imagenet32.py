"""ImageNet 32 x 32 from official pickles made small: what is read, what is mapped, and what is never run."""

from __future__ import annotations

import codecs
import os
import pickle
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from tpzoo.engine.data import Split, hold_out
from tpzoo.errors import DataError, SettingError
from tpzoo.zoo.datasets import imagenet32
from tpzoo.zoo.datasets.pickles import read_pickle
from tpzoo.zoo.datasets.plugin import Imagenet32Settings

PER_FILE = 6
numbers = np.random.default_rng(0)


def batch(count: int = PER_FILE, **changed: Any) -> dict[str, Any]:
    found = {
        "data": numbers.integers(0, 256, (count, 3072), dtype=np.uint8),
        "labels": numbers.integers(1, 1001, count).tolist(),
        "mean": numbers.normal(size=3072),
        **changed,
    }
    return {name: value for name, value in found.items() if value is not None}


def write(path: Path, content: object, protocol: int = 4) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(pickle.dumps(content, protocol))


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """All eleven files, small."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    for name in (*imagenet32.TRAIN, *imagenet32.TEST):
        write(tmp_path / "data" / name, batch())
    return tmp_path / "data"


def load(folder: Path, **settings: Any) -> Any:
    return imagenet32.build(Imagenet32Settings(root=str(folder), **settings))


def contents(folder: Path, names: list[str]) -> list[dict[str, Any]]:
    return [pickle.loads((folder / name).read_bytes()) for name in names]


def test_images_and_labels_arrive_in_the_order_of_the_files(folder: Path) -> None:
    data = load(folder)
    parts = contents(folder, imagenet32.TRAIN)
    assert data.spec.input_shape == (3, 32, 32)
    assert data.spec.output_size == 1000
    assert np.array_equal(data.train.x.flatten(1).numpy(), np.concatenate([part["data"] for part in parts]))
    assert data.train.y.tolist() == [label - 1 for part in parts for label in part["labels"]]
    assert len(data.test) == PER_FILE
    assert data.validation is None


def test_planes_are_red_green_and_blue(folder: Path) -> None:
    pixels = np.repeat(np.array([[1, 2, 3]], np.uint8), 1024, axis=1)  # 1024 ones, then twos, then threes
    write(folder / imagenet32.TEST[0], batch(1, data=pixels))
    x = load(folder).test.x
    assert [set(x[0, channel].flatten().tolist()) for channel in range(3)] == [{1}, {2}, {3}]


def test_the_folder_may_be_called_imagenet32(folder: Path, tmp_path: Path) -> None:
    (tmp_path / "root").mkdir()
    folder.rename(tmp_path / "root" / "imagenet32")
    assert len(load(tmp_path / "root").train) == 10 * PER_FILE


@pytest.mark.parametrize("protocol", [0, 1, 2, 3, 4, 5])
def test_every_protocol_is_read(tmp_path: Path, protocol: int) -> None:
    content = batch(labels=numbers.integers(1, 1001, PER_FILE))
    write(tmp_path / "file", content, protocol)
    found = read_pickle(tmp_path / "file")
    assert all(np.array_equal(found[key], content[key]) for key in content)


def test_files_of_the_old_numpy_and_keys_of_bytes_are_read(tmp_path: Path) -> None:
    raw = pickle.dumps({b"data": np.zeros((1, 3072), np.uint8)}, 2).replace(b"numpy._core", b"numpy.core")
    (tmp_path / "file").write_bytes(raw)
    assert read_pickle(tmp_path / "file")["data"].shape == (1, 3072)


# What is mapped


def stamps(folder: Path) -> dict[str, int]:
    return {path.name: path.stat().st_mtime_ns for path in (folder / "out_data_train" / "tpzoo-arrays").iterdir()}


def test_the_second_time_no_pickle_is_opened(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    first = load(folder)
    monkeypatch.setattr(imagenet32, "read_pickle", None)
    again = load(folder)
    assert torch.equal(first.train.x, again.train.x)
    assert torch.equal(first.test.y, again.test.y)


def test_only_whole_files_are_left_behind(folder: Path) -> None:
    load(folder)
    assert set(stamps(folder)) == {"train_x.npy", "train_y.npy", "train_manifest.json"}
    assert np.load(folder / "out_data_train" / "tpzoo-arrays" / "train_x.npy").shape == (60, 3, 32, 32)


def test_a_changed_source_is_read_again(folder: Path) -> None:
    load(folder)
    write(folder / imagenet32.TRAIN[3], batch(PER_FILE + 1))
    assert len(load(folder).train) == 10 * PER_FILE + 1


@pytest.mark.parametrize("name", ["train_x.npy", "train_y.npy", "train_manifest.json"])
@pytest.mark.parametrize("damage", ["truncated", "empty", "missing", "foreign"])
def test_damaged_arrays_are_made_again(folder: Path, name: str, damage: str) -> None:
    mapped = load(folder).train
    expected = Split(mapped.x.clone(), mapped.y)  # not the file that is about to be damaged
    path = folder / "out_data_train" / "tpzoo-arrays" / name
    whole = path.read_bytes()
    path.write_bytes({"truncated": whole[:-5], "empty": b"", "missing": b"", "foreign": b"x" * len(whole)}[damage])
    if damage == "missing":
        path.unlink()
    found = load(folder).train
    assert torch.equal(found.x, expected.x)
    assert torch.equal(found.y, expected.y)


def test_a_bad_source_leaves_no_arrays(folder: Path) -> None:
    write(folder / imagenet32.TRAIN[9], batch(data=None))
    with pytest.raises(DataError, match="no entry 'data'"):
        load(folder)
    assert stamps(folder) == {}


def test_where_the_folder_cannot_be_written_the_cache_is_used(folder: Path, tmp_path: Path) -> None:
    for part in ("out_data_train", "out_data_val"):
        (folder / part / "tpzoo-arrays").write_text("a file where the folder would be")  # also stops root
    load(folder)
    assert len(list((tmp_path / "cache" / "tpzoo").glob("arrays-*/train_x.npy"))) == 1


def test_changing_examples_in_memory_leaves_the_file_alone(folder: Path) -> None:
    data = load(folder)
    path = folder / "out_data_train" / "tpzoo-arrays" / "train_x.npy"
    before = path.read_bytes()
    data.train.x[:] = 0
    assert path.read_bytes() == before


def test_examples_move_to_a_device_like_any_other(folder: Path) -> None:
    assert load(folder).to("meta").train.x.device.type == "meta"


# What is refused


class Bomb:
    """A pickle that leaves a mark where it is run."""

    def __init__(self, mark: Path) -> None:
        self.mark = mark

    def __reduce__(self) -> tuple[object, tuple[object, ...]]:
        return os.system, (f"touch {self.mark}",)


@pytest.mark.parametrize("protocol", [0, 2, 4, 5])
def test_a_pickle_with_code_is_refused_and_not_run(folder: Path, tmp_path: Path, protocol: int) -> None:
    write(folder / imagenet32.TRAIN[0], batch(mean=Bomb(tmp_path / "mark")), protocol)
    with pytest.raises(DataError, match="could run code"):
        load(folder)
    assert not (tmp_path / "mark").exists()


@pytest.mark.parametrize("function", [eval, exec, getattr, __import__, open, np.load, codecs.lookup, np.frompyfunc])
def test_no_function_is_reached(tmp_path: Path, function: Any) -> None:
    module = getattr(function, "__module__", "numpy")
    (tmp_path / "file").write_bytes(f"c{module}\n{function.__name__}\n.".encode())
    with pytest.raises(DataError, match="could run code"):
        read_pickle(tmp_path / "file")


def test_a_dotted_name_does_not_reach_through_an_allowed_one(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"\x80\x04\x8c\x05numpy\x8c\x0edtype.__init__\x93.")
    with pytest.raises(DataError, match="could run code"):
        read_pickle(tmp_path / "file")


def test_every_truncation_is_refused(tmp_path: Path) -> None:
    whole = pickle.dumps(batch(2), 4)
    for length in range(0, len(whole), len(whole) // 60):
        (tmp_path / "file").write_bytes(whole[:length])
        with pytest.raises(DataError, match="truncated or damaged"):
            read_pickle(tmp_path / "file")


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"data": None}, "no entry 'data'"),
        ({"labels": None}, "no entry 'labels'"),
        ({"data": np.zeros((6, 3071), np.uint8)}, r"shape \(6, 3071\)"),
        ({"data": np.zeros((6, 3, 32, 32), np.uint8)}, r"shape \(6, 3, 32, 32\)"),
        ({"data": np.zeros((6, 3072), np.float32)}, "type float32"),
        ({"data": np.zeros((0, 3072), np.uint8), "labels": []}, r"shape \(0, 3072\)"),
        ({"data": [[0] * 3072] * 6}, "list"),
        ({"labels": [1] * 5}, "6 whole numbers"),
        ({"labels": [0] * 6}, "6 whole numbers"),
        ({"labels": [1001] * 6}, "6 whole numbers"),
        ({"labels": [1.5] * 6}, "6 whole numbers"),
        ({"labels": ["a"] * 6}, "6 whole numbers"),
        ({"labels": [[1], [1, 2], [], [], [], []]}, "6 whole numbers"),
    ],
)
def test_arrays_of_another_kind_are_refused(folder: Path, changed: dict[str, Any], message: str) -> None:
    write(folder / imagenet32.TEST[0], batch(**changed))
    with pytest.raises(DataError, match=message):
        load(folder)


def test_what_is_no_dictionary_is_refused(tmp_path: Path) -> None:
    write(tmp_path / "file", [1, 2])
    with pytest.raises(DataError, match="type list"):
        read_pickle(tmp_path / "file")


def test_missing_files_are_named(folder: Path) -> None:
    (folder / imagenet32.TRAIN[6]).unlink()
    with pytest.raises(DataError, match="train_data_batch_7"):
        load(folder)
    with pytest.raises(DataError, match="10 of the files"):
        load(folder / "nowhere")


# What is held out


def make_split(count: int) -> Split:
    y = torch.arange(count) % 1000
    return Split(torch.arange(count).view(-1, 1).clone(), y.clone())


def test_the_same_examples_are_held_out_as_elsewhere() -> None:
    expected_train, expected_held = hold_out(make_split(50), 12, seed=3)
    train, held = imagenet32.set_aside(make_split(50), 12, seed=3)
    assert held is not None
    assert expected_held is not None
    assert torch.equal(held.x, expected_held.x)
    assert torch.equal(held.y, expected_held.y)
    assert sorted(train.x.flatten().tolist()) == sorted(expected_train.x.flatten().tolist())
    assert torch.equal(train.x.flatten() % 1000, train.y), "examples and labels must stay together"


def test_those_that_stay_are_not_copied() -> None:
    split = make_split(50)
    train, _ = imagenet32.set_aside(split, 12, seed=3)
    assert train.x.data_ptr() == split.x.data_ptr()
    assert len(train) == 38


def test_balanced_takes_as_many_of_every_class() -> None:
    train, held = imagenet32.set_aside(make_split(5000), 2000, seed=0, how="balanced")
    assert held is not None
    assert held.y.bincount().tolist() == [2] * 1000
    assert train.y.bincount().tolist() == [3] * 1000
    other = imagenet32.set_aside(make_split(5000), 2000, seed=1, how="balanced")[1]
    assert other is not None
    assert not torch.equal(held.x.sort(0)[0], other.x.sort(0)[0])


@pytest.mark.parametrize(
    ("count", "message"), [(1500, "evenly"), (4000, "4 examples of each class"), (5000, "held out of")]
)
def test_what_cannot_be_held_out_is_refused(count: int, message: str) -> None:
    split = make_split(5000)
    short = Split(split.x[:4500], split.y[:4500]) if count == 4000 else split
    with pytest.raises(SettingError, match=message):
        imagenet32.set_aside(short, count, seed=0, how="balanced")


def test_held_out_images_come_from_the_mapped_files(folder: Path) -> None:
    whole, data = load(folder), load(folder, validation=7)
    assert data.validation is not None
    assert (len(data.train), len(data.validation)) == (53, 7)
    together = torch.cat([data.train.x, data.validation.x]).flatten(1).sort(0)[0]
    assert torch.equal(together, whole.train.x.flatten(1).sort(0)[0])


@pytest.mark.parametrize(("name", "mean", "std"), [("imagenet", (0.485, 0.456, 0.406), (0.229, 0.224, 0.225))])
def test_published_normalisation(folder: Path, name: str, mean: tuple[float, ...], std: tuple[float, ...]) -> None:
    data = load(folder, normalisation=name)
    x = data.prepare(data.test.x, torch.float64)
    for channel in range(3):
        expected = (data.test.x[:, channel].double() / 255 - mean[channel]) / std[channel]
        torch.testing.assert_close(x[:, channel], expected, rtol=1e-12, atol=1e-12)
    assert load(folder, normalisation="none").normalise is None
