"""Learning rates by epoch, against the written-out curves."""

from __future__ import annotations

import math
import warnings
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch

from tests.support.runs import catalogue, metrics, run, toy, write_toy_data
from tpzoo.config import load
from tpzoo.errors import SettingError
from tpzoo.runner import schedules
from tpzoo.runner.build import build
from tpzoo.runner.check import last_rates

RATES = (0.1, 0.02)


def make(name: str, epochs: int, **settings: Any) -> tuple[Any, torch.optim.Optimizer]:
    groups = [{"params": [torch.zeros(1, requires_grad=True)], "lr": rate} for rate in RATES]
    optimizer = torch.optim.SGD(groups)
    given = {"warmup_epochs": 0, "warmup_start": 0.1, **settings}
    return getattr(schedules, name)(SimpleNamespace(**given), optimizer, epochs), optimizer


def curve(name: str, epochs: int, **settings: Any) -> list[tuple[float, ...]]:
    schedule, optimizer = make(name, epochs, **settings)
    found = []
    with warnings.catch_warnings():
        warnings.simplefilter("error")  # torch warns if steps are called in the wrong order
        for _ in range(epochs):
            found.append(tuple(float(group["lr"]) for group in optimizer.param_groups))
            optimizer.step()
            schedule.step()
    return found


def check(found: list[tuple[float, ...]], expected: list[list[float]]) -> None:
    assert [list(row) for row in found] == [pytest.approx(row, rel=1e-12) for row in expected]


def test_constant() -> None:
    check(curve("constant", 4), [list(RATES)] * 4)


@pytest.mark.parametrize("t_max", [None, 6])
def test_cosine_over_the_run_or_less(t_max: int | None) -> None:
    length, low = t_max or 8, 1e-3
    expected = [[low + (r - low) * (1 + math.cos(math.pi * e / length)) / 2 for r in RATES] for e in range(8)]
    check(curve("cosine", 8, t_max=t_max, eta_min=low), expected)


