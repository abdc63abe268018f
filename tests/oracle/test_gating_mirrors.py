"""Mirrors of what gates: with transposed weights the twin is the layer's vjp with its gates held fixed, in float64.

If it fails: the mirror of a transformer or a squeeze-and-excite block sends back something else than what it says, and
L-DRL starts from, and tends to, another map.
"""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F

import tpzoo
from tpzoo.assembly.maker import TwinMaker, seeded
from tpzoo.plugin.discovery import load_catalogue
from tpzoo.zoo.feedback.plugin import MirrorSettings

MAKER = TwinMaker(load_catalogue())
SYMMETRIC = MirrorSettings(init="symmetric")


class SqueezeExcite(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.reduce, self.expand = nn.Conv2d(4, 2, 1), nn.Conv2d(2, 4, 1)

    def gate(self, x: Tensor) -> Tensor:
        return torch.sigmoid(self.expand(torch.relu(self.reduce(x.mean((2, 3), keepdim=True)))))

    def forward(self, x: Tensor) -> Tensor:
        return x * self.gate(x)

    def fixed(self, x: Tensor) -> Callable[[Tensor], Tensor]:
        gate = self.gate(x).detach()
        return lambda moved: moved * gate


class GatedUnit(nn.Module):
    """The gate stands first."""

    def __init__(self) -> None:
        super().__init__()
        self.gate, self.value = nn.Linear(6, 5, bias=False), nn.Linear(6, 5, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        return torch.sigmoid(self.gate(x)) * self.value(x)

    def fixed(self, x: Tensor) -> Callable[[Tensor], Tensor]:
        gate = torch.sigmoid(self.gate(x)).detach()
        return lambda moved: gate * self.value(moved)


class SpatialGate(nn.Module):
    """Two halves, one of which is mixed over tokens and multiplies the other (gMLP)."""

    def __init__(self) -> None:
        super().__init__()
        self.mix = nn.Linear(3, 3, bias=False)

    def halves(self, x: Tensor) -> tuple[Tensor, Tensor]:
        u, v = x.chunk(2, dim=-1)
        return u, self.mix(v.transpose(-1, -2)).transpose(-1, -2)

    def forward(self, x: Tensor) -> Tensor:
        u, v = self.halves(x)
        return u * v

    def fixed(self, x: Tensor) -> Callable[[Tensor], Tensor]:
        gate = self.halves(x)[1].detach()
        return lambda moved: moved.chunk(2, dim=-1)[0] * gate


class Attention(nn.Module):
    """As timm writes it: one projection to queries, keys and values, and torch's fused attention."""

    def __init__(self) -> None:
        super().__init__()
        self.qkv, self.proj = nn.Linear(6, 18, bias=False), nn.Linear(6, 6, bias=False)

    def parts(self, x: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        rows, tokens, features = x.shape
        q, k, v = self.qkv(x).reshape(rows, tokens, 3, 2, features // 2).permute(2, 0, 3, 1, 4).unbind(0)
        return q, k, v

    def mixed(self, attended: Tensor) -> Tensor:
        return self.proj(attended.transpose(1, 2).reshape(attended.shape[0], attended.shape[2], 6))

    def forward(self, x: Tensor) -> Tensor:
        rows, tokens, features = x.shape
        q, k, v = self.qkv(x).reshape(rows, tokens, 3, 2, features // 2).permute(2, 0, 3, 1, 4).unbind(0)
        x = F.scaled_dot_product_attention(q, k, v)
        return self.proj(x.transpose(1, 2).reshape(rows, tokens, features))

    def fixed(self, x: Tensor) -> Callable[[Tensor], Tensor]:
        q, k, _ = self.parts(x)
        weights = (q @ k.transpose(-1, -2) / 3**0.5).softmax(-1).detach()
        return lambda moved: self.mixed(weights @ self.parts(moved)[2])


class PlainAttention(Attention):
    """Written out."""

    def forward(self, x: Tensor) -> Tensor:
        rows, tokens, features = x.shape
        q, k, v = self.qkv(x).reshape(rows, tokens, 3, 2, features // 2).permute(2, 0, 3, 1, 4).unbind(0)
        weights = (q * 3**-0.5 @ k.transpose(-2, -1)).softmax(dim=-1)
        return self.proj((weights @ v).transpose(1, 2).reshape(rows, tokens, features))


class TorchAttention(nn.MultiheadAttention):
    def __init__(self) -> None:
        super().__init__(6, 2, bias=False, batch_first=True)

    def fixed(self, x: Tensor) -> Callable[[Tensor], Tensor]:
        _, weights = super().forward(x, x, x, average_attn_weights=False)
        value = self.in_proj_weight.chunk(3)[2]

        def forward(moved: Tensor) -> Tensor:
            heads = F.linear(moved, value).unflatten(-1, (2, 3)).transpose(1, 2)
            return self.out_proj((weights.detach() @ heads).transpose(1, 2).flatten(2))

        return forward


class ScaledSkip(nn.Module):
    """A layer scale beside a skip, and a class token and positions that go nowhere."""

    def __init__(self) -> None:
        super().__init__()
        self.token, self.position = nn.Parameter(torch.randn(1, 1, 6)), nn.Parameter(torch.randn(1, 4, 6))
        self.scale, self.mix = nn.Parameter(torch.rand(6)), nn.Linear(6, 6, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        x = torch.cat([self.token.expand(x.shape[0], -1, -1), x], 1) + self.position
        return (x + self.scale * self.mix(x))[:, 1:]

    def fixed(self, x: Tensor) -> Callable[[Tensor], Tensor]:
        return self.forward


class Depthwise(nn.Sequential):
    """Depthwise and grouped convolutions."""

    def __init__(self) -> None:
        super().__init__(nn.Conv2d(4, 4, 3, 2, 1, groups=4, bias=False), nn.Conv2d(4, 6, 3, groups=2, bias=False))

    def fixed(self, x: Tensor) -> Callable[[Tensor], Tensor]:
        return self.forward


class Pooled(nn.Module):
    """A max-pool beside a skip: the winners of the clean pass are held."""

    def __init__(self) -> None:
        super().__init__()
        self.pool, self.conv = nn.MaxPool2d(3, 1, 1), nn.Conv2d(4, 4, 1, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        return torch.cat([self.conv(x), self.pool(x)], 1) - F.pad(x, (0, 0, 0, 0, 0, 4))

    def fixed(self, x: Tensor) -> Callable[[Tensor], Tensor]:
        return self.forward


LAYERS: dict[str, tuple[Callable[[], nn.Module], tuple[int, ...]]] = {
    "squeeze-excite": (SqueezeExcite, (4, 5, 6)),
    "gated unit": (GatedUnit, (6,)),
    "spatial gate": (SpatialGate, (3, 8)),
    "attention": (Attention, (4, 6)),
    "plain attention": (PlainAttention, (4, 6)),
    "torch's attention": (TorchAttention, (4, 6)),
    "scaled skip": (ScaledSkip, (3, 6)),
    "depthwise": (Depthwise, (4, 8, 9)),
    "pooled": (Pooled, (4, 5, 6)),
}


def made(name: str) -> tuple[nn.Module, tpzoo.TwinLayer, Tensor]:
    build, shape = LAYERS[name]
    with seeded(3, "test"):
        layer = build().double()
        x = torch.randn(5, *shape, dtype=torch.float64)
        with torch.no_grad():
            inside = layer(x, x, x)[0] if isinstance(layer, nn.MultiheadAttention) else layer(x)
        twin = MAKER(layer, shape, tuple(inside.shape[1:]), SYMMETRIC).double()
    return layer, twin, x


@pytest.mark.parametrize("name", LAYERS)
def test_with_transposed_weights_it_is_the_vjp_with_gates_held_fixed(name: str) -> None:
    layer, twin, x = made(name)
    side = twin.hold(x)
    out, pull = torch.func.vjp(layer.fixed(x), x)  # type: ignore[operator]
    u = torch.randn(out.shape, dtype=torch.float64, generator=torch.Generator().manual_seed(1))
    expected = pull(u)[0]
    for name_of, p in twin.named_parameters():
        if name_of.endswith("bias"):
            nn.init.zeros_(p)
    torch.testing.assert_close(twin(u, side), expected, rtol=1e-11, atol=1e-12)
    torch.testing.assert_close(twin.difference(out, u, side), expected, rtol=1e-11, atol=1e-12)


@pytest.mark.parametrize("name", [name for name in LAYERS if name not in ("scaled skip", "depthwise", "pooled")])
def test_it_is_not_the_vjp_where_the_gates_move(name: str) -> None:
    """Or the oracle above would say nothing of gates."""
    layer, twin, x = made(name)

    def forward(moved: Tensor) -> Tensor:
        return layer(moved, moved, moved)[0] if isinstance(layer, nn.MultiheadAttention) else layer(moved)

    out, pull = torch.func.vjp(forward, x)
    u = torch.randn(out.shape, dtype=torch.float64, generator=torch.Generator().manual_seed(1))
    assert float(tpzoo.angle(twin(u, twin.hold(x)), pull(u)[0])) > 0.1


@pytest.mark.parametrize("name", LAYERS)
def test_its_weights_are_its_own_and_have_the_names_of_the_layers(name: str) -> None:
    layer, twin, _ = made(name)
    ours, theirs = {id(p) for p in twin.parameters()}, dict(layer.named_parameters())
    assert not ours & {id(p) for p in theirs.values()}
    for key, value in twin.weights().items():
        torch.testing.assert_close(value, theirs[key])


def trainer(norm_first: bool, indices: str = "clean") -> tuple[tpzoo.Trainer, Tensor, Tensor]:
    with seeded(5, "test"):
        encoder = nn.TransformerEncoderLayer(8, 2, 12, 0.1, batch_first=True, norm_first=norm_first)
        net = nn.Sequential(nn.Linear(6, 8), nn.Tanh(), encoder, nn.Flatten(), nn.Linear(32, 3)).double()
        x, y = torch.randn(32, 4, 6, dtype=torch.float64), torch.arange(32) % 3
    config = {
        "feedback": {"name": "layerwise", "map": "mirror"},
        "learner": {"name": "ldrl", "sigma": 0.01, "samples": 4, "indices": indices},
        "optimizer": {"feedback": {"name": "adam", "lr": 0.003}},
    }
    return tpzoo.Trainer(config, network=net, example=x), x, y


@pytest.mark.parametrize("norm_first", [True, False])
@pytest.mark.parametrize("indices", ["clean", "noisy"])
def test_ldrl_on_attention_falls_and_turns_the_mirror_to_the_true_vjp(norm_first: bool, indices: str) -> None:
    made, x, y = trainer(norm_first, indices)
    made.eval()  # without dropout: one Jacobian to come to
    before, edge = made.measure("jacobian_alignment", x, y), made.edges[0]
    losses = [float(made.feedback_step(x, record=True).losses[0][edge]) for _ in range(400)]  # type: ignore[union-attr]
    after = made.measure("jacobian_alignment", x, y)
    angles = [found[f"{edge}/angle"] for found in (before, after)]
    assert sum(losses[-50:]) < sum(losses[:50])
    assert angles[1] < 0.75 * angles[0]


def test_what_is_held_is_of_the_clean_pass_and_recorded_once_a_batch(monkeypatch: pytest.MonkeyPatch) -> None:
    made, x, y = trainer(True, "noisy")
    seen: list[Tensor] = []
    twin = made.feedback.edges[0].map.twin
    hold = type(twin).hold
    monkeypatch.setattr(type(twin), "hold", lambda self, given: seen.append(given) or hold(self, given))
    made.train()
    made.step(x, y)
    clean = len([given for given in seen if given.shape == (*x.shape[:2], 8)])
    assert clean == len(seen)
    assert len(seen) == 1


@pytest.mark.parametrize(
    ("layer", "shape", "message"),
    [
        (nn.LSTM(4, 4), (3, 4), "no twin for the module type LSTM"),
        (nn.Bilinear(2, 2, 2), (2,), "no twin for the module type Bilinear"),
    ],
)
def test_what_has_no_twin_is_named(layer: nn.Module, shape: tuple[int, ...], message: str) -> None:
    with pytest.raises(tpzoo.UnknownComponentError, match=message):
        MAKER(layer, shape, shape, SYMMETRIC)


class Sorting(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.mix = nn.Linear(4, 4)

    def forward(self, x: Tensor) -> Tensor:
        return torch.cumsum(self.mix(x), 1)


def test_code_without_an_inverse_is_named() -> None:
    with pytest.raises(tpzoo.UnknownComponentError, match="module type Sorting: no twin for code that calls 'cumsum'"):
        MAKER(Sorting(), (4,), (4,), SYMMETRIC)
