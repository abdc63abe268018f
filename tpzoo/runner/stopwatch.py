"""How long training alone takes, without evaluation, probes, logs and checkpoints."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager

import torch


class Stopwatch:
    """Adds up the time that it runs; on a GPU it waits for the work that was given to it before it stops.

    Attributes:
        seconds: so far, without the stretch that is under way.
    """

    def __init__(self, device: torch.device) -> None:
        self.seconds = 0.0
        self._device = device
        self._since: float | None = None

    def start(self) -> None:
        """Go on."""
        self._since = time.perf_counter()

    def stop(self) -> None:
        """Stop, if it runs."""
        if self._since is None:
            return
        if self._device.type == "cuda":
            torch.cuda.synchronize(self._device)
        self.seconds += time.perf_counter() - self._since
        self._since = None

    @contextmanager
    def paused(self) -> Iterator[None]:
        """What is done in this block is not counted."""
        self.stop()
        try:
            yield
        finally:
            self.start()
