# half_of_backprop.py: a rule that looks at gradients, angles and Jacobians
import torch
from torch import Tensor

import tpzoo


class HalfOfBackprop(tpzoo.DisplacementRule):
    """Half of what the feedback sends, half of what backpropagation would, at every node."""

    def displacements(
        self, trace: tpzoo.Trace, feedback: tpzoo.Feedback, batch: tpzoo.Batch, draw: tpzoo.Draw
    ) -> dict[str, Tensor]:
        d = batch.output_displacement(trace.output)  # of the output, (batch, ...)
        sent = feedback.displacements(trace, d, batch.y)  # by the maps
        exact = trace.pulled_back(d)  # J^T d at every node: one sweep of vector-Jacobian products
        return {node: (sent[node] + exact[node]) / 2 for node in sent}


class Agreement(tpzoo.Probe):
    """The angle of each block's update to backpropagation's, and the size of the first block's Jacobian."""

    every = 1

    def measure(self, snapshot: tpzoo.Snapshot) -> dict[str, Tensor]:
        exact = snapshot.backprop()  # by block.parameter: the gradient of the mean loss
        found = {name: tpzoo.angle(snapshot.gradients[name], g) for name, g in exact.items() if name.endswith("weight")}
        trace = snapshot.clean_trace()
        last = next(iter(trace.passes.values()))
        units = torch.eye(last.out[0].numel(), dtype=last.out.dtype).view(-1, 1, *last.out.shape[1:])
        rows = last.vjp_batched(units.expand(-1, trace.batch_size, *last.out.shape[1:]))  # (units, batch, *input)
        return {**found, "jacobian": rows.square().sum().sqrt()}


if __name__ == "__main__":
    x, y = torch.rand(16, 20), torch.arange(16) % 3
    net = torch.nn.Sequential(torch.nn.Linear(20, 8), torch.nn.Tanh(), torch.nn.Linear(8, 3))
    trainer = tpzoo.Trainer(rule=HalfOfBackprop(tpzoo.RuleSettings()), network=net, example=x)
    for _ in range(20):
        out = trainer.step(x, y)
    print(float(out.loss), trainer.measure(Agreement(), x, y))
