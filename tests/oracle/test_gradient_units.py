"""With ``gradient_units: backprop`` tied feedback is backpropagation in an optimiser too, whatever it does to
gradients.

If it fails: a clip, a weight decay or an epsilon would mean one thing for backpropagation and another for a target
rule, and a comparison of the two would measure that.
"""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from torch import Tensor

from tests.support.runs import catalogue, toy, write_toy_data
from tpzoo.engine import StepRecord
from tpzoo.errors import SettingError
from tpzoo.recipes import recipe_folder
from tpzoo.runner.build import Built, build

CLIPPED = 0.5
OPTIMIZERS = {
    "sgd": ("optimizer.forward=sgd", "optimizer.forward.momentum=0.9", "optimizer.forward.lr=0.05"),
    "adam": ("optimizer.forward=adam", "optimizer.forward.lr=0.003"),
    "adamw": ("optimizer.forward=adamw", "optimizer.forward.lr=0.003"),
}
SAME = ("precision=float64", f"optimizer.forward.clip={CLIPPED}", "optimizer.forward.weight_decay=0.05")
TIED = ("rule=dtp", "feedback=tied", "learner=none", "optimizer.forward.gradient_units=backprop")


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_toy_data(tmp_path_factory.mktemp("toy"))


def built(data: Path, *overrides: str) -> Built:
    return build(toy(data, *overrides).experiment, catalogue())


def trained(made: Built) -> tuple[dict[str, Tensor], int]:
    """The weights after 20 steps, every fourth on a smaller batch, and how many of them the clip cut."""
    x, y = made.data.prepare(made.data.train.x, made.dtype), made.data.train.y
    cut = 0
    for step in range(20):
        rows = slice(16 * (step % 4), min(16 * (step % 4) + 16, len(x)))
        cut += (
            float(norm(made.engine.network.loss_gradients(x[rows], made.engine.batch(x[rows], y[rows]).error)[1]))
            > CLIPPED
        )
        made.engine.train_batch(x[rows], y[rows])
    return made.forward.weights.values(), cut


def norm(gradients: dict[str, Tensor]) -> Tensor:
    return torch.cat([value.flatten() for value in gradients.values()]).norm()


@pytest.mark.parametrize("reduction", ["sum", "mean"])
@pytest.mark.parametrize("local_loss", ["half_sum", "sum", "mean"])
@pytest.mark.parametrize("optimizer", OPTIMIZERS)
def test_tied_dtp_trains_as_bp_does(optimizer: str, local_loss: str, reduction: str, data: Path) -> None:
    same = (*SAME, *OPTIMIZERS[optimizer])
    output = ("output.step_size=0.03", f"output.reduction={reduction}", f"rule.update.local_loss={local_loss}")
    expected, cut = trained(built(data, "rule=bp", *same))
    found, _ = trained(built(data, *same, *TIED, *output))
    assert cut > 3  # the clip cuts
    for name, value in expected.items():
        torch.testing.assert_close(found[name], value, rtol=1e-9, atol=1e-9)
    plain, _ = trained(built(data, *same, *TIED[:-1], *output))
    assert any(not torch.allclose(plain[name], value, rtol=1e-3, atol=1e-3) for name, value in expected.items())


def test_a_difference_by_block_is_taken_out_of_each(data: Path) -> None:
    output = ("output.step_size=0.03", "rule.update.local_loss=[half_sum, mean, sum]")
    expected, _ = trained(built(data, "rule=bp", *SAME, *OPTIMIZERS["adam"]))
    found, _ = trained(built(data, *SAME, *OPTIMIZERS["adam"], *TIED, *output))
    for name, value in expected.items():
        torch.testing.assert_close(found[name], value, rtol=1e-9, atol=1e-9)


def test_of_bp_it_changes_no_bit(data: Path) -> None:
    one, other = (trained(built(data, "rule=bp", *SAME, *more))[0] for more in ((), TIED[-1:]))
    assert all(torch.equal(one[name], value) for name, value in other.items())


def test_probes_see_the_rules_own_gradient(data: Path) -> None:
    records = []
    for units in ("rule", "backprop"):
        made, record = built(data, *SAME, *TIED[:-1], f"optimizer.forward.gradient_units={units}"), StepRecord()
        x, y = made.data.prepare(made.data.train.x[:16], made.dtype), made.data.train.y[:16]
        made.engine.train_batch(x, y, record=record)
        records.append(record.forward[0])
    assert all(torch.equal(records[0][name], value) for name, value in records[1].items())


@pytest.mark.parametrize(
    ("override", "named"),
    [
        ("output=argmin", "output 'argmin'"),
        ("rule.update=minimal_norm", "update 'minimal_norm'"),
        ("rule=gauss_newton", "rule 'gauss_newton'"),
        ("rule=tp", "rule 'tp'"),
        ("optimizer.forward.divide_by_step_size=true", "divide_by_step_size"),
        ("optimizer.feedback.gradient_units=backprop", r"optimizer\.feedback\.gradient_units"),
    ],
)
def test_where_there_is_no_factor_it_is_refused_by_name(override: str, named: str, data: Path) -> None:
    feedback = ("feedback=none", "learner=none") if "gauss" in override else ("feedback=layerwise",)
    with pytest.raises(SettingError, match=named):
        built(data, *feedback, "optimizer.forward.gradient_units=backprop", override)


def test_no_recipe_of_a_paper_divides() -> None:
    """No bit of a published recipe may change."""
    from tpzoo.config import load

    for path in sorted(recipe_folder().rglob("*.yaml")):
        loaded = load(path, (), catalogue())
        assert loaded.experiment.optimizer.forward.settings.gradient_units == "rule", path
        assert loaded.experiment.optimizer.forward.settings.decay == "all", path


def test_weights_alone_decay_where_that_is_asked_for(data: Path) -> None:
    """With no gradient a step is the decay: of matrices W - lr wd W, of biases nothing."""
    made = built(data, *SAME, *OPTIMIZERS["adamw"], "rule=bp", "optimizer.forward.decay=weights")
    with torch.no_grad():
        for p in made.engine.network.parameters():
            p.fill_(1.0)
    weights = made.forward.weights
    weights.step({name: torch.zeros_like(p) for name, p in weights.parameters.items()})
    for name, value in weights.values().items():
        assert float(value.mean()) == pytest.approx(1.0 if name.endswith("bias") else 1 - 0.003 * 0.05, abs=1e-12)
