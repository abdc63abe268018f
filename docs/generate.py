"""Write what can be derived: the references, the results, the code in the tutorial, and what recipes' headers say.

    python docs/generate.py            # write
    python docs/generate.py --check    # say what is not current, and end with 1

A Markdown file may hold ``<!-- include PATH -->`` or ``<!-- include PATH: NAME NAME -->`` in front of a code block: the
block then holds that file, or those top-level definitions of it. ``<!-- number NAME QUANTITY WHAT -->...<!-- / -->``
holds a measured number, see ``docs/measured.py``.
"""

from __future__ import annotations

import ast
import csv
import inspect
import json
import re
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from textwrap import dedent

import click

sys.path.insert(0, str(Path(__file__).parent))
from measured import filled, headers, tables
from model_table import models
from python_reference import python

from tpzoo.cli import VERBS, main
from tpzoo.config import Experiment, SettingRow, settings_table
from tpzoo.plugin import hookspecs
from tpzoo.plugin.catalogue import Catalogue
from tpzoo.plugin.discovery import load_catalogue
from tpzoo.plugin.explanation import WHEN_MEASURED, explanation
from tpzoo.plugin.records import KINDS, Record

DOCS = Path(__file__).parent
ROOT = DOCS.parent
MADE = "<!-- Made by docs/generate.py: change the code instead. -->"
FIGURES = {
    "step_cost": (
        "Cost of a training step",
        "python benchmarks/step_cost.py --csv docs/data/step_cost.csv configs/mnist/{bp,dtp,ddtp_linear,dtpdrl}.yaml",
        "Batch 128, 784-5x256-10, fused Adam throughout. The multiply-accumulates say what is algorithm; what the first"
        " ratio has above theirs is overhead.",
    ),
    "ernoult2022_phases": (
        "Cost of a training step of L-DRL: SimpleVGG, published iterations",
        "python benchmarks/phases.py --csv docs/data/ernoult2022_phases.csv configs/ernoult2022/cifar10_vgg_ldrl.yaml",
        "Batch 128. A backpropagation step of the same network, the forward phase and the feedback phase of one batch,"
        " in turn in one run; medians.",
    ),
    "meulemans2020_cost": (
        "Meulemans et al. 2020: cost of a training step",
        "python benchmarks/step_cost.py --csv docs/data/meulemans2020_cost.csv configs/meulemans2020/mnist/"
        "{bp,dfa,dtp,dtpdrl,ddtp_linear,ddtp_control,ddtp_rhl,gnt}.yaml",
        "Batch 128, 784-5x256-10, fused Adam throughout. Least possible counts, by hand: dfa 0.79, dtp 1.89, dtpdrl"
        " 2.78, ddtp_linear and ddtp_control 1.37, ddtp_rhl 5.78, gnt 3.1. The aim is a time of at most 1.4 counts. It"
        " depends on how fast the machine multiplies matrices at the time: what counts do not see takes as long in a"
        " fast phase as in a slow one. That is the noise (torch draws 164,000 normal numbers in 0.55 ms, on one thread)"
        " and, in dtp and dtpdrl, three tanh for every difference.",
    ),
    "meulemans2020_seconds": (
        "Meulemans et al. 2020 on MNIST: seconds per epoch",
        "python benchmarks/train_recipes.py --threads 1 --csv docs/data/meulemans2020_seconds.csv"
        " configs/meulemans2020/mnist/{bp,dtp,ddtp_linear,dfa,dtp_pretrained,dtpdrl,ddtp_rhl,ddtp_control}.yaml"
        " epochs=2 feedback_training.pretrain_epochs=0",
        "Mean of two epochs on a quiet machine: training passes and extra feedback epochs of the preset, without"
        " evaluation and pre-training. Errors are those after 2 epochs.",
    ),
    "meulemans2020_jacobians": (
        "Exact Gauss-Newton targets: cost of the Jacobians",
        "python benchmarks/jacobians.py --csv docs/data/meulemans2020_jacobians.csv",
        "Batch 128, 784-5x256-10: the Jacobians of the output for all layers, and Gauss-Newton targets from them,"
        " beside a step of backpropagation with fused Adam.",
    ),
    "ldrl_indices": (
        "Where L-DRL's maps come to rest: pool indices of the noisy pass, as published, and of the clean one",
        "python benchmarks/ldrl_indices.py --csv docs/data/ldrl_indices.csv",
        "The digits, forward weights at their initial values, 40 epochs of feedback training whose rates fall to zero;"
        " seed 0. Angle between a map's Jacobian and the transposed one of what it inverts, in degrees, and ratio of"
        " their norms, over the test images; both exact. An edge has the name of the block that it reaches: edge conv1"
        " inverts conv2. Maps of blocks without a pool (the last two edges of the LeNets, the last one of the VGG)"
        " do not differ. With sigma 0.03 clean indices are near the transposed Jacobian and noisy ones are not; with"
        " the recipes' sigma 0.3 neither is.",
    ),
    "resnet_alignment": (
        "A residual network on digits: which activation aligns?",
        "python benchmarks/resnet_alignment.py --csv docs/data/resnet_alignment.csv",
        "Width 16, group norm, 10 epochs, 5 feedback iterations; angles in degrees, means over the last epoch. ReLU"
        " twins do not meet the Jacobian matching condition: where a unit is dead, the twin's ReLU lets positive"
        " displacements pass that backpropagation blocks.",
    ),
}
INCLUDE = re.compile(r"(<!-- include ([^:\s]+)(?:: ([\w ]+))? -->\n)```(\w*)\n(?:(?!```)[^\n]*\n)*```")


