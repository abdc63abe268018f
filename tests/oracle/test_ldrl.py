"""L-DRL against the published loss, its fixed points, and backpropagation (Ernoult et al. 2022).

If it fails: feedback trained by L-DRL would not come near the transposed Jacobian, and results of Ernoult et al. 2022
could not be reproduced.
"""

from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from tests.support.image_networks import BLOCKS, VGG, build_from
from tpzoo.engine import Chain, Edge, LinearTail, LossLearner, MaxPool, Pass
from tpzoo.runner.build import Built

BATCH = 6


def example(built: Built, batch: int = BATCH, seed: int = 0) -> tuple[Tensor, Tensor]:
    """A random batch of the network's input shape."""
    generator = torch.Generator().manual_seed(seed)
    x = torch.randn(batch, *built.data.spec.input_shape, generator=generator, dtype=built.dtype)
    return x, torch.randint(10, (batch,), generator=generator)


def published_map(block: Chain, edge: Edge, y: Tensor, source: Pass, shape: tuple[int, ...]) -> Tensor:
    """G(y) written out with torch's own functions: unpool, activation, transposed layer."""
    layers, weights = block.layers, dict(edge.map.named_parameters())
    pool = layers.get("pool")
    if isinstance(pool, MaxPool):
        size = shape_before_pool(block, shape)
        y = F.max_unpool2d(y, source.aux["pool.indices"], pool.kernel, pool.stride, pool.padding, list(size))
    if "conv" in layers:
        conv = layers["conv"]
        assert isinstance(conv, nn.Conv2d)
        return F.conv_transpose2d(
            F.elu(y), weights["twin.twins.conv.conv.weight"], weights["twin.twins.conv.conv.bias"], padding=conv.padding
        )
    h = F.elu(y) if type(layers["activation"]).__name__ == "Elu" else y
    made = F.linear(h, weights["twin.twins.linear.matrix.weight"], weights["twin.twins.linear.matrix.bias"])
    return made.view(-1, *shape)


def shape_before_pool(block: Chain, shape: tuple[int, ...]) -> tuple[int, ...]:
    """Height and width between convolution and pool."""
    with torch.no_grad():
        conv = block.layers["conv"]
        return tuple(conv(torch.zeros(1, *shape, dtype=torch.float64)).shape[2:])


@pytest.mark.parametrize("network", BLOCKS)
@pytest.mark.parametrize("samples", [1, 3])
def test_the_fast_gradient_is_that_of_the_published_loss(network: str, samples: int) -> None:
    """L = mean_b [-2 <dx, G(F(s + dx)) - G(y)> + |G(y + dy) - G(y)|^2], relative 1e-10 in every weight."""
    built = build_from(*BLOCKS[network], f"learner.samples={samples}")
    engine = built.engine
    trace = engine.network.trace(example(built)[0])
    edges = engine.feedback.edges
    noises = engine.noises(edges, trace)
    found = engine.learner.gradients(edges, trace, engine.feedback, noises)
    for edge, noise, gradients in zip(edges, noises, found, strict=True):
        assert isinstance(edge.map, LinearTail)
        block, target, source = engine.network.blocks[edge.source], trace[edge.target], trace[edge.source]
        shape = tuple(target.out.shape[1:])
        losses = []
        for dx, dy in zip(noise[::2], noise[1::2], strict=True):
            noisy = engine.network.push(target.out + dx, edge.target, edge.source)
            r = published_map(block, edge, source.out, source, shape)
            r_x = published_map(block, edge, noisy.out, noisy, shape)
            r_y = published_map(block, edge, source.out + dy, source, shape)
            losses.append((-2 * dx * (r_x - r) + (r_y - r) ** 2).flatten(1).sum(1).mean())
        names = list(dict(edge.map.named_parameters()))
        expected = torch.autograd.grad(torch.stack(losses).mean(), list(edge.map.parameters()))
        for name, value in zip(names, expected, strict=True):
            if name.endswith("bias"):
                assert value.abs().max() < 1e-13
                assert gradients[name].abs().max() == 0
            else:
                assert (gradients[name] - value).norm() <= 1e-10 * value.norm()


def test_without_a_linear_tail_the_plain_loss_is_differentiated() -> None:
    built = build_from("architecture=resnet", "architecture.units=[1,1]", "architecture.width=4", "learner=ldrl")
    engine = built.engine
    trace = engine.network.trace(example(built)[0])
    noises = engine.noises(engine.feedback.edges, trace)
    fast = engine.learner.gradients(engine.feedback.edges, trace, engine.feedback, noises)
    plain = LossLearner.gradients(engine.learner, engine.feedback.edges, trace, engine.feedback, noises)
    for a, b in zip(fast, plain, strict=True):
        assert a.keys() == b.keys()
        assert all(torch.equal(a[name], b[name]) for name in a)


