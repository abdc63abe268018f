"""Dropout and its kin: one seed, one run; one batch, one mask; stopped and resumed to the bit."""

from __future__ import annotations

import math
import random
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Generator, Tensor, nn

from tests.support.runs import assert_same_run, catalogue, run, signalled_after, write_toy_data
from tpzoo import Architecture, Block, DataSpec, Network, SettingError
from tpzoo.config import LoadedConfig, load
from tpzoo.engine import SeedBatch
from tpzoo.engine.block import ModuleBlock
from tpzoo.engine.draw import global_states, have_drawn
from tpzoo.engine.randomness import find_draws
from tpzoo.errors import CompatibilityError
from tpzoo.plugin.catalogue import Catalogue, PluginInfo
from tpzoo.runner.build import Built, build

WIDTH = 12
CPU = torch.device("cpu")


class Attention(nn.Module):
    """Self-attention over the features as tokens, with dropout inside of it."""

    def __init__(self) -> None:
        super().__init__()
        self.attention = nn.MultiheadAttention(4, 2, dropout=0.5, batch_first=True)

    def forward(self, x: Tensor) -> Tensor:
        tokens = x.view(len(x), -1, 4)
        return (tokens + self.attention(tokens, tokens, tokens)[0]).flatten(1)


class StochasticDepth(nn.Module):
    """Skips its layer for some samples."""

    def __init__(self) -> None:
        super().__init__()
        self.layer = nn.Linear(WIDTH, WIDTH)

    def forward(self, x: Tensor) -> Tensor:
        kept = x.new_empty(len(x), 1).bernoulli_(0.5) if self.training else 1.0
        return x + kept * self.layer(x).tanh()


class AlwaysNoisy(nn.Module):
    """Draws in evaluation too."""

    def forward(self, x: Tensor) -> Tensor:
        return x + 0.1 * torch.randn_like(x)


