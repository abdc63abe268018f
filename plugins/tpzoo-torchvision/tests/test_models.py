"""The cut is torchvision's model, whatever the data; what does not fit is refused with a sentence."""

from __future__ import annotations

from importlib import resources

import pytest
import torch
import torchvision

import tpzoo
from tpzoo.assembly.maker import seeded
from tpzoo.config.single import settings_from
from tpzoo.plugin.discovery import load_catalogue
from tpzoo.testing import check
from tpzoo_torchvision.listing import line
from tpzoo_torchvision.model import make
from tpzoo_torchvision.plugin import TorchvisionSettings

CATALOGUE = load_catalogue(["tpzoo_torchvision.plugin"])
SPEC = tpzoo.DataSpec((3, 32, 32), 7, "classification")
LINES = resources.files("tpzoo_torchvision").joinpath("models.txt").read_text("utf-8").splitlines()
SMALL = ["squeezenet1_1", "mobilenet_v3_small", "shufflenet_v2_x0_5"]


def network(name: str, **settings: object) -> tpzoo.Network:
    record = CATALOGUE.find("architecture", f"torchvision/{name}").record
    with seeded(0, "test"):
        found: tpzoo.Network = record.builder()(settings_from(record, settings, CATALOGUE), SPEC)
    return found


@pytest.mark.parametrize("name", [*SMALL, "resnet18"])
@torch.no_grad()
def test_the_cut_network_is_the_model(name: str) -> None:
    cut = network(name).eval()
    with seeded(0, "test"):
        options = {"aux_logits": False} if name == "googlenet" else {}
        model = torchvision.models.get_model(name, weights=None, num_classes=7, **options).eval()
    x = torch.randn(2, 3, 32, 32)
    torch.testing.assert_close(cut(x), model(x), rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("name", ["squeezenet1_1"])
def test_conformance(name: str) -> None:
    outcomes = check(CATALOGUE.find("architecture", f"torchvision/{name}").record, CATALOGUE)
    assert len(outcomes) > 10
    assert [f"{found.case.name}: {found.message}" for found in outcomes if not found.ok] == []


def test_where_blocks_begin() -> None:
    assert list(network("squeezenet1_1", at=["classifier"]).blocks)[-1] == "classifier"
    assert len(network("resnet18", at=1).blocks) < len(network("resnet18").blocks)


@pytest.mark.parametrize("name", ["resnet18", "squeezenet1_1", "mobilenet_v3_small"])
def test_the_list_is_current(name: str) -> None:
    assert line(name) in LINES


def test_the_list_is_of_models_that_torchvision_has() -> None:
    names = [each.split()[0] for each in LINES]
    assert names == sorted(names)
    assert len(names) > 60
    assert set(names) <= set(torchvision.models.list_models(module=torchvision.models))


@pytest.mark.parametrize(
    ("name", "shape", "settings", "message"),
    [
        ("resnet18", (1, 28, 28), {}, "three channels"),
        ("resnet18", (64,), {}, "three channels"),
        ("vit_b_16", (3, 30, 30), {}, "cannot make 'vit_b_16' for images of 30 x 30"),
        ("resnet18", (3, 32, 32), {"options": {"no_such": 1}}, "no_such"),
    ],
)
def test_what_does_not_fit_is_refused(
    name: str, shape: tuple[int, ...], settings: dict[str, object], message: str
) -> None:
    with pytest.raises(tpzoo.SettingError, match=message):
        make(name, TorchvisionSettings(**settings), tpzoo.DataSpec(shape, 7, "classification"))


def test_options_do_not_reach_around_the_data() -> None:
    with pytest.raises(tpzoo.SettingError, match="num_classes cannot be set"):
        TorchvisionSettings(options={"num_classes": 5})
