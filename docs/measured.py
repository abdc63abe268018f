"""What the docs and the recipes' headers say of measured numbers, from the records in ``docs/data/runs``.

``docs/generate.py`` puts it into place.
"""

from __future__ import annotations

import re
import statistics
import textwrap
from collections.abc import Iterator, Sequence
from fnmatch import fnmatchcase
from pathlib import Path

from tpzoo.report.run_record import BEST, ERROR, RunRecord, read_records

RECORDS = Path(__file__).parent / "data" / "runs"
RECIPES = Path(__file__).parents[1] / "configs"
WIDTH = 118
UNTRAINED = "# Not trained here yet"
BEGINNINGS = ("# reaches ", "# shows an angle to exact Gauss-Newton updates", UNTRAINED)
"""How the measured part of a header begins; it goes to the end of the header."""
ARRAYS = (
    "Measured with all of CIFAR-10 as uint8 arrays x_train, y_train, x_test, y_test in one file, whose images had"
    " been through JPEG once; without the overrides from `data=npz` on, the recipes read the original files."
)
TABLES: dict[str, tuple[str, str]] = {
    "demo|digits-*|mnist-vgg-*|mnist-lenet-*": (
        "L-DRL, backpropagation and the demo on small images",
        "The digits are scikit-learn's, 8 x 8 pixels, 297 to test; of MNIST one epoch.",
    ),
    "mnist-bp|mnist-dtp|mnist-dtpdrl|mnist-ddtp-linear": (
        "MNIST, 5 hidden layers of 256, 5 epochs",
        "55,000 images to train, 5,000 for validation.",
    ),
    "cifar10-narrow-vgg-*": (
        "L-DRL and backpropagation on CIFAR-10: a narrow VGG, 3 epochs",
        f"Channels 16-32-64-64-128, the same forward rate for both. {ARRAYS}",
    ),
    "meulemans2020-mnist-*": (
        "Meulemans et al. 2020 on MNIST: the published presets, 100 epochs",
        "784-5x256-10, float32; a seed is also that of the validation split.",
    ),
    "meulemans2020-cifar10-*": (
        "Meulemans et al. 2020 on CIFAR-10: 3 epochs of the published presets",
        "3072-3x1024-10 and the small CNN, 3 of 100 epochs, the first after 10 epochs of feedback training where the"
        f" preset has them; the last epoch is also the best validation epoch of all. {ARRAYS}",
    ),
}


def tables() -> Iterator[str]:
    """The measured test errors, a table for each group of recipes."""
    records = read_records(RECORDS)
    for patterns, (title, note) in TABLES.items():
        chosen = [record for name, record in records.items() if any(fnmatchcase(name, p) for p in patterns.split("|"))]
        if not chosen:
            continue
        yield f"## {title}\n"
        yield f"```\npython benchmarks/records.py make {' '.join(record.name for record in chosen)}\n```\n"
        yield f"{note} Test errors in per cent: mean, and in brackets the range of the seeds.\n"
        lines = [
            "| recipe | overrides | test error | at best validation | epochs | seeds | measured with |",
            "|---|---|---|---|---|---|---|",
        ]
        yield "\n".join([*lines, *map(row, chosen)]) + "\n"


def row(record: RunRecord) -> str:
    """One line of a table."""
    best = spread(record, BEST) if record.of(BEST) else ""
    threads = f"{record.threads} thread{'s' * (record.threads != 1)}"
    made = f"torch {record.torch}, {threads}, {record.cpu}, commit {record.commit[:8]}"
    cells = [
        f"`{record.config}`", " ".join(f"`{each}`" for each in record.overrides), spread(record, ERROR), best,
        str(record.epochs), ", ".join(record.seeds), made,
    ]  # fmt: skip
    return f"| {' | '.join(cells)} |"


def spread(record: RunRecord, quantity: str) -> str:
    """``1.35 (0.34 to 2.69)``, or the one number that there is."""
    values = record.of(quantity)
    if len(values) == 1:
        return f"{values[0]:.2f}"
    return f"{record.mean(quantity):.2f} ({min(values):.2f} to {max(values):.2f})"


NUMBER = re.compile(r"(<!-- number (\S+) (\S+) (\S+) -->)[^<]*(<!-- / -->)")


