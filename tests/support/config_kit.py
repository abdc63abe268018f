"""Types of the fixtures of the config's tests, and a config that uses every feature."""

from __future__ import annotations

from collections.abc import Callable

from tpzoo.config import LoadedConfig

Load = Callable[..., LoadedConfig]
Problems = Callable[..., list[str]]

RICH = """
seed: 3
precision: float64
data: {name: mnist, size: 14, root: /data}
architecture: {name: cnn, layers: [{channels: 4, pool: max}], options: {text: "1e-3", word: "on", number: 1e-3}}
output: {step_size: 1e-7}
rule: {name: dtp, label: "null", high: .inf}
optimizer:
  forward: {name: sgd, lr: {"*": 3.3e-4, fc1: 1}, train: [fc1, "08"], schedule: {name: cosine, eta_min: 1e-9}}
loss: "no"
probes: {early: {name: bp_angle, every: 1}, norms: {}}
loggers: {csv: null}
"""