class OwnGenerator(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.generator = Generator().manual_seed(0)

    def forward(self, x: Tensor) -> Tensor:
        return x * torch.rand(x.shape, generator=self.generator).to(x)


class FromPython(nn.Module):
    def forward(self, x: Tensor) -> Tensor:
        return x * (1 + random.random())


class FromNumpy(nn.Module):
    def forward(self, x: Tensor) -> Tensor:
        return x * float(np.random.random())


RANDOM: dict[str, Callable[[], nn.Module]] = {
    "dropout": lambda: nn.Dropout(0.5),
    "attention": Attention,
    "stochastic_depth": StochasticDepth,
    "always_noisy": AlwaysNoisy,
}
UNSEEDABLE: dict[str, Callable[[], nn.Module]] = {"own": OwnGenerator, "random": FromPython, "numpy": FromNumpy}


def architecture(name: str, make: Callable[[], nn.Module]) -> Architecture:
    def network(settings: object, spec: DataSpec) -> Network:
        size = math.prod(spec.input_shape)
        layers = [nn.Sequential(nn.Flatten(), nn.Linear(size, WIDTH), make(), nn.Tanh())]
        layers += [nn.Sequential(nn.Linear(WIDTH, WIDTH), make(), nn.Tanh())]
        layers += [nn.Sequential(nn.Linear(WIDTH, spec.output_size))]
        blocks: dict[str, Block] = {f"b{i}": ModuleBlock(layer) for i, layer in enumerate(layers)}
        return Network(blocks, spec.input_shape)

    return Architecture(name=name, summary="s", build=network)


@pytest.fixture(scope="module")
def zoo() -> Catalogue:
    records = [architecture(name, make) for name, make in {**RANDOM, **UNSEEDABLE}.items()]
    return Catalogue([*catalogue().plugins, PluginInfo("mine:x", "mine", records=tuple(records))])


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_toy_data(tmp_path_factory.mktemp("toy"))


def loaded(zoo: Catalogue, data: Path, name: str, *more: str) -> LoadedConfig:
    base = [
        "data=npz", f"data.path={data}", f"architecture={name}", "batch_size=16", "epochs=3", "device=cpu",
        "evaluation_batch_size=10", "loggers.console=null", "feedback=direct", "feedback.map=dense", "learner=drl",
        "rule=dtp", "checkpoint.every_seconds=1e-9",
    ]  # fmt: skip
    return load(None, [*base, *more], zoo)


def built(config: LoadedConfig) -> Built:
    return build(config.experiment, config.catalogue)


@pytest.mark.parametrize("rule", ["dtp", "bp"])
@pytest.mark.parametrize("name", RANDOM)
def test_one_seed_is_one_run_and_a_stopped_run_goes_on_to_the_bit(
    name: str, rule: str, zoo: Catalogue, data: Path, tmp_path: Path
) -> None:
    config = loaded(zoo, data, name, f"rule={rule}")
    torch.manual_seed(1)
    run(config, tmp_path / "one")
    torch.manual_seed(2)  # what the process did before does not matter
    torch.rand(7)
    run(config, tmp_path / "two")
    assert_same_run(tmp_path / "two", tmp_path / "one", config.hash)
    with signalled_after(6):
        run(config, tmp_path / "stopped")
    torch.rand(3)
    run(config, tmp_path / "stopped", resume=True)
    assert_same_run(tmp_path / "stopped", tmp_path / "one", config.hash)
    other = loaded(zoo, data, name, f"rule={rule}", "seed=1")
    assert run(other, tmp_path / "other").train_loss != run(config, tmp_path / "again").train_loss


@pytest.mark.parametrize("name", RANDOM)
def test_all_passes_of_a_batch_see_one_mask(name: str, zoo: Catalogue, data: Path) -> None:
    made = built(loaded(zoo, data, name))
    network = made.engine.network
    x = made.data.prepare(made.data.train.x[:8], torch.float32)
    trace, again = network.trace(x, update_buffers=False), network.trace(x, update_buffers=False, graph=False)
    for node, first in trace.passes.items():
        assert torch.equal(first.out, again[node].out)
        assert torch.equal(first.out, network.run_at(node, first.input).out)
    assert torch.equal(network.push(trace["b0"].out, "b0", "output").out, trace.output)
    out, gradients = network.loss_gradients(x, lambda out: torch.ones_like(out))
    assert torch.equal(out, trace.output)
    pulled = trace.pulled_back(torch.ones_like(trace.output) / len(x))
    local = trace.parameter_gradients(pulled)
    for key, value in gradients.items():
        torch.testing.assert_close(value, local[key])
    before = trace.output
    network.batch_seed += 1
    assert not torch.equal(network.trace(x, update_buffers=False).output, before)
    assert [network.block_of(node).draws for node in network.nodes] == [True, True, False]


@pytest.mark.parametrize("name", RANDOM)
def test_a_block_that_draws_is_not_stacked_with_other_rows(name: str, zoo: Catalogue, data: Path) -> None:
    made = built(loaded(zoo, data, name))
    network = made.engine.network
    assert not network.block_of(network.nodes[0]).row_independent
    assert network.block_of(network.nodes[2]).row_independent
    x = made.data.prepare(made.data.train.x[:8], torch.float32)
    trace = network.trace(x, update_buffers=False)
    together = network.push_together([(trace["b0"].out, "b0"), (x, "input")], "output")
    for each in together:
        assert torch.equal(each.out, trace.output)
    with pytest.raises(CompatibilityError, match="block 'b0' draws random numbers"):
        SeedBatch([made.engine], torch.optim.SGD, torch.optim.SGD)  # type: ignore[arg-type]


def test_evaluation_is_the_same_each_time_and_leaves_the_global_generator(zoo: Catalogue, data: Path) -> None:
    for name in RANDOM:
        made = built(loaded(zoo, data, name))
        network = made.engine.network.eval()
        x = made.data.prepare(made.data.train.x[:8], torch.float32)
        before = global_states(CPU)
        assert torch.equal(network(x), network(x))
        network.train()
        made.engine.train_batch(x, made.data.train.y[:8])
        assert not have_drawn(before, CPU)
        assert made.engine.draws


@pytest.mark.parametrize(("name", "said"), [("own", "own"), ("random", "random"), ("numpy", "numpy.random")])
def test_what_cannot_be_seeded_is_refused_at_build(name: str, said: str, zoo: Catalogue, data: Path) -> None:
    with pytest.raises(SettingError, match=f"block 'b0' draws random numbers from .*{said}"):
        built(loaded(zoo, data, name))


def test_a_network_that_does_not_draw_is_left_alone(zoo: Catalogue, data: Path) -> None:
    made = built(loaded(zoo, data, "mlp"))
    network = made.engine.network
    x, y = made.data.prepare(made.data.train.x[:8], torch.float32), made.data.train.y[:8]
    made.engine.train_batch(x, y)
    assert not made.engine.draws
    assert not any(network.block_of(node).draws for node in network.nodes)
    weights = [p.clone() for p in network.parameters()]
    find_draws(network, CPU, torch.float32)
    assert all(torch.equal(one, other) for one, other in zip(weights, network.parameters(), strict=True))
    assert network.training


def test_a_rule_that_draws_by_itself_has_its_seed_too(zoo: Catalogue, data: Path, tmp_path: Path) -> None:
    """The conformance kit refuses it; a run that uses it is one run all the same."""
    config = loaded(zoo, data, "mlp")
    from tpzoo.zoo.rules.dtp import DTP

    plain = DTP.displacements

    def noisy(self: DTP, *arguments: object) -> dict[str, Tensor]:
        found: dict[str, Tensor] = plain(self, *arguments)  # type: ignore[arg-type]
        return {node: d * (1 + 0.1 * torch.rand(())) for node, d in found.items()}

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(DTP, "displacements", noisy)
        run(config, tmp_path / "one")
        with signalled_after(6):
            run(config, tmp_path / "stopped")
        torch.rand(3)
        run(config, tmp_path / "stopped", resume=True)
    assert_same_run(tmp_path / "stopped", tmp_path / "one", config.hash)
