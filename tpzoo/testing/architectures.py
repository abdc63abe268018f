"""Checks of architectures."""

from __future__ import annotations

import torch
from torch import Tensor

from tpzoo.engine import BACKENDS, Network, Pass, SplitBlock, dense_parameters, find_draws
from tpzoo.plugin.records import Record
from tpzoo.testing.applies import if_provided
from tpzoo.testing.outcome import require
from tpzoo.testing.stage import Stage
from tpzoo.testing.toys import toy_batch
from tpzoo.testing.watching import (
    alike,
    copied,
    fake,
    fake_mode,
    global_generators_rest,
    nothing_changes,
    require_capturable,
    same,
    state,
)


def output_fits(record: Record, stage: Stage) -> None:
    """The network takes what the data set has and gives one value for each class, in float32 and float64."""
    spec = stage.spec(record)
    for dtype in (torch.float32, torch.float64):
        network = stage.network(record, dtype)
        shape = tuple(network.input_shape)
        require(shape == spec.input_shape, f"input_shape is {shape}, not the data set's {spec.input_shape}")
        out = network(toy_batch(network)[0])
        require(out.shape == (6, spec.output_size), f"the output has the shape {tuple(out.shape)}, not (6, classes)")
        require(out.dtype == dtype and out.isfinite().all(), f"the output is not finite {dtype}")


def blocks_compose(record: Record, stage: Stage) -> None:
    """Running the blocks one after the other is the network, and so is the engine's pass."""
    network = stage.network(record)
    x = toy_batch(network)[0]
    expected, h = stage.network(record)(x), x
    for node in network.nodes:
        h = network.run_at(node.name, h).out
    require(alike(h, expected, 1e-12), "the blocks one after the other do not give the network's output")
    require(alike(network.trace(x).output, expected, 1e-12), "a training pass does not give the network's output")


def boundaries_cut(record: Record, stage: Stage) -> None:
    """No gradient crosses a block boundary: a pass reaches its own block's weights and its input, nothing else."""
    for backend in BACKENDS.values():
        network = stage.network(record)
        network.backend = backend
        trace = network.trace(toy_batch(network)[0])
        for node in network.nodes:
            made = trace[node.name]
            require(not made.out.requires_grad, f"the output of '{node.name}' is attached to a graph")
            found = made.parameter_gradients(torch.ones_like(made.out))
            strangers = [name for name in found if name.split(".")[0] != node.block]
            require(not strangers, f"the pass of '{node.name}' reaches {', '.join(strangers)}")
            require(made.vjp(torch.ones_like(made.out)).shape == made.input.shape, "a vjp is not like the input")


def blocks_keep_nothing(record: Record, stage: Stage) -> None:
    """A block's weights are its own, and its pass depends on nothing but its input, weights and buffers."""
    network = stage.network(record)
    x, other = (toy_batch(network, seed=seed)[0] for seed in (1, 2))
    first = network.trace(x, update_buffers=False)
    network.trace(other, update_buffers=False)
    for node in network.nodes:
        again = network.run_at(node.name, first[node.name].input).out
        require(same(again, first[node.name].out), f"'{node.name}' gives another output after another batch")
        _without_the_others(network, node.block, first[node.name])
    tensors = [p for block in network.blocks.values() for p in block.parameters()]
    require(len(tensors) == len({id(p) for p in tensors}), "two blocks share a weight: use one block for several nodes")
    outside = {id(p) for p in network.parameters()} - {id(p) for p in tensors}
    require(not outside, "the network has weights outside of its blocks, which nothing would train")


def _without_the_others(network: Network, block: str, made: Pass) -> None:
    """The pass again, while all weights of other blocks are different ones."""
    others = [p for name, each in network.blocks.items() if name != block for p in each.parameters()]
    with torch.no_grad():
        kept = [p.clone() for p in others]
        for p in others:
            p.add_(0.1)
        again = network.run_at(made.name, made.input).out
        for p, value in zip(others, kept, strict=True):
            p.copy_(value)
    require(same(again, made.out), f"'{made.name}' uses weights of other blocks, which its updates would not reach")


def batch_sizes(record: Record, stage: Stage) -> None:
    """One sample (while evaluating: batch norm cannot train on one) and odd numbers; rows do not mix in evaluation."""
    network = stage.network(record)
    network.trace(toy_batch(network, 7)[0])
    network.eval()
    x = toy_batch(network, 7)[0]
    whole = network(x)
    for count in (1, 3):
        require(alike(network(x[:count]), whole[:count], 1e-10), f"{count} samples alone give another output")


