"""Fixed feedback weights (Shibuya et al. 2023; and direct feedback alignment, on a direct path)."""

from __future__ import annotations

from typing import final

from tpzoo import Learner


@final
class Frozen(Learner):
    """Never trains."""
