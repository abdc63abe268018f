"""What the entries promise, beyond what the kit asks of everybody."""

import math

import torch
from tpzoo_example.plugin import FunnelSettings, RingsSettings
from tpzoo_example.rings import build

from tpzoo import DataSpec, Network
from tpzoo.config import load
from tpzoo.plugin.discovery import load_catalogue


def test_every_ring_has_its_own_radius() -> None:
    data = build(RingsSettings(classes=4, noise=0.0))
    radius = data.train.x.norm(dim=1)
    assert torch.allclose(radius, (data.train.y + 1) / 4)
    assert (len(data.train), len(data.test)) == (1200, 300)


def test_the_funnel_gets_narrower() -> None:
    record = load_catalogue(["tpzoo_example.plugin"]).find("architecture", "funnel").record
    network: Network = record.builder()(FunnelSettings(width=40, depth=3), DataSpec((1, 4, 4), 10, "classification"))
    assert [shape[0] for name, shape in network.shapes.items() if name != "input"] == [40, 20, 10, 10]


def test_a_clipped_displacement_is_as_long_as_the_limit_allows() -> None:
    from tpzoo_example.clipped import Clipped

    from tpzoo.runner.build import build as build_all

    loaded = load(None, ["rule=clipped", "rule.limit=1e-3", "data=rings"], plugins=["tpzoo_example.plugin"])
    engine = build_all(loaded.experiment, loaded.catalogue).engine
    rule = engine.rule
    assert isinstance(rule, Clipped)
    trace = engine.network.trace(torch.randn(5, 2))
    for node, made in trace.passes.items():
        long, short = 10 * made.out, 1e-4 * made.out
        clipped = rule._clip(long, node, trace)
        assert torch.allclose(clipped, 1e-3 * made.out, rtol=1e-5)  # same direction, |d| / |h| = limit
        assert torch.allclose(rule._clip(short, node, trace), short)
        assert math.isfinite(float(rule._clip(torch.zeros_like(short), node, trace).sum()))
