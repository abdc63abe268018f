"""Lightning, Accelerate and a plain loop end in the same weights, to the bit, and each goes on from the middle."""

from __future__ import annotations

import runpy
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

import tpzoo
from tests.support.trainers import equal

lightning = pytest.importorskip("lightning")
accelerate = pytest.importorskip("accelerate")

from lightning.fabric.utilities.exceptions import MisconfigurationException  # noqa: E402

EXAMPLES = Path(__file__).parents[2] / "docs" / "examples"
X = torch.randn(40, 6, generator=torch.Generator().manual_seed(0))
Y = torch.arange(40) % 3


def trainer() -> tpzoo.Trainer:
    with torch.random.fork_rng():
        torch.manual_seed(0)
        net = nn.Sequential(nn.Linear(6, 8), nn.BatchNorm1d(8), nn.Tanh(), nn.Dropout(0.2), nn.Linear(8, 3))
    settings = {"optimizer.forward.schedule": "cosine", "epochs": 2, "learner": "drl"}
    return tpzoo.Trainer("mnist/dtp", network=net, example=X[:4], settings=settings)


def loader(seed: int = 7) -> Any:
    return DataLoader(TensorDataset(X, Y), batch_size=8, shuffle=True, generator=torch.Generator().manual_seed(seed))


def batches() -> list[Any]:
    """What Lightning's and Accelerate's loops get: two epochs of one sampler."""
    found = loader()
    return [list(found), list(found)]


def plain() -> dict[str, Any]:
    made = trainer()
    made.train()
    for epoch in batches():
        for x, y in epoch:
            made.step(x, y)
        made.end_epoch()
    return made.state_dict()


class Hosted(lightning.LightningModule):
    def __init__(self) -> None:
        super().__init__()
        self.automatic_optimization = False
        self.trained = trainer()

    def configure_optimizers(self) -> Any:
        return self.trained.host_optimizer()

    def on_fit_start(self) -> None:
        tpzoo.check_host(self.trainer)

    def training_step(self, batch: Any, index: int) -> None:
        self.optimizers().step(lambda: self.trained.step(*batch))

    def on_train_epoch_end(self) -> None:
        self.trained.end_epoch()


QUIET = {"logger": False, "enable_progress_bar": False, "enable_model_summary": False, "accelerator": "cpu"}


class Fixed:
    """The batches of one epoch after another: every host gets the same ones."""

    def __init__(self, skip: int = 0) -> None:
        self.left = [each for epoch in batches() for each in epoch][skip:]

    def __iter__(self) -> Any:
        for _ in range(5):
            yield self.left.pop(0)

    def __len__(self) -> int:
        return 5


def test_lightning_ends_in_the_bits_of_a_plain_loop(tmp_path: Path) -> None:
    module = Hosted()
    host = lightning.Trainer(max_epochs=2, default_root_dir=tmp_path, enable_checkpointing=False, **QUIET)
    host.fit(module, Fixed())
    assert host.global_step == 10
    assert equal(module.trained.state_dict(), plain())


def test_lightning_stops_at_max_steps_saves_and_goes_on(tmp_path: Path) -> None:
    first = lightning.Trainer(max_epochs=1, default_root_dir=tmp_path, enable_checkpointing=False, **QUIET)
    first.fit(Hosted(), Fixed())
    first.save_checkpoint(tmp_path / "half.ckpt")
    module = Hosted()
    second = lightning.Trainer(max_epochs=2, default_root_dir=tmp_path, enable_checkpointing=False, **QUIET)
    second.fit(module, Fixed(skip=5), ckpt_path=tmp_path / "half.ckpt")
    assert second.global_step == 10
    assert equal(module.trained.state_dict(), plain())
    third = lightning.Trainer(max_steps=7, default_root_dir=tmp_path, enable_checkpointing=False, **QUIET)
    module = Hosted()
    third.fit(module, Fixed())
    assert (third.global_step, module.trained.steps) == (7, 7)


