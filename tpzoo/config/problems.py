"""What is wrong with a config: every problem, where it is, and what would work."""

from __future__ import annotations

from dataclasses import dataclass

from tpzoo.errors import ConfigError

COMMAND_LINE = "command line"


@dataclass(frozen=True)
class Where:
    """The origin of a value.

    Attributes:
        source: ``configs/base.yaml:7``, ``command line`` or ``default``.
        override: on the command line, the whole override.
    """

    source: str
    override: str = ""

    def __str__(self) -> str:
        return f"{self.source}: {self.override}" if self.override else self.source


DEFAULT = Where("default")


@dataclass(frozen=True)
class Problem:
    """One thing that is wrong."""

    where: Where
    path: str
    message: str

    @property
    def text(self) -> str:
        """The problem without its place: what it is about, and the message."""
        subject = self.where.override or self.path
        text = f"{subject}: {self.message}" if subject else self.message
        # A config can hold any character, also those that steer a terminal.
        return "".join(letter if letter.isprintable() else ascii(letter)[1:-1] for letter in text)


class Problems:
    """Collects problems, so that a user sees all of them at once."""

    def __init__(self) -> None:
        self.found: list[Problem] = []
        self.files: list[str] = []  # weakest first

    def add(self, where: Where, path: str, message: str) -> None:
        """Note a problem; one that is noted already is not repeated."""
        problem = Problem(where, path, message)
        if problem not in self.found:
            self.found.append(problem)

    def raise_any(self) -> None:
        """Raise what was found.

        Raises:
            ConfigError: one line for each problem, and a last line with their number.
        """
        if self.found:
            raise ConfigError(self.text())

    def text(self) -> str:
        """All problems, their places aligned: from the weakest layer to the strongest, in each as it is written."""
        ordered = sorted(self.found, key=self._place)
        width = max((len(problem.where.source) for problem in self.found), default=0)
        lines = [f"{problem.where.source:<{width}}   {problem.text}" for problem in ordered]
        count = "1 problem" if len(lines) == 1 else f"{len(lines)} problems"
        return "\n".join([*lines, f"{count}; nothing was run."])

    def _place(self, problem: Problem) -> tuple[int, int]:
        """The layer and the line; what is of no file comes first, and the command line last, in its own order."""
        file, _, line = problem.where.source.rpartition(":")
        if problem.where.source == COMMAND_LINE:
            return len(self.files), 0
        return (self.files.index(file), int(line)) if file in self.files else (-1, 0)
