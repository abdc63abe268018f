"""Names that several settings choose from, each list once; what they stand for is in the engine, which needs torch."""

from __future__ import annotations

ACTIVATION_NAMES = ("linear", "tanh", "sigmoid", "elu", "relu", "leaky_relu", "hard_sigmoid", "gelu")
INITIALISATION_NAMES = ("torch", "xavier_normal", "xavier_uniform", "orthogonal")
"""``torch`` keeps the values of the layer's constructor."""