def filled(text: str) -> str:
    """Markdown whose ``<!-- number NAME QUANTITY WHAT -->...<!-- / -->`` hold what the records say.

    WHAT is mean, sd, min, max or a seed; test errors have two decimals, all else one. QUANTITY may be
    ``test_accuracy``, which is 100 less the error.
    """
    records = read_records(RECORDS)

    def number(match: re.Match[str]) -> str:
        begin, name, quantity, what, end = match.groups()
        record, own = records[name], ERROR if quantity == "test_accuracy" else quantity
        values = record.of(own)
        if quantity == "test_accuracy":
            values = [100 - value for value in values]
        of = {"mean": statistics.mean, "sd": statistics.stdev, "min": min, "max": max}.get(what)
        value = of(values) if of else values[record.seeds.index(what)]
        digits = 2 if quantity.startswith("test_error") else 1
        return f"{begin}{value:.{digits}f}{end}"

    return NUMBER.sub(number, text)


def headers() -> dict[Path, str]:
    """Every recipe that has a record of test errors, with its header as it should be."""
    return {
        path: with_measured(path.read_text("utf-8"), record)
        for record in read_records(RECORDS).values()
        if is_as_shipped(record) and (path := RECIPES / f"{record.config}.yaml").exists() and measured_lines(path)
    }


def is_as_shipped(record: RunRecord) -> bool:
    """Whether it is what a recipe's header says: it has test errors, and no name of its own."""
    return bool(record.of(ERROR)) and not any(each.startswith("name=") for each in record.overrides)


def measured_lines(path: Path) -> list[str]:
    """The lines of a header that say what the recipe reaches; empty if it says something else, as an angle."""
    lines = path.read_text("utf-8").splitlines()
    header = lines[: next(number for number, line in enumerate(lines) if not line.startswith("#"))]
    starts = [number for number, line in enumerate(header) if line.startswith(BEGINNINGS)]
    return header[starts[0] :] if starts else []


def with_measured(text: str, record: RunRecord) -> str:
    """The text of a recipe whose header says what its record says, to the end of the header."""
    lines = text.splitlines(keepends=True)
    start = next(number for number, line in enumerate(lines) if line.startswith(BEGINNINGS))
    end = next(number for number, line in enumerate(lines) if not line.startswith("#"))
    return "".join([*lines[:start], *(f"{line}\n" for line in sentence(record)), *lines[end:]])


def sentence(record: RunRecord) -> list[str]:
    """What a header says of a record, as lines of a comment; with the command, where it takes overrides."""
    if record.config.startswith("meulemans2020/alignment/"):
        return [f"# {line}" for line in textwrap.wrap(angles(record), WIDTH - 2, break_on_hyphens=False)]
    several = len(record.seeds) > 1
    whose = f"mean and range of the seeds {listed(record.seeds)}" if several else f"seed {record.seeds[0]} alone"
    best = f"; at the best validation epoch {figure(record, BEST)}" if record.of(BEST) else ""
    epochs = f"{record.epochs} epoch{'s' * (record.epochs != 1)}"
    said = f"reaches test error {figure(record, ERROR)} after {epochs}{best} ({whose})"
    lines = textwrap.wrap(f"{said}{', with' if record.overrides else '.'}", WIDTH - 2, break_on_hyphens=False)
    command = textwrap.wrap(record.command, WIDTH - 6, break_on_hyphens=False, break_long_words=False)
    more = [f"  {line}{' ' + chr(92) if line != command[-1] else ''}" for line in command] if record.overrides else []
    return [f"# {line}" for line in [*lines, *more]]


def angles(record: RunRecord) -> str:
    """What an alignment recipe shows: its angles to Gauss-Newton updates by block."""
    found = [(name, record.mean(name)) for name in record.values if re.fullmatch(r"gnt_angle/\w+", name)]
    degrees = [f"{value:.1f}" for _, value in found]
    blocks = [name.partition("/")[2] for name, _ in found]
    return (
        f"shows an angle to exact Gauss-Newton updates (gnt_angle) of {', '.join(degrees[:-1])} and {degrees[-1]}"
        f" degrees in {blocks[0]} to {blocks[-1]}, mean of the last epoch (seed {', '.join(record.seeds)} alone)."
    )


def figure(record: RunRecord, quantity: str) -> str:
    """``1.35 % (0.34 to 2.69)``."""
    return re.sub(r"^(\S+)", r"\1 %", spread(record, quantity))


def listed(seeds: Sequence[str]) -> str:
    """``0 to 4`` or ``0, 1, 2``."""
    numbers = [int(seed) for seed in seeds]
    runs_on = len(numbers) > 3 and numbers == list(range(numbers[0], numbers[-1] + 1))
    return f"{numbers[0]} to {numbers[-1]}" if runs_on else ", ".join(seeds)