def every_weight_matters(record: Record, stage: Stage) -> None:
    """Every trainable weight gets a gradient from the loss; inputs are not changed in place."""
    network = stage.network(record)
    x = toy_batch(network, 12)[0]
    kept = x.clone()
    cotangent = torch.linspace(-1, 1, network(x).numel(), dtype=x.dtype, device=x.device)
    found = network.loss_gradients(x, lambda out: cotangent.view_as(out))[1]
    names = {name for name, p in network.blocks.named_parameters() if p.requires_grad}
    require(found.keys() >= names, f"no gradient for {', '.join(sorted(names - found.keys()))}")
    require(same(x, kept), "the input is changed in place")
    dead = [name for name in sorted(names) if not (found[name].isfinite().all())]
    require(not dead, f"gradients are not finite: {', '.join(dead)}")


def row_independence(record: Record, stage: Stage) -> None:
    """A block that says that it is row-independent gives, in training mode, each row what it gives it alone."""
    network = stage.network(record)
    trace = network.trace(toy_batch(network)[0], update_buffers=False)
    for node in network.nodes:
        if network.block_of(node).row_independent:
            made = trace[node.name]
            half = network.run_at(node.name, made.input[:2]).out
            require(alike(half, made.out[:2], 1e-10), f"'{node.name}' says it is row-independent, and rows mix")


@if_provided("pre_activation")
def pre_activation(record: Record, stage: Stage) -> None:
    """Every block gives its pre-activation, and ``activate`` of it is the rest of the block."""
    network = stage.network(record)
    trace = network.trace(toy_batch(network)[0], update_buffers=False)
    for node in network.nodes:
        made, block = trace[node.name], network.block_of(node)
        if made.pre is None:
            require(False, f"'{node.name}' gives no pre-activation")
            return
        if not isinstance(block, SplitBlock):
            require(False, f"the block of '{node.name}' is no SplitBlock")
            return
        activity = block.activate(made.pre)
        require(alike(activity.out, made.out, 1e-12), f"activate(pre) of '{node.name}' is not the block's output")
        keys = activity.aux.keys()
        require(keys == made.aux.keys(), f"activate of '{node.name}' gives the side data {sorted(keys)}")
        found = made.vjp(torch.ones_like(made.out), at="pre")
        require(found.shape == made.pre.shape, f"the pre-activation of '{node.name}' is not on the way to its output")


def state_round_trip(record: Record, stage: Stage) -> None:
    """Another network, built from another seed, does the same once it has the first one's state."""
    one, two = (stage.network(record, seed=seed) for seed in (0, 1))
    x = toy_batch(one)[0]
    one.trace(x)
    two.load_state_dict(copied(one.state_dict()))
    one.eval()
    two.eval()
    require(same(one(x), two(x)), "the network keeps something outside its state dict")


def passes_change_nothing(record: Record, stage: Stage) -> None:
    """Noise passes and single nodes move no weight and no buffer; what is random can be seeded."""
    with global_generators_rest("building"):
        network = stage.network(record)
    find_draws(network, torch.device(stage.device), torch.float64)
    x = toy_batch(network)[0]
    with nothing_changes("a pass that is no training pass", network), global_generators_rest("a pass"):
        trace = network.trace(x, update_buffers=False)
        network.push(x, "input", "output")
        for node in network.nodes:
            network.run_at(node.name, trace[node.name].input)
        _ = network.shapes
    with global_generators_rest("a training pass"):
        network.trace(x)


def same_seed(record: Record, stage: Stage) -> None:
    """The same seed builds bit for bit the same network."""
    one, two = (state(stage.network(record)) for _ in range(2))
    require(one.keys() == two.keys() and all(same(one[name], two[name]) for name in one), "one seed, two networks")


def capturable(record: Record, stage: Stage) -> None:
    """A training pass and its gradients read no value of a tensor."""
    network, mode = stage.network(record), fake_mode()
    x = mode.from_tensor(toy_batch(network)[0])
    fake(mode, network)

    def call() -> dict[str, Tensor]:
        return _gradients(network, x)

    require_capturable("a training pass", mode, call)


@if_provided("dense_blocks")
def dense_blocks(record: Record, stage: Stage) -> None:
    """Every block that can be trained is one matrix and at most a bias, on its flattened input."""
    network = stage.network(record)
    trace = network.trace(toy_batch(network)[0], update_buffers=False)
    for node in network.nodes:
        block = network.block_of(node)
        dense = dense_parameters(block, trace[node.name]) is not None or not list(block.parameters())
        require(dense, f"the record provides dense_blocks, and the block of '{node.name}' is not dense")


def _gradients(network: Network, x: Tensor) -> dict[str, Tensor]:
    trace = network.trace(x)
    return trace.parameter_gradients({name: torch.ones_like(made.out) for name, made in trace.passes.items()})


CHECKS = (
    output_fits,
    blocks_compose,
    boundaries_cut,
    blocks_keep_nothing,
    batch_sizes,
    every_weight_matters,
    row_independence,
    pre_activation,
    dense_blocks,
    state_round_trip,
    passes_change_nothing,
    same_seed,
    capturable,
)
