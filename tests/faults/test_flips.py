"""Single flipped bytes anywhere in a run's folder: see tests/faults/flips.py, which makes many more."""

from __future__ import annotations

from tests.faults.flips import flips


def test_no_flipped_byte_is_wrong_without_a_word() -> None:
    for kind, found in flips(20, 0, 22).items():
        assert not found.wrong, f"{kind}: {found.wrong}"
        assert found.unchanged + found.named == 60
        assert found.named > 10
