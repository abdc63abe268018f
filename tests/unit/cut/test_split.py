"""``tpzoo.split``: the cut is the module, in both modes, to the gradient; and what cannot be cut says where and why."""

from __future__ import annotations

import copy
from collections.abc import Callable

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F

import tpzoo
from tpzoo.cut.modes import in_mode
from tpzoo.engine.draw import under_seed

IMAGES = torch.randn(4, 3, 12, 12, generator=torch.Generator().manual_seed(1), dtype=torch.float64)
VECTORS = torch.randn(4, 3, 4, generator=torch.Generator().manual_seed(2), dtype=torch.float64)


def sequential() -> nn.Module:
    """Six layers, norms, dropout, an activation that works in place."""
    return nn.Sequential(
        nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4), nn.ReLU(inplace=True), nn.MaxPool2d(2),
        nn.Conv2d(4, 6, 3), nn.BatchNorm2d(6), nn.ReLU(), nn.Flatten(),
        nn.Linear(54, 8), nn.ReLU(), nn.Dropout(0.5), nn.Linear(8, 8), nn.Tanh(), nn.Linear(8, 8), nn.Linear(8, 3),
    )  # fmt: skip


class Dropping(nn.Module):
    """Draws by functions, and reads ``self.training``, in its own forward."""

    def __init__(self) -> None:
        super().__init__()
        self.a, self.b, self.c = nn.Linear(12, 8), nn.Linear(8, 8), nn.Linear(8, 3)

    def forward(self, x: Tensor) -> Tensor:
        x = F.dropout(F.relu(self.a(x.view(x.size(0), -1))), training=self.training)
        x = self.b(x)
        x += 1
        x = F.dropout(x.tanh(), p=0.5 if self.training else 0.2, training=True)
        return self.c(x)


class Unit(nn.Module):
    """A residual unit: its convolutions cannot be parted."""

    def __init__(self) -> None:
        super().__init__()
        self.one, self.two, self.norm = nn.Conv2d(3, 3, 3, padding=1), nn.Conv2d(3, 3, 3, padding=1), nn.BatchNorm2d(3)

    def forward(self, x: Tensor) -> Tensor:
        return torch.relu(x + self.norm(self.two(torch.relu(self.one(x)))))