def test_step() -> None:
    check(curve("step", 7, every=3, factor=0.5), [[r * 0.5 ** (e // 3) for r in RATES] for e in range(7)])


@pytest.mark.parametrize("milestones", [(3, 5), (5, 3), (1,), (9,)])
def test_multistep_is_torch_s(milestones: tuple[int, ...]) -> None:
    expected = [[r * 0.5 ** sum(e >= each for each in milestones) for r in RATES] for e in range(7)]
    check(curve("multistep", 7, milestones=milestones, factor=0.5), expected)
    optimizer = torch.optim.SGD([torch.zeros(1, requires_grad=True)], lr=RATES[0])
    theirs = torch.optim.lr_scheduler.MultiStepLR(optimizer, list(sorted(milestones)), 0.5)
    for row in expected:
        assert theirs.get_last_lr() == [pytest.approx(row[0])]
        optimizer.step()
        theirs.step()


@pytest.mark.parametrize(
    ("sched", "options", "said"),
    [
        ("plateau", {}, "needs a metric"),
        ("multistep", {}, "one epoch early"),
        ("cosine", {"step_on_epochs": False, "updates_per_epoch": 3}, "never move the rate"),
    ],
)
def test_a_schedule_that_acts_otherwise_than_it_reads_is_refused(
    sched: str, options: dict[str, Any], said: str
) -> None:
    with pytest.raises(SettingError, match="not taken") as caught:
        make("timm", 5, sched=sched, options=options)
    assert said in caught.value.hint


@pytest.mark.parametrize("sched", ["cosine", "tanh", "step", "poly"])
@pytest.mark.parametrize("options", [{}, {"noise": [0.1, 0.9]}, {"warmup_epochs": 2}])
def test_a_schedule_of_timm_goes_on_to_the_same_rates(sched: str, options: dict[str, Any]) -> None:
    whole, _ = make("timm", 9, sched=sched, options=options), None
    rates = []
    for _ in range(9):
        rates.append([group["lr"] for group in whole[1].param_groups])
        whole[1].step()
        whole[0].step()
    first, again = make("timm", 9, sched=sched, options=options), make("timm", 9, sched=sched, options=options)
    for _ in range(4):
        first[1].step()
        first[0].step()
    again[1].load_state_dict(first[1].state_dict())
    again[0].load_state_dict(first[0].state_dict())
    for expected in rates[4:]:
        assert [group["lr"] for group in again[1].param_groups] == expected
        again[1].step()
        again[0].step()


def warmed(after: Any, length: int = 4, start: float = 0.2, epochs: int = 10) -> list[list[float]]:
    rise = [[r * (start + (1 - start) * e / length) for r in RATES] for e in range(length)]
    return rise + [[after(r, e) for r in RATES] for e in range(epochs - length)]


def test_warm_up_rises_linearly_and_then_hands_over() -> None:
    warm = {"warmup_epochs": 4, "warmup_start": 0.2}
    check(curve("constant", 10, **warm), warmed(lambda r, e: r))
    check(curve("step", 10, every=2, factor=0.1, **warm), warmed(lambda r, e: r * 0.1 ** (e // 2)))
    found = curve("cosine", 10, t_max=None, eta_min=0.0, **warm)
    check(found, warmed(lambda r, e: r * (1 + math.cos(math.pi * e / 6)) / 2))


@pytest.mark.parametrize(
    ("name", "settings"),
    [
        ("cosine", {"t_max": None, "eta_min": 1e-4, "warmup_epochs": 3}),
        ("step", {"every": 2, "factor": 0.3}),
        ("timm", {"sched": "cosine", "options": {}, "warmup_epochs": 2}),
    ],
)
def test_a_resumed_schedule_gives_the_same_rates(name: str, settings: dict[str, Any]) -> None:
    whole = curve(name, 9, **settings)
    schedule, optimizer = make(name, 9, **settings)
    for _ in range(5):
        optimizer.step()
        schedule.step()
    resumed, other = make(name, 9, **settings)
    other.load_state_dict(optimizer.state_dict())
    resumed.load_state_dict(schedule.state_dict())
    found = []
    for _ in range(4):
        found.append(tuple(float(group["lr"]) for group in other.param_groups))
        other.step()
        resumed.step()
    assert found == whole[5:]


def test_timm_schedules_by_name() -> None:
    found = curve("timm", 10, sched="cosine", options={"min_lr": 0.0})
    check(found, [[r * (1 + math.cos(math.pi * e / 10)) / 2 for r in RATES] for e in range(10)])


@pytest.mark.parametrize(("sched", "options"), [("no_such", {}), ("cosine", {"no_such": 1})])
def test_what_timm_does_not_know_is_a_setting_error(sched: str, options: dict[str, Any]) -> None:
    with pytest.raises(SettingError, match=sched):
        make("timm", 10, sched=sched, options=options)


@pytest.mark.parametrize("place", ["forward", "feedback"])
@pytest.mark.parametrize(("warmup", "epochs", "fits"), [(3, 3, False), (4, 3, False), (2, 3, True), (3, 0, True)])
def test_a_warm_up_as_long_as_the_run_is_refused(
    place: str, warmup: int, epochs: int, fits: bool, tmp_path: Path
) -> None:
    config = toy(write_toy_data(tmp_path), f"optimizer.{place}.schedule.warmup_epochs={warmup}", f"epochs={epochs}")
    if fits:
        build(config.experiment, catalogue())
    else:
        with pytest.raises(SettingError, match=rf"optimizer\.{place}\.schedule\.warmup_epochs is {warmup}"):
            build(config.experiment, catalogue())


def test_check_says_where_the_rate_ends(tmp_path: Path) -> None:
    """Beyond t_max it rises again: in epoch 5 of t_max 3 it is what it was in epoch 3."""
    schedule = "optimizer.forward.schedule={name: cosine, t_max: 3}"
    config = toy(write_toy_data(tmp_path), schedule, "epochs=6", "optimizer.forward.lr=0.1")
    (line,) = last_rates(build(config.experiment, catalogue()), 6)
    assert line.endswith("0.1 in epoch 1, lowest 0 in epoch 4, 0.075 in the last, epoch 6")
    constant = toy(write_toy_data(tmp_path))
    assert last_rates(build(constant.experiment, catalogue()), 3) == []


def test_rates_stand_in_the_metrics(tmp_path: Path) -> None:
    schedule = (
        "optimizer.forward.schedule={name: step, every: 1, factor: 0.5}",
        "optimizer.forward.lr=[0.1, 0.2, 0.1]",
    )
    run(toy(write_toy_data(tmp_path), "rule=bp", "epochs=2", *schedule), tmp_path / "run")
    rows = [(row[1], row[3], float(row[4])) for row in metrics(tmp_path / "run") if row[0] == "rate"]
    assert sorted(rows) == [
        ("1", "lr/forward/fc1", 0.1), ("1", "lr/forward/fc2", 0.2), ("1", "lr/forward/fc3", 0.1),
        ("2", "lr/forward/fc1", 0.05), ("2", "lr/forward/fc2", 0.1), ("2", "lr/forward/fc3", 0.05),
    ]  # fmt: skip


def test_a_frozen_block_keeps_its_weights_and_its_norm_goes_on_moving() -> None:
    """As the help of ``train`` says."""
    chosen = ["architecture=resnet", "architecture.norm=batch", "architecture.width=4", "optimizer.forward.train=head"]
    loaded = load(None, [*chosen, "rule=bp"])
    built = build(loaded.experiment, loaded.catalogue)
    block = built.engine.network.blocks["stem"]
    before = {name: value.clone() for name, value in block.state_dict().items()}
    x = built.data.prepare(built.data.train.x[:16], built.dtype)
    built.engine.train_batch(x, built.data.train.y[:16])
    moved = {name for name, value in block.state_dict().items() if not torch.equal(value, before[name])}
    assert moved
    assert all("running" in name or "num_batches" in name for name in moved)
