"""What happens in which order in one training step, told by parts that write down what they are asked.

If it fails: feedback would learn before the targets where the paper has it after, or from other weights: which of the
two happens first changes results.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

import pytest
import torch
from torch import Tensor

from tests.support.blocks import make_batch, make_network
from tests.support.parts import assert_alike, make_engine, make_feedback, make_objective, weights
from tpzoo import Batch, Context, Draw, Edge, Feedback, LossLearner, Noise, Rule, Snapshot, Trace, local_gradients
from tpzoo.engine import Iterations, WeightStepper
from tpzoo.zoo.rules.dtp import DTP


class Recorder(LossLearner):
    """Writes down its calls; its gradient is 1 everywhere, so that every feedback step takes lr off each weight."""

    def __init__(self, when: str = "feedback") -> None:
        super().__init__()
        self.when = when  # type: ignore[assignment]
        self.calls: list[tuple[str, ...]] = []
        self.forward_weights: list[float] = []

    def loss(self, edge: Edge, trace: Trace, feedback: Feedback, noise: Noise) -> Tensor:
        raise AssertionError("not asked for")

    def gradients(
        self, edges: Sequence[Edge], trace: Trace, feedback: Feedback, noises: Sequence[Noise]
    ) -> list[dict[str, Tensor]]:
        self.calls.append(tuple(edge.name for edge in edges))
        self.forward_weights.append(float(next(trace.network.parameters()).detach().sum()))
        return [{name: torch.ones_like(p) for name, p in edge.map.named_parameters()} for edge in edges]


class Watching(DTP):
    """dtp that remembers its displacements and the maps' weights at that time."""

    def displacements(self, trace: Trace, feedback: Feedback, batch: Batch, draw: Draw) -> dict[str, Tensor]:
        self.map_weights = [p.detach().clone() for p in feedback.maps.parameters()]
        return super().displacements(trace, feedback, batch, draw)


@pytest.mark.parametrize("order", ["targets_first", "feedback_first", "forward_only"])
def test_which_feedback_weights_the_targets_see(order: str, device: str) -> None:
    rule, learner = Watching(), Recorder()
    engine = make_engine("mlp", device, learner=learner, rule=rule)
    before = [p.detach().clone() for p in engine.feedback.maps.parameters()]
    batch = make_batch(engine.network)
    fresh = make_network("mlp", device)
    engine.train_batch(*batch, order)
    moved = 0.1 if order == "feedback_first" else 0.0
    for seen, old in zip(rule.map_weights, before, strict=True):
        torch.testing.assert_close(seen, old - moved, rtol=0, atol=1e-15)
    final = 0.0 if order == "forward_only" else 0.1
    for now, old in zip(engine.feedback.maps.parameters(), before, strict=True):
        torch.testing.assert_close(now.detach(), old - final, rtol=0, atol=1e-15)
    assert learner.calls == ([] if order == "forward_only" else [("fc3", "fc2", "fc1")])
    # The forward step is one SGD step with the gradient of those targets at the old forward weights.
    feedback = make_feedback(fresh, "layerwise/dense")
    for p in feedback.maps.parameters():
        p.data -= moved
    trace = fresh.trace(batch[0])
    targets = rule.displacements(trace, feedback, make_objective(*batch), Draw(torch.Generator()))
    gradients = local_gradients(trace, targets)
    expected = {name: p.detach() - 0.1 * gradients[name] for name, p in fresh.blocks.named_parameters()}
    assert_alike(dict(engine.network.blocks.named_parameters()), expected, 1e-12)


def test_edges_are_trained_as_often_as_each_says_in_forward_order(device: str) -> None:
    learner = Recorder()
    by_edge = Iterations(by_edge={"fc3": 3, "fc2": 0, "fc1": 2})
    engine = make_engine("mlp", device, learner=learner, iterations=by_edge)
    before = {name: p.detach().clone() for name, p in engine.feedback.maps.named_parameters()}
    engine.train_batch(*make_batch(engine.network))
    assert learner.calls == [("fc1",)] * 2 + [("fc3",)] * 3
    for name, p in engine.feedback.maps.named_parameters():
        steps = {"fc3": 3, "fc2": 0, "fc1": 2}[name.split(".")[0]]
        torch.testing.assert_close(p.detach(), before[name] - 0.1 * steps, rtol=0, atol=1e-14)


def test_rounds_of_all_edges_together(device: str) -> None:
    learner = Recorder()
    engine = make_engine("mlp", device, learner=learner, iterations=Iterations(together=3))
    engine.train_batch(*make_batch(engine.network))
    assert learner.calls == [("fc3", "fc2", "fc1")] * 3


@pytest.mark.parametrize("when", ["feedback", "after_forward", "data_free"])
def test_when_a_learner_is_called(when: str, device: str) -> None:
    rule, learner = Watching(), Recorder(when)
    engine = make_engine("mlp", device, learner=learner, rule=rule)
    before = float(next(engine.network.parameters()).detach().sum())
    map_before = next(engine.feedback.maps.parameters()).detach().clone()
    engine.train_batch(*make_batch(engine.network))
    after = float(next(engine.network.parameters()).detach().sum())
    assert before != after
    assert learner.forward_weights == [after if when == "after_forward" else before]
    # data_free: before anything else, so that the targets see the new maps; the others leave the targets the old ones.
    moved = 0.1 if when == "data_free" else 0.0
    torch.testing.assert_close(rule.map_weights[0], map_before - moved, rtol=0, atol=1e-15)
    engine.train_batch(*make_batch(engine.network), order="forward_only")
    assert len(learner.calls) == 1


