"""Which blocks learn, with which settings, and what is said where a pattern or a list fits no block."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from torch import Tensor

from tests.support.runs import catalogue, run, toy, write_toy_data
from tpzoo.assembly.weights import parameter_groups
from tpzoo.engine.learner import Learner
from tpzoo.errors import SettingError
from tpzoo.plugin.settings import Component, PerName
from tpzoo.runner.build import Built, build
from tpzoo.runner.loop import Training
from tpzoo.runner.plugin import SGDSettings
from tpzoo.zoo.learners.reconstruction import Reconstruction

DTP = ("feedback=layerwise", "learner=reconstruction", "rule=dtp", "optimizer.forward=sgd", "optimizer.feedback=sgd")


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_toy_data(tmp_path_factory.mktemp("toy"))


def trained(data: Path, *overrides: str) -> tuple[dict[str, Tensor], Built]:
    """The weights before a run of one epoch, and what was built, after it."""
    loaded = toy(data, *DTP, "epochs=1", *overrides)
    built = build(loaded.experiment, catalogue())
    before = {name: p.detach().clone() for name, p in weights(built).items()}
    for _ in Training(loaded.experiment, built, []).run():
        pass
    return before, built


def weights(built: Built) -> dict[str, Tensor]:
    engine = built.engine
    return {**dict(engine.network.named_parameters()), **dict(engine.feedback.named_parameters())}


def moved(before: dict[str, Tensor], built: Built) -> set[str]:
    """``blocks.fc1`` or ``maps.fc2``: the members of which any weight moved."""
    after = weights(built)
    return {name.rsplit(".", 2)[0] for name in before if not torch.equal(before[name], after[name])}


BLOCKS, MAPS = {"blocks.fc1", "blocks.fc2", "blocks.fc3"}, {"maps.fc1", "maps.fc2"}


@pytest.mark.parametrize(
    ("override", "expected"),
    [
        ("optimizer.forward.train=*", BLOCKS | MAPS),
        ("optimizer.forward.train=fc1", {"blocks.fc1"} | MAPS),
        ("optimizer.forward.train=[fc1,fc3]", {"blocks.fc1", "blocks.fc3"} | MAPS),
        ("optimizer.forward.train=fc[23]", {"blocks.fc2", "blocks.fc3"} | MAPS),
        ("optimizer.forward.train=[]", MAPS),
        ("optimizer.feedback.train=fc2", BLOCKS | {"maps.fc2"}),
        ("feedback_training.iterations=0", BLOCKS),
        ("learner=frozen", BLOCKS),
        ("feedback_training.iterations={fc1: 0, fc2: 1}", BLOCKS | {"maps.fc2"}),
    ],
)
def test_only_what_train_names_moves(override: str, expected: set[str], data: Path) -> None:
    assert moved(*trained(data, override)) == expected


def test_what_is_not_trained_is_no_parameter_of_the_summary(data: Path, tmp_path: Path) -> None:
    assert run(toy(data, *DTP, "optimizer.forward.train=fc1"), tmp_path / "run").parameters == 16 * 6 + 6


def test_each_block_has_its_own_rate(data: Path) -> None:
    """One plain SGD step is proportional to the rate: two rates for one block, the same gradient."""
    steps = []
    for rates in ("[0.1,0.2,0.3]", "{'*': 0.2, fc1: 0.1, fc3: 0.6}"):
        overrides = (f"optimizer.forward.lr={rates}", "batch_size=60", "precision=float64")
        before, built = trained(data, *overrides)
        after = weights(built)
        steps.append({name: after[name] - before[name] for name in before if name.startswith("blocks")})
    for name in steps[0]:
        ratio = {"fc1": 1.0, "fc2": 1.0, "fc3": 2.0}[name.split(".")[1]]
        torch.testing.assert_close(steps[1][name], ratio * steps[0][name], rtol=1e-9, atol=1e-15)


@pytest.mark.parametrize(
    ("override", "parts"),
    [
        ("optimizer.forward.lr=[0.1,0.2]", ["lr lists 2 values for 3 names", "fc1, fc2, fc3"]),
        ("optimizer.feedback.lr=[0.1,0.2,0.3]", ["lr lists 3 values for 2 names", "fc1, fc2"]),
        ("learner.sigma=[0.1]", ["sigma lists 1 values for 2 names"]),
        ("feedback_training.iterations=[1,2,3]", ["iterations lists 3 values for 2 names"]),
        ("optimizer.forward.train=conv*", ["'conv*' matches none of fc1, fc2, fc3"]),
        ("optimizer.forward.lr={fc9: 0.1}", ["'fc9' matches none of fc1, fc2, fc3"]),
        ("optimizer.forward.lr={fc1: 0.1}", ["no pattern covers fc2, fc3"]),
    ],
)
def test_a_list_or_pattern_that_does_not_fit_is_refused(override: str, parts: list[str], data: Path) -> None:
    with pytest.raises(SettingError) as caught:
        build(toy(data, *DTP, override).experiment, catalogue())
    for part in parts:
        assert part in str(caught.value)


def test_even_for_maps_that_never_learn_a_list_must_fit(data: Path) -> None:
    with pytest.raises(SettingError, match="3 values for 2 names"):
        build(toy(data, *DTP, "learner=frozen", "optimizer.feedback.lr=[0.1,0.2,0.3]").experiment, catalogue())


@pytest.mark.parametrize("override", ["optimizer.feedback.lr=[0.1,0.2]", "feedback_training.iterations=[1,2]"])
def test_settings_by_edge_do_not_stop_a_rule_without_feedback(override: str, data: Path) -> None:
    built = build(toy(data, "rule=bp", override).experiment, catalogue())
    assert built.feedback.weights.optimizer is None


def test_blocks_with_the_same_settings_share_a_group_with_their_names() -> None:
    members = {name: torch.nn.Linear(2, 2) for name in ("a", "b", "c")}
    settings = SGDSettings(lr=PerName({"a": 0.1, "b": 0.2, "c": 0.1}))
    found = parameter_groups(settings, members)
    assert [(group["name"], group["lr"], len(group["params"])) for group in found] == [("a, c", 0.1, 4), ("b", 0.2, 2)]


class Mirroring(Reconstruction):
    """A learner whose maps are stepped as the blocks are."""

    mirrors_forward_optimizer = True


def built_mirroring(data: Path, *overrides: str) -> Built:
    experiment = toy(data, *DTP, "precision=float64", *overrides).experiment
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("tpzoo.zoo.learners.reconstruction.Reconstruction", _mirroring(experiment.learner))
        return build(experiment, catalogue())


def test_a_mirrored_optimizer_takes_the_settings_of_the_blocks(data: Path) -> None:
    overrides = ("optimizer.forward.lr=[0.1,0.2,0.3]", "optimizer.forward.momentum=0.5", "optimizer.feedback=adam")
    backward = built_mirroring(data, *overrides).feedback.weights
    assert isinstance(backward.optimizer, torch.optim.SGD)
    found = {group["name"]: (group["lr"], group["momentum"]) for group in backward.optimizer.param_groups}
    assert found == {"fc2": (0.3, 0.5), "fc1": (0.2, 0.5)}


def test_in_mirrored_training_each_difference_decays_by_the_rate_of_its_own_block(data: Path) -> None:
    """Kolen and Pollack 1994: equal steps of W and V^T leave (1 - lr wd) of W - V^T, with lr and wd of that block."""
    rates, decays, steps = {"fc1": 0.1, "fc2": 0.2, "fc3": 0.4}, {"fc1": 0.5, "fc2": 0.9, "fc3": 0.3}, 5
    overrides = (f"optimizer.forward.lr={rates}", f"optimizer.forward.weight_decay={decays}", "feedback.map=linear")
    built = built_mirroring(data, *overrides)
    weights = {name: block.linear.weight for name, block in built.engine.network.blocks.items()}
    edges = {edge.blocks[0]: edge for edge in built.engine.feedback.edges}
    assert set(edges) == {"fc2", "fc3"}

    def differences() -> dict[str, Tensor]:
        return {name: weights[name].detach() - edge.map.matrix.weight.detach().T for name, edge in edges.items()}

    before, generator = differences(), torch.Generator().manual_seed(0)
    for _ in range(steps):
        step = {name: torch.randn(weights[name].shape, generator=generator, dtype=torch.float64) for name in edges}
        built.forward.weights.step({f"{name}.linear.weight": value for name, value in step.items()})
        built.feedback.weights.step({f"{edges[name].name}.matrix.weight": value.T for name, value in step.items()})
    for name, left in differences().items():
        torch.testing.assert_close(
            left, (1 - rates[name] * decays[name]) ** steps * before[name], rtol=1e-9, atol=1e-12
        )


def test_a_mirrored_edge_learns_if_its_block_does(data: Path) -> None:
    built = built_mirroring(data, "optimizer.forward.train=[fc1,fc3]")
    assert {name.split(".")[0] for name in built.feedback.weights.trained} == {"fc2"}  # it inverts fc3


def test_an_edge_that_inverts_blocks_with_different_settings_has_none_to_mirror(data: Path) -> None:
    direct = ("feedback=direct", "feedback.map=linear")
    assert len(built_mirroring(data, *direct).feedback.weights.trained) == 2  # all alike: nothing to choose
    with pytest.raises(SettingError, match=r"edge 'fc1' takes .* fc2, fc3, which differ"):
        built_mirroring(data, *direct, "optimizer.forward.lr=[0.1,0.2,0.3]")


@pytest.mark.parametrize("path", ["layerwise", "direct"])
def test_a_list_by_edge_runs_from_input_to_output(path: str, data: Path) -> None:
    overrides = (f"feedback={path}", "optimizer.feedback.lr=[0.1,0.2]", "feedback_training.iterations=[3,4]")
    built = build(toy(data, *DTP, *overrides, "learner.sigma=[0.5,0.6]").experiment, catalogue())
    assert {group["name"]: group["lr"] for group in built.feedback.weights.optimizer.param_groups} == {
        "fc1": 0.1,
        "fc2": 0.2,
    }
    assert built.engine.iterations.by_edge == {"fc1": 3, "fc2": 4}
    assert [built.engine.learner.settings.sigma[name] for name in ("fc1", "fc2")] == [0.5, 0.6]


def _mirroring(chosen: Component) -> type[Learner]:
    assert chosen.name == "reconstruction"
    return Mirroring
