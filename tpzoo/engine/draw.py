"""Random numbers: named streams that the runner owns, and what a plugin gets instead of a generator."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import torch
from torch import Generator, Tensor


@dataclass(frozen=True)
class Share:
    """Which rows of the whole batch this process holds: rows ``start`` to ``stop`` of ``total``."""

    start: int
    stop: int
    total: int


class Draw:
    """Random tensors for a plugin, from one stream.

    A draw has one row for each sample of the batch, unless it says ``rows=False``: one that has the shape of a weight,
    say. Where several processes share a batch, rows are drawn for the whole batch and cut, and all else is drawn alike
    in every process, so that any number of processes compute the same.
    """

    def __init__(self, generator: Generator, share: Share | None = None) -> None:
        self._generator = generator
        self._share = share

    def normal(self, like: Tensor, std: float = 1.0, *, rows: bool = True) -> Tensor:
        """Gaussian noise of mean 0 and the given standard deviation, with the shape, dtype and device of ``like``."""
        return self._cut(
            rows,
            like.shape,
            lambda shape: torch.empty(shape, dtype=like.dtype, device=like.device).normal_(
                0.0, std, generator=self._generator
            ),
        )

    def uniform(
        self, shape: Sequence[int], device: torch.device, dtype: torch.dtype = torch.float32, *, rows: bool = True
    ) -> Tensor:
        """Uniform numbers in [0, 1)."""
        generator = self._generator
        return self._cut(rows, shape, lambda full: torch.rand(full, generator=generator, dtype=dtype, device=device))

    def integers(self, low: int, high: int, shape: Sequence[int], device: torch.device, *, rows: bool = True) -> Tensor:
        """Uniform integers in [low, high)."""
        generator = self._generator
        return self._cut(rows, shape, lambda full: torch.randint(low, high, full, generator=generator, device=device))

    def bernoulli(self, probability: float, shape: Sequence[int], device: torch.device, *, rows: bool = True) -> Tensor:
        """True with the given probability."""
        return self.uniform(shape, device, rows=rows) < probability

    def _cut(self, rows: bool, shape: Sequence[int], make: Callable[[tuple[int, ...]], Tensor]) -> Tensor:
        share = self._share
        if share is None or not rows:
            return make(tuple(shape))
        if not shape or shape[0] != share.stop - share.start:
            held = share.stop - share.start
            raise ValueError(
                f"a draw of shape {tuple(shape)} has not the {held} rows that this process holds of the batch: say"
                " rows=False for what is not drawn sample by sample"
            )
        return make((share.total, *shape[1:]))[share.start : share.stop]


class FilledDraw(Draw):
    """Gives out tensors that were drawn beforehand, in order: for seed batches and captured graphs."""

    def __init__(self, tensors: Sequence[Tensor]) -> None:
        self._tensors: Iterator[Tensor] = iter(tensors)

    def _cut(self, rows: bool, shape: Sequence[int], make: Callable[[tuple[int, ...]], Tensor]) -> Tensor:
        try:
            return next(self._tensors)
        except StopIteration:
            raise LookupError("more random tensors were asked for than had been drawn") from None


class Streams:
    """Independent generators by name, each seeded from ``seed`` and its name, so that their order of use is free.

    Attributes:
        batches: how many batches were trained on; each has a seed of its own, for modules that draw by themselves.
    """

    def __init__(self, seed: int, device: torch.device | str = "cpu") -> None:
        self.seed = seed
        self.batches = 0
        self.device = torch.device(device)
        self._generators: dict[str, Generator] = {}

    def generator(self, name: str) -> Generator:
        """The generator of that name, made at first use."""
        if name not in self._generators:
            self._generators[name] = Generator(self.device).manual_seed(stream_seed(self.seed, name))
        return self._generators[name]

    def draw(self, name: str, share: Share | None = None) -> Draw:
        """A :class:`Draw` on the stream of that name."""
        return Draw(self.generator(name), share)

    def generators(self) -> list[Generator]:
        """Every generator made so far, for a CUDA graph to register."""
        return list(self._generators.values())

    def next_batch(self) -> int:
        """The seed of the next batch."""
        self.batches += 1
        return stream_seed(self.seed, f"batch/{self.batches}")

    def state_dict(self) -> dict[str, Any]:
        """The state of every generator made so far, and how many batches there were."""
        states = {name: generator.get_state() for name, generator in self._generators.items()}
        return {"generators": states, "batches": self.batches}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Put every generator back to a saved state."""
        self.batches = int(state["batches"])
        for name, value in state["generators"].items():
            self.generator(name).set_state(value.cpu())

    def rewind(self, state: Mapping[str, Any]) -> None:
        """Put every generator back to a saved state, and forget those that were made since."""
        self._generators = {name: each for name, each in self._generators.items() if name in state["generators"]}
        self.load_state_dict(state)


def global_generators(device: torch.device) -> list[Generator]:
    """Torch's global generators that a module on ``device`` may draw from: the CPU's, and the device's own."""
    found = [torch.default_generator]
    if device.type == "cuda":
        index = torch.cuda.current_device() if device.index is None else device.index
        found.append(torch.cuda.default_generators[index])
    return found


@contextmanager
def under_seed(seed: int, device: torch.device) -> Iterator[None]:
    """Let modules draw from a seed of their own; the global generators are put back."""
    generators = global_generators(device)
    before = [each.get_state() for each in generators]
    try:
        for each in generators:
            each.manual_seed(seed)
        yield
    finally:
        for each, state in zip(generators, before, strict=True):
            each.set_state(state)


def global_states(device: torch.device) -> list[Tensor]:
    """The states of torch's global generators, to compare with :func:`have_drawn`."""
    return [each.get_state() for each in global_generators(device)]


def have_drawn(before: list[Tensor], device: torch.device) -> bool:
    """Whether somebody has drawn from torch's global generators since ``before``."""
    return any(not torch.equal(one, other) for one, other in zip(before, global_states(device), strict=True))


def stream_seed(seed: int, name: str) -> int:
    """A 63-bit seed for the stream ``name`` of a run seeded with ``seed``."""
    digest = hashlib.blake2b(f"{seed}/{name}".encode(), digest_size=8).digest()
    return int.from_bytes(digest, "big") >> 1