def test_lightnings_checkpoints_count_training_steps_and_hold_everything(tmp_path: Path) -> None:
    every = lightning.pytorch.callbacks.ModelCheckpoint(tmp_path, "{step}", every_n_train_steps=3, save_top_k=-1)
    host = lightning.Trainer(max_epochs=2, default_root_dir=tmp_path, callbacks=[every], **QUIET)
    host.fit(Hosted(), Fixed())
    assert sorted(path.name for path in tmp_path.glob("*.ckpt")) == ["step=3.ckpt", "step=6.ckpt", "step=9.ckpt"]
    module = Hosted()
    kept = torch.load(tmp_path / "step=6.ckpt", weights_only=False)
    module.load_state_dict(kept["state_dict"])
    assert module.trained.steps == kept["global_step"] == 6
    module.trained.train()
    for x, y in batches()[1][1:]:  # six steps are the first epoch and one batch of the second
        module.trained.step(x, y)
    module.trained.end_epoch()
    assert equal(module.trained.state_dict(), plain())


def test_accelerate_ends_in_the_bits_of_a_plain_loop_and_goes_on(tmp_path: Path) -> None:
    def prepared() -> tuple[Any, tpzoo.Trainer, Any]:
        accelerator, made = accelerate.Accelerator(cpu=True), trainer()
        tpzoo.check_host(accelerator)
        made.to(accelerator.device)
        accelerator.register_for_checkpointing(made)
        return accelerator, made, accelerator.prepare(DataLoader(TensorDataset(X, Y), batch_size=8))

    def train(made: tpzoo.Trainer, found: Any) -> None:
        made.train()
        for x, y in found:
            made.step(x, y)
        made.end_epoch()

    expected = trainer()
    for _ in range(2):
        train(expected, [(X[i : i + 8], Y[i : i + 8]) for i in range(0, 40, 8)])
    accelerator, first, found = prepared()
    train(first, found)
    accelerator.save_state(str(tmp_path / "half"))
    accelerator, second, found = prepared()
    accelerator.load_state(str(tmp_path / "half"))
    train(second, found)
    assert equal(second.state_dict(), expected.state_dict())


@pytest.mark.parametrize(
    ("host", "message"),
    [
        (SimpleNamespace(precision="16-mixed"), r"mixed precision \(precision=16-mixed\)"),
        (
            SimpleNamespace(precision="32-true", gradient_clip_val=1.0),
            r"clipping of gradients \(gradient_clip_val=1.0\)",
        ),
        (SimpleNamespace(mixed_precision="bf16", num_processes=2), r"mixed precision .*more than one process"),
        (SimpleNamespace(gradient_accumulation_steps=4), "accumulation of gradients"),
        (SimpleNamespace(world_size=2), "more than one process"),
    ],
)
def test_what_a_host_must_not_ask_for_is_named(host: Any, message: str) -> None:
    with pytest.raises(tpzoo.SettingError, match=message):
        tpzoo.check_host(host)


@pytest.mark.parametrize("options", [{"precision": "bf16-mixed"}, {"gradient_clip_val": 0.5}])
def test_lightning_itself_is_refused_with_them(options: dict[str, Any], tmp_path: Path) -> None:
    host = lightning.Trainer(max_epochs=1, default_root_dir=tmp_path, enable_checkpointing=False, **QUIET, **options)
    # to clip, Lightning refuses itself where a loop optimises by hand
    with pytest.raises((tpzoo.SettingError, MisconfigurationException), match=next(iter(options))):
        host.fit(Hosted(), Fixed())


def test_a_host_optimizer_steps_by_a_closure_alone() -> None:
    with pytest.raises(tpzoo.SettingError, match="no step of its own"):
        trainer().host_optimizer().step()


@pytest.mark.parametrize("name", ["loop_plain", "loop_lightning", "loop_accelerate"])
def test_the_examples_of_the_docs_learn(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: Any) -> None:
    monkeypatch.chdir(tmp_path)
    runpy.run_path(str(EXAMPLES / f"{name}.py"), run_name="__main__")
    said = capfd.readouterr().out
    if name == "loop_lightning":
        assert " 225" in said
        assert float(said.split("'accuracy': ")[1].split("}")[0]) > 0.7
    else:
        assert float(said.split("epoch 5")[1].split("test ")[1].split(" %")[0]) > 70