def test_feedback_only_batches_leave_the_network_alone(device: str) -> None:
    engine = make_engine("normed", device)
    before = weights(engine)
    engine.train_feedback_batch(make_batch(engine.network)[0])
    for name, value in weights(engine).items():
        assert torch.equal(value, before[name]) == name.startswith("network")


class OnlyTop(DTP):
    """Trains the head only, from its second batch on."""

    calls = 0

    def displacements(self, trace: Trace, feedback: Feedback, batch: Batch, draw: Draw) -> dict[str, Tensor]:
        found = super().displacements(trace, feedback, batch, draw)
        self.calls += 1
        return found if self.calls == 1 else {"head": found["head"]}


ADAM = partial(torch.optim.Adam, lr=0.01, weight_decay=0.1)
SGD = partial(torch.optim.SGD, lr=0.1, momentum=0.9, weight_decay=0.1)


@pytest.mark.parametrize("optimizer", [ADAM, SGD], ids=["adam", "sgd"])
def test_moments_and_decay_wait_where_there_is_no_gradient(optimizer, device: str) -> None:  # type: ignore[no-untyped-def]
    engine = make_engine("mlp", device, learner="frozen", rule=OnlyTop(), optimizer=optimizer)
    engine.train_batch(*make_batch(engine.network))
    before, states = weights(engine), repr(engine.forward_weights.optimizer.state_dict()["state"][0])
    engine.train_batch(*make_batch(engine.network))
    for name, value in weights(engine).items():
        assert torch.equal(value, before[name]) != name.startswith("network.blocks.head")
    assert repr(engine.forward_weights.optimizer.state_dict()["state"][0]) == states
    assert all(p.grad is None for p in engine.network.parameters())


class BlockByBlock(Rule):
    """Steps every block by itself, top first, on a new pass each time; trains the maps in between."""

    def displacements(self, trace: Trace, feedback: Feedback, batch: Batch, draw: Draw) -> dict[str, Tensor]:
        return feedback.displacements(trace, batch.output_displacement(trace.output))

    def train_step(self, context: Context) -> None:
        for node in reversed(context.network.nodes):
            trace = context.trace()
            found = self.displacements(trace, context.feedback, context.batch, context.draw)
            context.step("forward", local_gradients(trace, found), names=[node.block], displacements=found)


class ThenTheMaps(BlockByBlock):
    """Has the learner train the maps, and then takes a step of its own on one of them."""

    def train_step(self, context: Context) -> None:
        super().train_step(context)
        context.train_feedback()
        bias = context.feedback.maps.get_parameter("fc2.dense.bias")
        context.step("feedback", {"fc2.dense.bias": torch.ones_like(bias)})


def test_a_rule_with_a_step_of_its_own(device: str) -> None:
    """Several steps on one batch: the same as plain SGD written out; statistics move and the output is kept once."""
    seen: list[Snapshot] = []
    engine = make_engine("normed", device, rule=BlockByBlock(), path="tied")
    reference, (x, y) = make_network("normed", device), make_batch(engine.network)
    first = reference(x).detach()
    statistics = dict(reference.named_buffers())
    for block in reversed(list(reference.blocks)):
        gradients = reference.loss_gradients(x, make_objective(x, y).error)[1]
        for name, p in reference.blocks[block].named_parameters():
            p.data -= 0.1 * 0.3 * gradients[f"{block}.{name}"]
    out = engine.train_batch(x, y, observe=seen.append)
    torch.testing.assert_close(out, first, rtol=1e-12, atol=1e-14)
    assert_alike(dict(engine.network.blocks.named_parameters()), dict(reference.blocks.named_parameters()), 1e-10)
    assert_alike(dict(engine.network.named_buffers()), statistics, 1e-12)
    assert [list(each.displacements) for each in seen] == [["head", "conv2", "conv1"]] * 3


def test_a_rule_that_steps_the_feedback_too(device: str) -> None:
    learner = Recorder()
    engine = make_engine("mlp", device, learner=learner, rule=ThenTheMaps())
    before = engine.feedback.edge("fc2").map.dense.bias.detach().clone()
    engine.train_batch(*make_batch(engine.network))
    # One step by the learner, one by the rule, each with gradient 1.
    torch.testing.assert_close(engine.feedback.edge("fc2").map.dense.bias.detach(), before - 0.2, rtol=0, atol=1e-15)
    assert learner.calls == [("fc3", "fc2", "fc1")]


def test_gradients_are_clipped_over_all_members_together(device: str) -> None:
    network = make_network("mlp", device)
    optimizer = torch.optim.SGD(network.blocks.parameters(), lr=1.0)
    group = WeightStepper(dict(network.blocks.items()), optimizer, clip=0.5)
    before = {name: p.detach().clone() for name, p in network.blocks.named_parameters()}
    group.step({name: torch.ones_like(p) for name, p in before.items()})
    moved = torch.cat([(before[name] - p.detach()).flatten() for name, p in network.blocks.named_parameters()])
    assert abs(float(moved.norm()) - 0.5) < 1e-5  # torch divides by norm + 1e-6
