"""Cut and original are compared: by the builder itself, and here in float64 with an independent original."""

from __future__ import annotations

import pytest
import timm
import torch
from families import CASES, MODELS, ONLY_STAGES, SAME, SIZE, SPEC, make

from tpzoo import Block, SettingError
from tpzoo_timm.model import build
from tpzoo_timm.settings import TimmSettings

X = torch.randn(3, 3, SIZE, SIZE, generator=torch.Generator().manual_seed(1), dtype=torch.float64)


def original(family: str) -> torch.nn.Module:
    """What a user of timm gets."""
    name, options = {**MODELS, **ONLY_STAGES}[family]
    with torch.random.fork_rng():
        torch.manual_seed(0)
        try:
            return timm.create_model(name, num_classes=10, img_size=SIZE, **options)
        except TypeError:
            return timm.create_model(name, num_classes=10, **options)


@pytest.mark.parametrize(("family", "credit"), CASES)
@pytest.mark.parametrize("training", [False, True])
@torch.no_grad()
def test_the_cut_network_is_the_model(family: str, credit: str, training: bool) -> None:
    network, model = make(family, credit).double(), original(family).double()
    network.train(training)
    model.train(training)
    torch.testing.assert_close(network.trace(X, graph=False).output, model(X), rtol=1e-10, atol=1e-12)


@pytest.mark.parametrize(("family", "credit"), CASES)
def test_blocks_are_blocks_and_nothing_is_lost(family: str, credit: str) -> None:
    network, model = make(family, credit), original(family)
    assert all(isinstance(block, Block) for block in network.blocks.values())
    names = [node.name for node in network.nodes]
    assert names[0] == "stem"
    assert names[-1] == "head"
    assert not any("." in name for name in names)
    assert sum(p.numel() for p in network.parameters()) == sum(p.numel() for p in model.parameters())


@pytest.mark.parametrize("family", MODELS)
def test_blocks_are_at_least_as_many_as_stages(family: str) -> None:
    stages, blocks = make(family, "stage"), make(family, "block")
    if family in SAME:  # which is why CASES has them once
        assert str(stages) == str(blocks)
        assert [*stages.state_dict()] == [*blocks.state_dict()]
    else:
        assert 4 <= len(stages.nodes) <= len(blocks.nodes)


def test_the_granularity_is_timms_own() -> None:
    names = {credit: [node.name for node in make("resnet_bottleneck", credit).nodes] for credit in ("stage", "block")}
    assert names["stage"] == ["stem", "layer1", "layer2", "layer3", "layer4", "head"]
    assert names["block"] == ["stem", *(f"layer{i}_{j}" for i in (1, 2, 3, 4) for j in (0, 1)), "head"]


def test_a_block_of_vgg_is_a_convolution_with_norm_activation_and_pool() -> None:
    block = make("vgg_norm", "block").blocks["features_4"]
    assert [type(layer).__name__ for layer in block.layers.values()] == ["Conv2d", "BatchNorm2d", "ReLU", "MaxPool"]
    assert block.run(torch.randn(2, 64, 8, 8)).aux["features_7.indices"].shape == (2, 128, 4, 4)


@pytest.mark.parametrize("family", ["resnet", "vgg", "efficientnet"])
def test_nothing_is_done_in_place(family: str) -> None:
    assert not any(getattr(module, "inplace", False) for module in make(family, "block").modules())


@pytest.mark.parametrize("shape", [(1, 28, 28), (1, 8, 8), (3, 48, 32)])
def test_the_data_decide_channels_classes_and_size(shape: tuple[int, ...]) -> None:
    spec = type(SPEC)(shape, 7, "classification")
    for name, options in (("test_resnet", {}), ("vit_tiny_patch16_224", {"patch_size": 4, "depth": 1})):
        network = build(name, TimmSettings(options=options), spec)
        assert network(torch.randn(2, *shape)).shape == (2, 7)


def test_the_global_generator_is_only_used_by_the_constructor() -> None:
    torch.manual_seed(0)
    first = build("test_resnet", TimmSettings(), SPEC)
    after = torch.random.get_rng_state()
    torch.manual_seed(0)
    timm.create_model("test_resnet", num_classes=10)
    assert torch.equal(after, torch.random.get_rng_state())
    assert all(torch.isfinite(p).all() for p in first.parameters())


@pytest.mark.parametrize(
    ("name", "credit", "message"),
    [
        ("crossvit_tiny_240", "stage", "values are passed on"),
        ("hrnet_w18_small", "block", "cannot be cut exactly"),
        ("densenet121", "block", "2 values are passed on.*\n.*credit=stage"),
        ("poolformer_s12", "stage", "group_matcher"),
        ("coat_lite_tiny", "block", "cannot be cut exactly"),
        ("cait_xxs24_224", "block", "has begun"),
        ("rdnet_tiny", "stage", "cannot group its layers by stage"),
    ],
)
def test_models_that_are_no_chain_are_refused(name: str, credit: str, message: str) -> None:
    spec = type(SPEC)((3, 240, 240) if "crossvit" in name else (3, 64, 64), 10, "classification")
    with pytest.raises(SettingError, match=message) as caught:
        build(name, TimmSettings(credit=credit), spec)
    assert f"timm/{name}" in caught.value.what


def test_what_has_no_pixels_is_refused() -> None:
    with pytest.raises(SettingError, match="needs images"):
        build("test_resnet", TimmSettings(), type(SPEC)((64,), 10, "classification"))


def test_a_size_that_the_model_cannot_take_is_named() -> None:
    with pytest.raises(SettingError, match="8 x 8"):
        build("vit_tiny_patch16_224", TimmSettings(), type(SPEC)((3, 8, 8), 10, "classification"))


def test_images_too_small_for_its_strides_are_named() -> None:
    with pytest.raises(SettingError, match="does not run on images of 3 x 8 x 8"):
        build("vgg11", TimmSettings(options={"mlp_ratio": 0.002}), type(SPEC)((3, 8, 8), 10, "classification"))


def test_a_model_that_timm_lost_is_named() -> None:
    with pytest.raises(SettingError, match="has no model 'no_such_model'"):
        build("no_such_model", TimmSettings(), SPEC)