def hooks() -> Iterator[str]:
    """Every hook: what it yields, how that is built, and a complete example."""
    yield "# Hooks\n"
    yield MADE + "\n"
    yield _markdown(inspect.getdoc(hookspecs)) + "\n"
    yield "Every record has these fields, given by name; `name`, `summary` and `build` are required.\n"
    yield "\n".join(f"- {field}" for field in _attributes(Record)) + "\n"
    for name, record in hookspecs.HOOKS.items():
        summary, _, example = (inspect.getdoc(getattr(hookspecs, name)) or "").partition("::\n")
        yield f"## `{name}`\n"
        yield f"{summary.strip()}\n"
        yield f"Record `{record.__name__}`: {_markdown(inspect.getdoc(record)).replace(chr(10), ' ')}\n"
        yield f"```python\n{dedent(example).strip()}\n```\n"


def _attributes(record: type) -> list[str]:
    """The lines of the ``Attributes`` section of a docstring, as Markdown."""
    _, _, section = (inspect.getdoc(record) or "").partition("Attributes:\n")
    lines = [line for line in _markdown(dedent(section)).splitlines() if line.strip()]
    return [re.sub(r"^(\w+):", r"`\1`:", line) for line in lines]


def _markdown(docstring: str | None) -> str:
    """A docstring with single backquotes, and a blank line as one."""
    return re.sub(r"\n{2,}", "\n\n", docstring or "").replace("``", "`")


def config() -> Iterator[str]:
    """Every key of a config, and the settings of every built-in component."""
    found = load_catalogue()
    zoo = Catalogue(plugin for plugin in found.plugins if plugin.distribution == "tpzoo")
    yield "# Configs\n"
    yield MADE + "\n"
    yield (
        "A config is a YAML file. Layers, weakest first: the defaults below, the files that `extends:` names (one or a"
        " list, such as a data set and a method), the file, overrides `key=value` of the command line. `AXIS=NAME`"
        " selects a component; `tpzoo show config CONFIG --origins` says where each value comes from.\n"
    )
    yield from _table(settings_table(Experiment))
    for kind in KINDS:
        entries = [entry.record for entry in zoo.entries(kind) if kind not in ("recipe", "twin")]
        if entries:
            yield f"## {kind}\n"
        for record in entries:
            yield f"### {kind} `{record.name}`\n"
            yield f"{record.describe()}\n"
            yield from _table(settings_table(record))


def probes() -> Iterator[str]:
    """Every built-in probe: its formula, what it is averaged over, and its settings."""
    yield "# Probes\n"
    yield MADE + "\n"
    yield (
        "What each built-in probe measures, as `tpzoo show probe NAME` prints it. All are chosen by"
        " `probes.NAME.every=N` in a config, or on a checkpoint by `tpzoo evaluate RUN --probe NAME`; none changes"
        " a number of a run. Angles are in degrees.\n"
    )
    yield f"{WHEN_MEASURED}\n"
    found = load_catalogue()
    for entry in found.entries("probe"):
        if entry.distribution == "tpzoo":
            yield f"## `{entry.record.name}`\n"
            yield f"{entry.record.describe()}\n"
            text = explanation(entry.record).removesuffix(WHEN_MEASURED).strip()
            yield f"```text\n{text}\n```\n"
            yield from _table(settings_table(entry.record))


