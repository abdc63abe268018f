"""How large a matrix between two nodes would be, said before it is made."""

from __future__ import annotations

import math

from tpzoo import Ends
from tpzoo.errors import SettingError


def matrix_shape(ends: Ends, max_weights: int) -> tuple[int, int]:
    """(source features, target features) of the matrix that maps one end, flattened, to the other.

    Raises:
        SettingError: it would hold more than ``max_weights`` weights. The message names the edge and its size.
    """
    n_source, n_target = math.prod(ends.source_shape), math.prod(ends.target_shape)
    refuse_above(max_weights, n_source * n_target, ends)
    return n_source, n_target


def refuse_above(max_weights: int, weights: int, ends: Ends) -> None:
    """Refuse a matrix of more than ``max_weights`` weights on the edge between ``ends``.

    Raises:
        SettingError: it is larger. The message names the edge and its size.
    """
    if weights > max_weights:
        what = (
            f"feedback edge '{ends.name}' from '{ends.source}' {ends.source_shape} to '{ends.target}'"
            f" {ends.target_shape} would hold {weights:,} weights ({weights * 4 / 1e6:,.0f} MB in float32),"
            f" more than the {max_weights:,} of max_weights"
        )
        others = "feedback.map=low_rank, feedback=tied, or feedback=layerwise feedback.map=mirror"
        hint = f"use {others}, or raise feedback.map.max_weights"
        raise SettingError(what, hint)