def test_a_dense_map_has_the_transposed_weights_as_its_fixed_point() -> None:
    """Test f: for a linear block E grad = 2 sigma^2 (A - W^T), within the noise of the mean (5 standard errors)."""
    overrides = ("architecture=cnn", "architecture.conv=[{channels: 2, pool: none}]", "architecture.activation=linear")
    built = build_from(
        *overrides, "architecture.hidden=[5]", "learner=ldrl", "learner.sigma=0.3", "feedback.map=mirror"
    )
    engine = built.engine
    edge = engine.feedback.edge("fc1")
    trace = engine.network.trace(example(built, batch=500)[0])
    name, draws = "twin.twins.linear.matrix.weight", []
    for _ in range(200):
        noise = engine.noises([edge], trace)
        draws.append(engine.learner.gradients([edge], trace, engine.feedback, noise)[0][name])
    found = torch.stack(draws)
    forward = engine.network.get_parameter("blocks.fc2.linear.weight")
    expected = 2 * 0.3**2 * (dict(edge.map.named_parameters())[name] - forward.T)
    error = (found.mean(0) - expected).abs() / (found.std(0) / math.sqrt(len(draws)))
    assert error.max() < 5


def displacement_errors(built: Built, step_size: float) -> list[float]:
    """How far DTP's displacements are from the chain A diag(s'(h)) unpool, relative, by block from the top."""
    engine = built.engine
    engine.output.settings = type(engine.output.settings)(step_size=step_size)
    x, y = example(built)
    trace, batch = engine.network.trace(x), engine.batch(x, y)
    found = engine.rule.displacements(trace, engine.feedback, batch, engine.streams.draw("rule"))
    d, errors = found[trace.last], []
    for edge in engine.feedback.edges:
        at = engine.feedback.at(edge, trace)
        d = torch.func.jvp(lambda u, edge=edge, at=at: edge.map(u, at), (at.source.out,), (d,))[1]
        errors.append(float(((found[edge.target] - d).norm() / d.norm()).detach()))
    return errors


def test_with_symmetric_weights_the_error_is_proportional_to_the_step() -> None:
    """Test b: as beta goes to 0 the displacements equal the linear chain, with an error of first order in beta."""
    built = build_from(*VGG, "feedback.map.init=symmetric")
    coarse, fine = displacement_errors(built, 1e-2), displacement_errors(built, 1e-4)
    assert max(coarse[0], fine[0]) < 1e-14  # no nonlinearity above the top edge's target
    for a, b in zip(coarse[1:], fine[1:], strict=True):
        assert round(math.log(a / b, 1e-2 / 1e-4)) == 1


KINKED = (*VGG, "architecture.activation=leaky_relu", "feedback.map.init=symmetric", "output.step_size=1e-9")
"""The slope of a leaky ReLU is the same at its input, where backpropagation takes it, and at its output, where the map
does; the step is so small that no unit crosses its kink."""


def updates(built: Built) -> tuple[dict[str, Tensor], dict[str, Tensor]]:
    """DTP's weight updates and those of backpropagation times the step size, by name, from input to output."""
    engine = built.engine
    x, y = example(built, 16)
    trace, minibatch = engine.network.trace(x), engine.batch(x, y)
    found = engine.rule.displacements(trace, engine.feedback, minibatch, engine.streams.draw("rule"))
    theirs = engine.network.loss_gradients(x, minibatch.error)[1]
    return engine.update.gradients(trace, found), {name: 1e-9 * value for name, value in theirs.items()}


def test_with_symmetric_weights_updates_are_those_of_backpropagation() -> None:
    ours, theirs = updates(build_from(*KINKED))
    assert len(ours) == 2 * 5
    for name, value in theirs.items():
        assert (ours[name] - value).norm() <= 1e-10 * value.norm(), name


def test_hidden_updates_have_the_direction_of_the_feedback_weights() -> None:
    """Test c: with the top edge's weights turned round, all updates below it turn round and the last does not."""
    built = build_from(*KINKED)
    with torch.no_grad():
        dict(built.engine.feedback.edges[0].map.named_parameters())["twin.twins.linear.matrix.weight"].neg_()
    ours, theirs = updates(built)
    for name, value in theirs.items():
        sign = 1 if name.startswith("fc1") else -1
        assert (ours[name] - sign * value).norm() <= 1e-10 * value.norm(), name


def test_the_last_block_gets_exactly_the_step_size_times_backpropagation() -> None:
    """Test e."""
    built = build_from(*VGG, "output.step_size=0.7")
    engine = built.engine
    x, y = example(built)
    trace, batch = engine.network.trace(x), engine.batch(x, y)
    found = engine.rule.displacements(trace, engine.feedback, batch, engine.streams.draw("rule"))
    ours, theirs = engine.update.gradients(trace, found), engine.network.loss_gradients(x, batch.error)[1]
    for name in ("fc1.linear.weight", "fc1.linear.bias"):
        assert (ours[name] - 0.7 * theirs[name]).norm() <= 1e-12 * theirs[name].norm()


def test_clean_indices_take_those_of_the_clean_pass() -> None:
    """Where noise moves a maximum, the two options differ; where it moves none, they agree."""
    found = {}
    for indices in ("noisy", "clean"):
        for sigma in ("1e-6", "0.5"):
            built = build_from(*BLOCKS["lenet"], f"learner.indices={indices}", f"learner.sigma={sigma}")
            trace = built.engine.network.trace(example(built)[0])
            edge = built.engine.feedback.edge("conv1")
            noise = built.engine.noises([edge], trace)
            gradients = built.engine.learner.gradients([edge], trace, built.engine.feedback, noise)
            found[indices, sigma] = gradients[0]["twin.twins.conv.conv.weight"]
    assert torch.equal(found["noisy", "1e-6"], found["clean", "1e-6"])
    assert (found["noisy", "0.5"] - found["clean", "0.5"]).norm() > 1e-10 * found["clean", "0.5"].norm()
