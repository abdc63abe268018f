"""Student and teacher: the published distribution, a seed of its own, and nothing of the run's randomness."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch

from tpzoo.errors import SettingError
from tpzoo.zoo.datasets.plugin import TeacherSettings
from tpzoo.zoo.datasets.teacher import answer, build, draw_weights

SMALL = TeacherSettings(inputs=4, outputs=2, hidden=(8, 6), train_count=40, valid_count=8, test_count=12)


def test_the_published_sizes_are_the_defaults() -> None:
    settings = TeacherSettings()
    assert settings.hidden == (1000,) * 4
    assert settings.gain == 3
    assert (settings.train_count, settings.valid_count, settings.test_count) == (1000,) * 3


def test_sizes_and_task() -> None:
    data = build(SMALL)
    assert data.spec.task == "regression"
    assert data.spec.input_shape == (4,)
    assert data.spec.output_size == 2
    assert data.validation is not None
    assert [len(split) for split in (data.train, data.validation, data.test)] == [40, 8, 12]
    assert data.train.y.shape == (40, 2)


def test_inputs_fill_the_open_interval() -> None:
    x = build(replace(SMALL, train_count=4000)).train.x
    assert bool((x.abs() < 1).all())
    # 16,000 uniform numbers: the mean has deviation 1/sqrt(3 * 16000) = 0.0046, the square 0.0024
    assert abs(float(x.mean())) < 5 * 0.0046
    assert abs(float(x.square().mean()) - 1 / 3) < 5 * 0.0024


def test_weights_are_xavier_normal_with_gain_3() -> None:
    (weight,) = draw_weights([300, 500], 3.0, torch.Generator().manual_seed(0))
    expected = torch.nn.init.xavier_normal_(torch.empty(500, 300), gain=3.0).std()
    assert weight.shape == (500, 300)
    # relative deviation of a sample deviation is 1 / sqrt(2 * 150000) = 0.0018, for both
    assert abs(float(weight.std() / expected) - 1) < 5 * 0.0026


def test_the_teacher_is_a_relu_network_with_a_linear_output() -> None:
    weights = draw_weights([4, 8, 2], 3.0, torch.Generator().manual_seed(0))
    network = torch.nn.Sequential(
        torch.nn.Linear(4, 8, bias=False), torch.nn.ReLU(), torch.nn.Linear(8, 2, bias=False)
    ).double()
    with torch.no_grad():
        network[0].weight.copy_(weights[0])
        network[2].weight.copy_(weights[1])
    x = torch.randn(5, 4, dtype=torch.float64)
    torch.testing.assert_close(answer(x, weights), network(x), rtol=1e-12, atol=0)


def test_the_seed_alone_decides_and_the_global_generator_rests() -> None:
    before = torch.random.get_rng_state()
    first, again, other = (build(replace(SMALL, seed=seed)) for seed in (1, 1, 2))
    assert torch.equal(first.train.y, again.train.y)
    assert not torch.equal(first.train.y, other.train.y)
    assert torch.equal(before, torch.random.get_rng_state())


def test_all_splits_have_the_same_teacher_and_other_examples() -> None:
    data = build(SMALL)
    assert data.validation is not None
    x = torch.cat([data.train.x, data.validation.x, data.test.x])
    assert len(torch.unique(x, dim=0)) == len(x)


def test_validation_may_be_held_out_instead() -> None:
    data = build(replace(SMALL, valid_count=0, validation=10))
    assert data.validation is not None
    assert (len(data.train), len(data.validation)) == (30, 10)
    assert build(replace(SMALL, valid_count=0)).validation is None
    with pytest.raises(SettingError, match="its own validation set"):
        build(replace(SMALL, validation=10))
