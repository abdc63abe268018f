"""A user's script and plugin pass ``mypy --strict`` with no option, on the wheel; what is called returns no Any."""

from __future__ import annotations

import shutil
import subprocess
import sys
import sysconfig
import venv
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]

SCRIPT = '''
"""A script that a user could have."""

from pathlib import Path
from typing import assert_type

import torch
from torch import Tensor, nn

import tpzoo

x, y = torch.rand(8, 6), torch.arange(8) % 3
net = nn.Sequential(nn.Linear(6, 5), nn.Tanh(), nn.Linear(5, 3))
network = tpzoo.split(net, x)
assert_type(network, tpzoo.Network)
assert_type(network(x), Tensor)
assert_type(network.trace(x).output, Tensor)
trainer = tpzoo.Trainer("mnist/dtp", network=network, example=(x, y), settings={"learner.sigma": 0.1}, rule="dtp")
assert_type(trainer(x), Tensor)
out = trainer.step(x, y, record=True)
assert_type(out.loss, Tensor)
assert_type(trainer.displacements(x, y), dict[str, Tensor])
assert_type(trainer.gradients(x, y).forward, dict[str, Tensor])
assert_type(trainer.measure("bp_angle", x, y), dict[str, float])
assert_type(trainer.step(x, y, noise=trainer.draw_noise(x)).output, Tensor)
run = tpzoo.train("mnist/dtp", "epochs=1", epochs=2, run_dir=Path("runs/one"))
assert_type(run, tpzoo.Run)
assert_type(tpzoo.open_run("runs/one").summary.test_accuracy, float | None)
assert_type(run.predict(x).output, Tensor)
assert_type(run.network("last"), nn.Module)
assert_type(len(tpzoo.runs("runs")), int)
assert_type(tpzoo.load("mnist/dtp").hash, str)
print(run.metrics()["test_loss"].mean(), run.evaluate().score.loss, run.export("out"))
'''

PLUGIN = '''
"""A plugin that a user could have."""

from collections.abc import Iterator
from dataclasses import dataclass

from torch import Tensor, nn

import tpzoo


@dataclass(frozen=True)
class Settings(tpzoo.RuleSettings):
    """Settings of ``half``."""

    share: float = tpzoo.setting(0.5, minimum=0, help="of every displacement")


class Half(tpzoo.DisplacementRule):
    """A share of what the feedback sends."""

    def displacements(
        self, trace: tpzoo.Trace, feedback: tpzoo.Feedback, batch: tpzoo.Batch, draw: tpzoo.Draw
    ) -> dict[str, Tensor]:
        found = feedback.displacements(trace, batch.output_displacement(trace.output), batch.y)
        return {node: d / 2 for node, d in found.items()}


class Norm(tpzoo.Probe):
    """The norm of every update."""

    def __init__(self, settings: tpzoo.ProbeSettings) -> None:
        self.every = settings.every

    def measure(self, snapshot: tpzoo.Snapshot) -> dict[str, Tensor]:
        return {name: gradient.norm() for name, gradient in snapshot.gradients.items()}


def small(spec: tpzoo.DataSpec) -> nn.Module:
    """A small network."""
    return nn.Sequential(nn.Flatten(), nn.LazyLinear(8), nn.Tanh(), nn.Linear(8, spec.output_size))


@tpzoo.hookimpl
def tpzoo_target_rules() -> Iterator[tpzoo.TargetRule]:
    """Yield ``half``."""
    yield tpzoo.TargetRule(name="half", summary="half", config=Settings, build=Half)


@tpzoo.hookimpl
def tpzoo_probes() -> Iterator[tpzoo.MetricProbe]:
    """Yield ``norm``."""
    yield tpzoo.MetricProbe(name="norm", summary="norms", config=tpzoo.ProbeSettings, build=Norm)


@tpzoo.hookimpl
def tpzoo_architectures() -> Iterator[tpzoo.Architecture]:
    """Yield ``small``."""
    yield tpzoo.module_architecture("small", small)
'''


def installed(folder: Path) -> Path:
    """The Python of an environment with tpzoo's wheel, and with all else that is installed here."""
    wheels = folder / "wheels"
    pip = [sys.executable, "-m", "pip", "--disable-pip-version-check", "-q"]
    built = subprocess.run(
        [*pip, "wheel", "--no-deps", "-w", str(wheels), str(ROOT)], capture_output=True, text=True, check=False
    )
    if built.returncode:
        pytest.skip(f"no wheel can be built here: {built.stderr.strip().splitlines()[-1]}")
    venv.create(folder / "env", symlinks=True)
    python = folder / "env" / "bin" / "python"
    site = Path(subprocess.run(
        [python, "-c", "import sysconfig; print(sysconfig.get_path('purelib'))"],
        capture_output=True, text=True, check=True,
    ).stdout.strip())  # fmt: skip
    (wheel,) = wheels.glob("tpzoo-*.whl")
    shutil.unpack_archive(wheel, site, "zip")
    (site / "others.pth").write_text(sysconfig.get_path("purelib") + "\n")
    return python


@pytest.mark.timeout(600)
def test_a_script_and_a_plugin_pass_strict_mypy(tmp_path: Path) -> None:
    pytest.importorskip("mypy")
    python = installed(tmp_path)
    work = tmp_path / "work"
    work.mkdir()
    (work / "script.py").write_text(SCRIPT)
    (work / "plugin.py").write_text(PLUGIN)
    command = [sys.executable, "-m", "mypy", "--strict", "--python-executable", str(python), "script.py", "plugin.py"]
    done = subprocess.run(command, cwd=work, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    where = subprocess.run(
        [python, "-c", "import tpzoo; print(tpzoo.__file__)"], cwd=work, capture_output=True, text=True, check=True
    )
    assert str(tmp_path) in where.stdout
    (work / "script.py").write_text(SCRIPT + "tpzoo.open_run(3)\nassert_type(network(x), int)\n")
    wrong = subprocess.run(command, cwd=work, capture_output=True, text=True, check=False)
    assert wrong.returncode == 1
    assert 'Argument 1 to "open_run"' in wrong.stdout
