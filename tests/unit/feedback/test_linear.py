"""Map ``linear``: where it has a bias."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.support.blocks import make_network
from tests.support.parts import make_feedback
from tests.support.runs import catalogue, toy, write_toy_data
from tpzoo import PerName
from tpzoo.errors import SettingError
from tpzoo.runner.build import build
from tpzoo.zoo.feedback.linear import LinearMap
from tpzoo.zoo.feedback.plugin import LinearSettings


def test_the_bias_may_differ_from_edge_to_edge() -> None:
    """The small CNN of Meulemans et al. 2020 has one on its dense edge only."""
    settings = LinearSettings(bias=PerName({"*": False, "fc3": True}))
    feedback = make_feedback(make_network("mlp", "cpu"), "direct", make_map=lambda ends: LinearMap(settings, ends))
    found = {edge.name: [name for name, _ in edge.map.named_parameters()] for edge in feedback.edges}
    weight, bias = "matrix.weight", "matrix.bias"
    assert found == {"fc1": [weight], "fc2": [weight], "fc3": [weight, bias]}


@pytest.mark.parametrize(
    ("bias", "message"),
    [("[true, false]", "give one value for all"), ('{"*": false, nosuch: true}', "'nosuch' matches none")],
)
def test_what_matches_no_edge_is_refused(tmp_path: Path, bias: str, message: str) -> None:
    loaded = toy(write_toy_data(tmp_path), "feedback=direct", "feedback.map=linear", f"feedback.map.bias={bias}")
    with pytest.raises(SettingError) as error:
        build(loaded.experiment, catalogue())
    assert message in str(error.value)
