"""What a model can be set to, and weights from files."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import huggingface_hub
import pytest
import timm
import torch
from families import SPEC
from safetensors.torch import save_file

from tpzoo import DataError, SettingError
from tpzoo.engine.randomness import find_draws
from tpzoo_timm.model import build
from tpzoo_timm.settings import TimmSettings


@pytest.mark.parametrize("name", ["drop_rate", "drop_path"])
def test_random_masks_are_drawn_by_the_blocks_that_have_them(name: str) -> None:
    network = build("vit_tiny_patch16_224", TimmSettings(options={"depth": 1}, **{name: 0.5}), SPEC)
    find_draws(network, torch.device("cpu"), torch.float32)
    drawing = [block for block, made in network.blocks.items() if made.draws]
    assert drawing == (["head"] if name == "drop_rate" else [])  # of one block, the depth rate is 0


@pytest.mark.parametrize(
    ("options", "hint"),
    [
        ({"num_classes": 5}, "data set"),
        ({"drop_path_rate": 0.1}, "setting drop_path"),
        ({"pretrained": True}, "setting pretrained"),
    ],
)
def test_options_do_not_reach_around_settings(options: dict[str, Any], hint: str) -> None:
    with pytest.raises(SettingError, match="cannot be set") as caught:
        TimmSettings(options=options)
    assert hint in caught.value.hint


def test_an_unknown_option_is_timms_to_refuse() -> None:
    with pytest.raises(SettingError, match="no_such_option"):
        build("test_resnet", TimmSettings(options={"no_such_option": 1}), SPEC)


# Weights


@pytest.fixture
def published() -> dict[str, torch.Tensor]:
    """Weights as timm publishes them: three channels, a thousand classes."""
    with torch.random.fork_rng():
        torch.manual_seed(7)
        return timm.create_model("test_resnet").state_dict()


@pytest.fixture
def no_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_CACHE", str(tmp_path / "hub"))
    monkeypatch.setenv("TORCH_HOME", str(tmp_path / "torch"))
    return tmp_path / "hub"


@pytest.mark.parametrize("suffix", [".safetensors", ".pth"])
def test_weights_come_from_a_local_file(tmp_path: Path, published: dict[str, torch.Tensor], suffix: str) -> None:
    path = tmp_path / f"weights{suffix}"
    save_file(published, path) if suffix == ".safetensors" else torch.save(published, path)
    network = build("test_resnet", TimmSettings(pretrained=True, checkpoint_path=str(path)), SPEC)
    assert torch.equal(network.blocks["layer2"].module[0].conv1.weight, published["layer2.0.conv1.weight"])
    assert network(torch.randn(2, *SPEC.input_shape)).shape == (2, 10), "the classifier is that of the data"


def test_the_first_layer_is_adapted_to_grey_images(tmp_path: Path, published: dict[str, torch.Tensor]) -> None:
    save_file(published, tmp_path / "weights.safetensors")
    spec = type(SPEC)((1, 32, 32), 10, "classification")
    settings = TimmSettings(pretrained=True, checkpoint_path=str(tmp_path / "weights.safetensors"))
    found = dict(build("test_resnet", settings, spec).blocks["stem"].named_parameters())
    expected = published["conv1.0.weight"].sum(1, keepdim=True)
    torch.testing.assert_close(next(p for p in found.values() if p.shape == expected.shape), expected)


def test_weights_in_timms_cache_are_found(no_cache: Path, published: dict[str, torch.Tensor]) -> None:
    repository = no_cache / "models--timm--test_resnet.r160_in1k"
    (repository / "refs").mkdir(parents=True)
    (repository / "refs" / "main").write_text("abc")
    (repository / "snapshots" / "abc").mkdir(parents=True)
    save_file(published, repository / "snapshots" / "abc" / "model.safetensors")
    network = build("test_resnet", TimmSettings(pretrained=True), SPEC)
    assert torch.equal(network.blocks["layer3"].module[0].conv1.weight, published["layer3.0.conv1.weight"])


def test_without_a_file_nothing_is_downloaded(no_cache: Path) -> None:
    with pytest.raises(DataError, match="not in timm's cache") as caught:
        build("test_resnet", TimmSettings(pretrained=True), SPEC)
    assert "checkpoint_path" in caught.value.hint


def test_what_was_never_published_is_said(no_cache: Path) -> None:
    with pytest.raises(SettingError, match="publishes no weights"):
        build("resnetblur18", TimmSettings(pretrained=True), SPEC)


def test_bad_weights_are_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="do not exist"):
        build("test_resnet", TimmSettings(pretrained=True, checkpoint_path=str(tmp_path / "none.pth")), SPEC)
    (tmp_path / "bad.safetensors").write_bytes(b"nothing of the kind")
    settings = TimmSettings(pretrained=True, checkpoint_path=str(tmp_path / "bad.safetensors"))
    with pytest.raises(SettingError, match=r"with the weights .*bad\.safetensors"):
        build("test_resnet", settings, SPEC)


def test_a_path_without_pretrained_is_a_mistake() -> None:
    with pytest.raises(SettingError, match="pretrained is false"):
        TimmSettings(checkpoint_path="weights.pth")
