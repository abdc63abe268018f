"""Run folders made by hand, whose figures a test can work out on paper."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import yaml

HEADER = "event,epoch,step,name,value,seconds\n"


def write_run(
    folder: Path,
    *,
    name: str = "demo",
    seed: int = 0,
    epochs: Sequence[Mapping[str, float]] = ({"train_loss": 1.0, "test_accuracy": 0.5},),
    seconds: Sequence[float] = (),
    probes: Mapping[str, Mapping[int, float]] | None = None,
    blocks: Sequence[str] | None = None,
    status: str | None = "done",
    config: Mapping[str, Any] | None = None,
    passes: Sequence[float] | None = None,
) -> Path:
    """Write a run of ten steps an epoch.

    Args:
        epochs: the figures after each epoch.
        seconds: since the start, after each epoch; default 1, 2, 3, ...
        passes: what the training pass of each epoch took.
        probes: values by step, by full name.
        blocks: what ``environment.json`` lists; None: as folders of earlier versions, which list none.
        config: keys beside name, seed and data.
    """
    folder.mkdir(parents=True)
    content = {"name": name, "seed": seed, "epochs": len(epochs), "data": {"name": "digits", "split_seed": seed}}
    (folder / "config.yaml").write_text(yaml.safe_dump({**content, **(config or {})}))
    (folder / "environment.json").write_text(json.dumps({} if blocks is None else {"blocks": list(blocks)}))
    if status is not None:
        (folder / "status.json").write_text(json.dumps({"status": status}))
    rows = [
        f"probe,1,{step},{full},{value!r},0.5\n"
        for full, values in (probes or {}).items()
        for step, value in values.items()
    ]
    for number, figures in enumerate(epochs, start=1):
        at = seconds[number - 1] if seconds else float(number)
        rows += [f"epoch,{number},{10 * number},{key},{value!r},{at:.3f}\n" for key, value in figures.items()]
        if passes:
            rows.append(f"time,{number},{10 * number},train_pass_seconds,{passes[number - 1]!r},{at:.3f}\n")
    (folder / "metrics.csv").write_text(HEADER + "".join(rows))
    return folder


def epochs(**figures: Sequence[float]) -> list[dict[str, float]]:
    """The figures after each epoch, from one sequence for each figure."""
    return [dict(zip(figures, values, strict=True)) for values in zip(*figures.values(), strict=True)]
