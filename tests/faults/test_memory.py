"""Weights that share memory are found when the network is built, not at the first save."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from torch import nn

from tpzoo.engine.memory import require_own_memory
from tpzoo.errors import SettingError


def two_parameters_of_one_storage(one: nn.Linear, other: nn.Linear) -> None:
    other.weight = nn.Parameter(one.weight.data)


def a_transposed_view(one: nn.Linear, other: nn.Linear) -> None:
    other.weight = nn.Parameter(one.weight.data.T)


def a_buffer_that_is_a_part(one: nn.Linear, other: nn.Linear) -> None:
    other.register_buffer("part", one.weight.data[1:])


def an_expanded_buffer(one: nn.Linear, other: nn.Linear) -> None:
    other.register_buffer("ones", torch.ones(1).expand(3))


@pytest.mark.parametrize(
    "share", [two_parameters_of_one_storage, a_transposed_view, a_buffer_that_is_a_part, an_expanded_buffer]
)
@pytest.mark.parametrize("apart", [False, True])
def test_shared_memory_is_found(share: Callable[[nn.Linear, nn.Linear], None], apart: bool) -> None:
    one, other = nn.Linear(3, 3), nn.Linear(3, 3)
    modules = {"block": nn.ModuleDict({"fc1": one}), "map": nn.ModuleDict({"fc2": other})}
    if not apart:
        modules = {"block": nn.ModuleDict({"fc1": one, "fc2": other})}
    require_own_memory(modules)
    share(one, other)
    with pytest.raises(SettingError, match=r"'fc2\.") as caught:
        require_own_memory(modules)
    assert "expand" in caught.value.what or "block 'fc1.weight'" in caught.value.what


def test_one_tensor_under_two_names_is_one_weight() -> None:
    block = nn.Sequential(nn.Linear(3, 3), nn.Linear(3, 3))
    block[1].weight = block[0].weight
    block.register_buffer("empty", torch.empty(0))
    block.register_buffer("none", torch.empty(0))
    require_own_memory({"block": block})


def test_a_network_whose_blocks_share_is_refused_when_it_is_built(monkeypatch: pytest.MonkeyPatch) -> None:
    from tests.support.runs import catalogue
    from tpzoo.assembly import parts
    from tpzoo.assembly.engine import assemble
    from tpzoo.config import load
    from tpzoo.engine.data import DataSpec

    loaded, made = load(None, ["rule=bp", "architecture.hidden=[4,4,4]"], catalogue()), parts.build_parts

    def shared(*rest: object, **options: object) -> parts.Parts:
        found = made(*rest, **options)  # type: ignore[arg-type]
        blocks = [module for module in found.network.modules() if isinstance(module, nn.Linear)]
        blocks[2].weight = nn.Parameter(blocks[1].weight.data)
        return found

    monkeypatch.setattr("tpzoo.assembly.engine.build_parts", shared)
    with pytest.raises(SettingError, match="lies in the memory of block 'fc2"):
        assemble(loaded.experiment, loaded.catalogue, DataSpec((3,), 2, "classification"))


def test_parts_of_one_storage_that_do_not_meet_are_apart() -> None:
    """As an LSTM keeps its weights on a GPU: a checkpoint holds them."""
    storage, module = torch.zeros(12), nn.Module()
    module.one, module.two = nn.Parameter(storage[:6].view(2, 3)), nn.Parameter(storage[6:])
    require_own_memory({"block": module})
    module.two.data = storage[5:11]
    with pytest.raises(SettingError, match="lies in the memory of block 'one'"):
        require_own_memory({"block": module})


def test_one_parameter_in_a_block_and_in_a_map_is_refused() -> None:
    block, feedback = nn.Linear(2, 2), nn.Linear(2, 2)
    feedback.weight = block.weight
    with pytest.raises(SettingError, match="map 'weight' lies in the memory of block 'weight'"):
        require_own_memory({"block": block, "map": feedback})
