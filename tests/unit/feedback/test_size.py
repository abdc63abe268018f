"""A matrix too large is refused before it is made, and the refusal says where, how large, and what would work."""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import partial
from typing import Any

import pytest

from tpzoo.engine.feedback import Ends, no_twins
from tpzoo.engine.maps import FeedbackMap
from tpzoo.errors import CompatibilityError, SettingError, UnknownComponentError
from tpzoo.zoo.feedback import mirror, mlp, random_hidden
from tpzoo.zoo.feedback.dense import DenseMap
from tpzoo.zoo.feedback.linear import LinearMap
from tpzoo.zoo.feedback.plugin import (
    DenseSettings,
    LinearSettings,
    MirrorSettings,
    MlpMapSettings,
    RandomHiddenSettings,
)

FORMS = [(DenseMap, DenseSettings), (LinearMap, LinearSettings)]


def ends(source: tuple[int, ...], target: tuple[int, ...], **parts: Any) -> Ends:
    blocks, make_twin = parts.get("blocks", ()), parts.get("make_twin", no_twins)
    names = tuple(f"fc{i}" for i, _ in enumerate(blocks))
    return Ends("stem", "output", "stem", source, target, blocks, names, make_twin)


@pytest.mark.parametrize(("form", "settings"), FORMS)
def test_a_stem_at_full_size_is_refused(form: Callable[..., FeedbackMap], settings: type) -> None:
    with pytest.raises(SettingError) as caught:
        form(settings(), ends((1000,), (64, 112, 112)))
    weights = 1000 * 64 * 112 * 112
    assert "edge 'stem' from 'output' (1000,) to 'stem' (64, 112, 112)" in caught.value.what
    assert f"{weights:,} weights" in caught.value.what
    assert f"{math.floor(weights * 4 / 1e6 + 0.5):,} MB" in caught.value.what
    assert all(word in caught.value.hint for word in ("mirror", "feedback=tied", "max_weights"))


@pytest.mark.parametrize(("form", "settings"), FORMS)
def test_the_limit_itself_is_allowed(form: Callable[..., FeedbackMap], settings: type) -> None:
    made = form(settings(max_weights=10 * 24), ends((10,), (2, 3, 4)))
    assert max(p.numel() for p in made.parameters()) == 240
    with pytest.raises(SettingError, match="240 weights"):
        form(settings(max_weights=239), ends((10,), (2, 3, 4)))


@pytest.mark.parametrize("recurrent", [False, True])
def test_the_largest_matrix_of_maps_with_a_hidden_layer_counts(recurrent: bool) -> None:
    """24 units below 10: Q is 24 x (7 + 24) with random features, the mlp's layers 7 x (10 + 24) and 24 x 7."""
    edge = ends((10,), (2, 3, 4), blocks=(object(), object()))
    sizes = {random_hidden: 24 * (7 + 24 * recurrent), mlp: max(7 * (10 + 24 * recurrent), 24 * 7)}
    settings = {random_hidden: partial(RandomHiddenSettings, width=7), mlp: partial(MlpMapSettings, hidden=(7,))}
    for form, size in sizes.items():
        made = form.build(settings[form](recurrent=recurrent, max_weights=size), edge)
        assert max(p.numel() for p in made.parameters()) == size
        with pytest.raises(SettingError, match=f"{size} weights"):
            form.build(settings[form](recurrent=recurrent, max_weights=size - 1), edge)


def test_a_missing_twin_is_named_with_what_would_work() -> None:
    def make_twin(*arguments: Any) -> Any:
        raise UnknownComponentError("no twin for the module type Attention", "known: Linear.")

    with pytest.raises(CompatibilityError) as caught:
        mirror.build(MirrorSettings(), ends((2,), (3,), blocks=(object(),), make_twin=make_twin))
    assert "block 'fc0'" in caught.value.what  # the one that would be inverted, not the node that the edge reaches
    assert "Attention" in caught.value.what
    assert all(word in caught.value.hint for word in ("map=dense", "tied", "plugin"))
