"""A step replayed as a CUDA graph makes the same numbers as the plain step."""

from __future__ import annotations

import pytest
import torch

from tpzoo.config import load
from tpzoo.plugin.discovery import load_catalogue
from tpzoo.runner.build import Built, build
from tpzoo.runner.steps import CapturedStep, step_function

pytestmark = pytest.mark.skipif(not torch.cuda.is_available(), reason="captures CUDA graphs: needs a CUDA device")

RECIPES = {
    "bp": ("rule=bp",),
    "dtp": ("feedback=layerwise", "learner=reconstruction"),
    "dtpdrl": ("feedback=layerwise", "learner=drl"),
    "ddtp_linear": ("feedback=direct", "learner=drl"),
    "sgd with clipping": ("feedback=direct", "learner=drl", "optimizer.forward=sgd", "optimizer.forward.clip=0.1"),
}


def built(overrides: tuple[str, ...]) -> Built:
    """Digits on a small network, on the GPU."""
    catalogue = load_catalogue()
    loaded = load(None, ["device=cuda", "architecture.hidden=[16,12]", *overrides], catalogue)
    return build(loaded.experiment, catalogue)


@pytest.mark.parametrize("order", ["targets_first", "feedback_first"])
@pytest.mark.parametrize("recipe", RECIPES)
def test_captured_steps_equal_plain_steps(recipe: str, order: str) -> None:
    plain, captured = built(RECIPES[recipe]), built(RECIPES[recipe])
    step = step_function(captured.engine, captured.device, cuda_graphs=True)
    assert isinstance(step, CapturedStep)
    x = plain.data.prepare(plain.data.train.x[: 8 * 32], torch.float32).view(8, 32, -1)
    y = plain.data.train.y[: 8 * 32].view(8, 32)
    for i in range(8):
        expected = plain.engine.train_batch(x[i], y[i], order)
        torch.testing.assert_close(step(x[i], y[i], order), expected, rtol=1e-4, atol=1e-5)
    assert step._graph is not None, "the step was never captured"
    for a, b in zip(plain.engine.network.parameters(), captured.engine.network.parameters(), strict=True):
        torch.testing.assert_close(b, a, rtol=1e-3, atol=1e-5)


def test_another_learning_rate_is_captured_again() -> None:
    here = built(RECIPES["ddtp_linear"])
    step = step_function(here.engine, here.device, cuda_graphs=True)
    x, y = torch.randn(32, 64, device="cuda"), torch.zeros(32, dtype=torch.int64, device="cuda")
    for _ in range(6):
        step(x, y, "targets_first")
    optimizer = here.engine.forward.optimizer
    assert optimizer is not None
    optimizer.param_groups[0]["lr"] = 0.0
    before = [p.clone() for p in here.engine.network.parameters()]
    step(x, y, "targets_first")
    assert all(torch.equal(a, b) for a, b in zip(before, here.engine.network.parameters(), strict=True))
