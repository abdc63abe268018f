"""The shipped list of models is what the installed timm gives, for the smallest model of each family."""

from __future__ import annotations

from importlib import resources

import pytest
import timm
from families import MODELS, ONLY_STAGES

from tpzoo_timm.listing import line

LINES = resources.files("tpzoo_timm").joinpath("models.txt").read_text("utf-8").splitlines()
BY_NAME = {each.split()[0]: each for each in LINES}
NAMES = sorted({name for name, _ in (*MODELS.values(), *ONLY_STAGES.values())})


@pytest.mark.parametrize("name", NAMES)
def test_the_list_is_current(name: str) -> None:
    assert line(name) == BY_NAME[name], "run python -m tpzoo_timm.listing"


@pytest.mark.parametrize("name", ["poolformer_s12", "hrnet_w18_small"])
def test_what_is_refused_is_not_listed(name: str) -> None:
    assert name not in BY_NAME
    assert line(name).endswith("- -")


def test_the_list_is_sorted_and_known_to_timm() -> None:
    assert [each.split()[0] for each in LINES] == sorted(BY_NAME)
    assert set(BY_NAME) <= set(timm.list_models())
    assert all(len(each.split()) == 3 and not each.endswith("- -") for each in LINES)