def _table(rows: Sequence[SettingRow]) -> Iterator[str]:
    if not rows:
        return
    lines = ["| key | type | default | limits | what it is |", "|---|---|---|---|---|"]
    for row in rows:
        cells = (f"`{row.name}`", row.type, f"`{json.dumps(row.default)}`", row.limits, row.help)
        lines.append("| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |")
    yield "\n".join(lines) + "\n"


def command_line() -> Iterator[str]:
    """Every verb's own help."""
    yield "# Command line\n"
    yield MADE + "\n"
    yield (
        "Exit codes: 0 done, 1 the run failed or a plugin does not conform, 2 the user's mistake. A mistake gets one"
        " message that says what would work, and no traceback.\n"
    )
    settings = {"terminal_width": 100, **main.context_settings}  # as a user's own call has them
    top = click.Context(main, info_name="tpzoo", **settings)
    yield f"```\n{main.get_help(top)}\n```\n"
    for verb in VERBS:
        command = main.get_command(top, verb)
        assert command is not None
        context = click.Context(command, info_name=verb, parent=top, terminal_width=100)
        yield f"## tpzoo {verb}\n"
        yield f"```\n{command.get_help(context)}\n```\n"


def figures() -> Iterator[str]:
    """Every table of ``docs/data``, under the command that measures it again."""
    yield "# Results\n"
    yield MADE + "\n"
    yield (
        "Tables of test errors are made from `docs/data/runs`, a file for each recipe with every seed's numbers and"
        " what computed them; the others are files of `docs/data`. The command below a title measures it again, on"
        " your machine. `python benchmarks/records.py stale` says which no longer belong to what is here.\n"
    )
    yield from tables()
    for path in sorted((DOCS / "data").glob("*.csv")):
        title, command, note = FIGURES[path.stem]
        rows = list(csv.reader(path.open(encoding="utf-8", newline="")))
        yield f"## {title}\n"
        yield f"```\n{command}\n```\n"
        yield f"{note}\n"
        lines = [rows[0], ["---"] * len(rows[0]), *rows[1:]]
        yield "\n".join("| " + " | ".join(line) + " |" for line in lines) + "\n"


def included(text: str) -> str:
    """Markdown with every included block as its source is now."""
    return INCLUDE.sub(_block, text)


def _block(match: re.Match[str]) -> str:
    marker, path, names, language = match.groups()
    source = (ROOT / path).read_text("utf-8")
    wanted = "\n\n\n".join(definition(source, name) for name in names.split()) if names else source.strip()
    return f"{marker}```{language}\n{wanted}\n```"


def definition(source: str, name: str) -> str:
    """The text of a top-level definition, decorators included."""
    for node in ast.parse(source).body:
        if isinstance(node, ast.ClassDef | ast.FunctionDef) and node.name == name:
            first = min([node.lineno, *(decorator.lineno for decorator in node.decorator_list)])
            return "\n".join(source.splitlines()[first - 1 : node.end_lineno])
    raise KeyError(name)


def pages() -> dict[Path, str]:
    """Every file that is made, and what it should hold."""
    made = {"hooks": hooks, "config": config, "cli": command_line, "probes": probes, "python": python}
    found = {DOCS / "results.md": "\n".join(figures()), DOCS / "models.md": "\n".join(models())}
    found |= {DOCS / f"reference-{name}.md": "\n".join(make()) for name, make in made.items()}
    found |= headers()
    for path in [ROOT / "README.md", *sorted(DOCS.rglob("*.md"))]:
        text = path.read_text("utf-8")
        if path not in found and ("<!-- include " in text or "<!-- number " in text):
            found[path] = filled(included(text))
    return found


def run(check: bool) -> int:
    """Write or compare; the exit code."""
    stale = {path: text for path, text in pages().items() if not path.exists() or path.read_text("utf-8") != text}
    for path, text in stale.items():
        if not check:
            path.write_text(text, "utf-8")
        print(f"{'not current' if check else 'wrote'}: {path.relative_to(ROOT)}")
    return int(check and bool(stale))


if __name__ == "__main__":
    sys.exit(run("--check" in sys.argv[1:]))