class Residuals(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.units, self.head = nn.ModuleList([Unit(), Unit()]), nn.Linear(3, 5)

    def forward(self, x: Tensor) -> Tensor:
        for unit in self.units:
            x = unit(x)
        return self.head(x.mean((2, 3)))


class Transformer(nn.Module):
    """torch's own encoder, a token of its own and a position embedding that is a buffer."""

    position: Tensor

    def __init__(self) -> None:
        super().__init__()
        self.patches = nn.Conv2d(3, 8, 4, 4)
        self.token = nn.Parameter(torch.randn(1, 1, 8))
        self.register_buffer("position", torch.randn(1, 10, 8))
        self.encoder = nn.TransformerEncoder(nn.TransformerEncoderLayer(8, 2, 16, 0.1, batch_first=True), 2)
        self.head = nn.Linear(8, 3)

    def forward(self, x: Tensor) -> Tensor:
        x = self.patches(x).flatten(2).transpose(1, 2)
        x = torch.cat([self.token.expand(x.shape[0], -1, -1), x], 1) + self.position
        return self.head(self.encoder(x)[:, 0])


class Looping(nn.Module):
    """Decides by values, and hands one layer's value to the next: seen by hooks, where it cannot be traced."""

    def __init__(self) -> None:
        super().__init__()
        self.a, self.b = nn.Sequential(nn.Flatten(), nn.Linear(12, 4)), nn.Linear(4, 3)

    def forward(self, x: Tensor) -> Tensor:
        if x.abs().sum() < 0:
            raise ValueError("never")
        return self.b(self.a(x))


class ByMode(nn.Module):
    """A layer whose code differs between the modes: it stays whole."""

    def __init__(self) -> None:
        super().__init__()
        self.one, self.two = nn.Linear(4, 4), nn.Linear(4, 4)

    def forward(self, x: Tensor) -> Tensor:
        x = self.one(x)
        if self.training:
            x = x + 0.1 * torch.randn(x.shape[1], dtype=x.dtype)
        return self.two(x)


def with_by_mode() -> nn.Module:
    return nn.Sequential(nn.Flatten(), nn.Linear(12, 4), ByMode(), nn.Linear(4, 2))


NETWORKS: dict[str, tuple[Callable[[], nn.Module], Tensor, list[str]]] = {
    "sequential": (sequential, IMAGES, ["0", "4", "8", "11", "13", "14"]),
    "dropping": (Dropping, VECTORS, ["a", "b", "c"]),
    "residuals": (Residuals, IMAGES, ["units_0", "units_1", "head"]),
    "transformer": (Transformer, IMAGES, ["patches", "encoder_layers_0", "encoder_layers_1", "head"]),
    "looping": (Looping, VECTORS, ["a", "b"]),
    "by mode": (with_by_mode, VECTORS, ["1", "2", "3"]),
}


def made(name: str) -> tuple[nn.Module, Tensor, list[str]]:
    build, example, blocks = NETWORKS[name]
    with torch.random.fork_rng():
        torch.manual_seed(0)
        return build().double(), example, blocks


def gradients(module: nn.Module, x: Tensor) -> list[Tensor]:
    return list(torch.autograd.grad(module(x).square().sum(), list(module.parameters()), allow_unused=True))


class InOrder(nn.Module):
    """The blocks one after the other, under the seed that is set."""

    def __init__(self, network: tpzoo.Network) -> None:
        super().__init__()
        self.blocks = network.blocks

    def forward(self, x: Tensor) -> Tensor:
        for block in self.blocks.values():
            x = block(x)
        return x


@pytest.mark.parametrize("name", NETWORKS)
@pytest.mark.parametrize("cut_in", [True, False])
@pytest.mark.parametrize("run_in", [True, False])
def test_the_cut_is_the_module(name: str, cut_in: bool, run_in: bool) -> None:
    module, x, blocks = made(name)
    module.train(cut_in)
    network = tpzoo.split(module, x)
    assert list(network.blocks) == blocks
    assert all(part.training == cut_in for part in module.modules())
    original, _, _ = made(name)
    with in_mode(original, run_in), in_mode(network, run_in):
        outs = []
        for each in (original, InOrder(network)):
            with under_seed(3, torch.device("cpu")):
                outs.append(each(x))
        torch.testing.assert_close(outs[1], outs[0], rtol=1e-12, atol=1e-12)
    for one, other in zip(original.buffers(), module.buffers(), strict=True):
        torch.testing.assert_close(one, other)
    assert {id(p) for p in network.parameters()} == {id(p) for p in module.parameters()}


@pytest.mark.parametrize("name", NETWORKS)
def test_gradients_are_those_of_the_module(name: str) -> None:
    module, x, _ = made(name)
    original, _, _ = made(name)
    network = tpzoo.split(module, x)
    network.eval()
    original.eval()
    found = {id(p): g for p, g in zip(network.parameters(), gradients(InOrder(network), x), strict=True)}
    with under_seed(0, torch.device("cpu")):
        expected = gradients(original, x)
    if name == "dropping":  # it draws in evaluation mode too
        with under_seed(0, torch.device("cpu")):
            found = {id(p): g for p, g in zip(network.parameters(), gradients(InOrder(network), x), strict=True)}
    for p, gradient in zip(module.parameters(), expected, strict=True):
        torch.testing.assert_close(found[id(p)], gradient, rtol=1e-10, atol=1e-12)


def test_the_module_is_trained_in_place_and_used_as_before() -> None:
    module, x, _ = made("residuals")
    network = tpzoo.split(module, x)
    before = copy.deepcopy(module.state_dict())
    with torch.no_grad():
        for p in network.parameters():
            p.add_(1)
    assert set(module.state_dict()) == set(before)
    assert all(not torch.equal(p, before[name]) for name, p in module.named_parameters())
    torch.testing.assert_close(network.eval()(x), module.eval()(x))


def test_a_block_of_a_layer_with_its_norm_activation_and_pool_has_a_pre_activation() -> None:
    module, x, _ = made("sequential")
    network = tpzoo.split(module, x)
    assert all(isinstance(block, tpzoo.SplitChain) for block in network.blocks.values())
    first = network.eval().trace(x).passes["0"]
    assert first.pre is not None
    torch.testing.assert_close(first.pre, module.eval()[:2](x))
    assert first.aux["3.indices"].shape == first.out.shape


def test_layers_that_work_in_place_are_told_not_to() -> None:
    module, x, _ = made("sequential")
    tpzoo.split(module, x)
    assert module[2].inplace is False


@pytest.mark.parametrize(
    ("at", "blocks"),
    [
        (1, ["0", "4", "8", "11", "13", "14"]),
        (["4", "13"], ["0", "4", "13"]),
        (["0", "8"], ["0", "8"]),
        ({"0.weight": 0, "0.bias": 0, "8.weight": 1, "8.bias": 1}, ["0", "8"]),
    ],
)
def test_where_blocks_begin(at: tpzoo.SplitAt, blocks: list[str]) -> None:
    module, x, _ = made("sequential")
    found = tpzoo.split(module, x, at)
    first = [next(iter(block.layers)) for block in found.blocks.values() if isinstance(block, tpzoo.LayerBlock)]
    assert [name.split("_")[0] for name in first] == blocks


def test_depth_parts_what_can_be_parted() -> None:
    module, x, _ = made("residuals")
    assert list(tpzoo.split(module, x, 1).blocks) == ["units_0", "head"]  # a block is called after its largest module
    assert list(tpzoo.split(module, x, 2).blocks) == ["units_0", "units_1", "head"]


class Marked(nn.Module):
    """Says that its pool belongs to the head."""

    def __init__(self) -> None:
        super().__init__()
        self.conv, self.pool, self.head = nn.Conv2d(3, 4, 3), nn.AdaptiveAvgPool2d(1), nn.Linear(4, 2)

    def forward(self, x: Tensor) -> Tensor:
        x = tpzoo.boundary(torch.relu(self.conv(x)))
        return self.head(self.pool(x).flatten(1))


def test_a_mark_decides_where_a_block_ends() -> None:
    network = tpzoo.split(Marked().double(), IMAGES)
    assert network.shapes == {"input": (3, 12, 12), "conv": (4, 10, 10), "head": (2,)}


# What cannot be cut


class Returning(nn.Module):
    def __init__(self, wrong: Callable[[nn.Module, Tensor], object]) -> None:
        super().__init__()
        self.a, self.b, self.wrong = nn.Linear(4, 4), nn.Linear(4, 4), wrong
        self.count = 0

    def forward(self, x: Tensor) -> object:
        return self.wrong(self, x)


def noisy(m: nn.Module, x: Tensor) -> object:
    return m.b(m.a(x) + torch.randn(4, dtype=torch.float64))


def by_value(m: nn.Module, x: Tensor) -> object:
    return m.b(m.a(x) + 1) if x.sum() > 0 else m.b(m.a(x))


def by_mode(m: nn.Module, x: Tensor) -> object:
    x = m.a(x)
    if m.training:
        x = x * 2
    return m.b(x)


def counting(m: nn.Module, x: Tensor) -> object:
    m.count += 1
    return m.b(m.a(x) * m.count)


def branches(m: nn.Module, x: Tensor) -> object:
    return m.a(x) + m.b(x)


@pytest.mark.parametrize(
    ("wrong", "at", "message"),
    [
        (lambda m, x: (m.b(m.a(x)), x), "auto", "returns a tuple, not one tensor"),
        (noisy, "auto", r"draws random numbers that do not depend on the input \(test_split.py:\d+\)"),
        (by_value, "auto", r"depends on values that are known only when it runs \(test_split.py:\d+\)"),
        (by_mode, "auto", r"depends on self.training \(test_split.py:\d+\)"),
        (counting, "auto", "two runs of it differ in evaluation mode, in the output"),
        (branches, ["b"], r"between 'a' and 'b'.*2 values are passed on: 'a' of test_split.py:\d+"),
        (lambda m, x: m.b(m.a(x)), ["c"], "no submodule 'c'"),
        (lambda m, x: m.a(x), ["b"], "'b' is never called"),
        (lambda m, x: m.b(m.a(x)), 0, "is no depth"),
        (lambda m, x: m.b(m.a(x)), "b", "at='b' is not known"),
        (lambda m, x: m.b(x.reshape(-1)), "auto", r"does not run on examples of 4: .*\(test_split.py:\d+\)"),
        (lambda m, x: m.b(m.a(x)) * float("nan"), "auto", "not finite"),
    ],
)
def test_what_cannot_be_cut_says_where_and_why(
    wrong: Callable[[nn.Module, Tensor], object], at: tpzoo.SplitAt, message: str
) -> None:
    with pytest.raises(tpzoo.CutError, match=f"Returning cannot be cut: .*{message}"):
        tpzoo.split(Returning(wrong).double(), torch.randn(4, 4, dtype=torch.float64), at)


def test_blocks_that_would_share_a_weight_are_named() -> None:
    module = nn.Sequential(nn.Linear(4, 4), nn.ReLU(), nn.Linear(4, 4))
    module[2].weight = module[0].weight
    with pytest.raises(tpzoo.CutError, match=r"its blocks '0' and '2' use one parameter \('2.weight'\)"):
        tpzoo.split(module, torch.randn(4, 4))


def test_a_layer_that_runs_twice_is_in_one_block() -> None:
    module = Returning(lambda m, x: m.a(m.b(m.a(x))))
    assert len(tpzoo.split(module, torch.randn(4, 4)).blocks) == 1


def test_a_block_does_not_begin_inside_another() -> None:
    module, x, _ = made("residuals")
    with pytest.raises(tpzoo.CutError, match=r"'units.0.one' lies inside 'units.0'"):
        tpzoo.split(module, x, ["units.0", "units.0.one"])


@pytest.mark.parametrize("example", [torch.ones(4, 4, dtype=torch.int64), torch.randn(1, 4), torch.randn(4), [[1.0]]])
def test_an_example_is_a_batch_of_numbers(example: Tensor) -> None:
    with pytest.raises(tpzoo.SettingError, match="at least two examples"):
        tpzoo.split(nn.Linear(4, 2), example)


def test_what_differs_from_the_module_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    module, x, _ = made("sequential")
    build = tpzoo.cut.split.make_block  # type: ignore[attr-defined]

    def wrong(*arguments: object) -> tpzoo.Block:
        block = build(*arguments)
        if isinstance(block, tpzoo.LayerBlock) and "1" in block.layers:
            block.add_module("1", nn.BatchNorm2d(4, eps=1e-3).double())
        return block

    monkeypatch.setattr("tpzoo.cut.split.make_block", wrong)
    with pytest.raises(tpzoo.CutError, match="its blocks differ from it in evaluation mode, in the output"):
        tpzoo.split(module, x)


def test_what_code_writes_while_it_is_traced_is_forgotten() -> None:
    class Keeping(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.a, self.b = nn.Linear(4, 4), nn.Linear(4, 4)
            self.seen: object = None

        def forward(self, x: Tensor) -> Tensor:
            self.seen = self.a(x)
            return self.b(torch.relu(self.a(x)) if self.seen is None else torch.relu(self.seen))

    module = Keeping()
    tpzoo.split(module, torch.randn(2, 4))
    assert isinstance(module.seen, Tensor)
