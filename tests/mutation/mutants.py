"""The mutants: each a small lie in the code that some test must notice."""

from __future__ import annotations

from tests.mutation.mutant import Mutant, mutant
from tests.mutation.mutants_gauss_newton import GAUSS_NEWTON
from tests.mutation.mutants_report import REPORT
from tests.mutation.mutants_runner import RUNNER

TIED, PASSES, SCHEDULE = "oracle/test_tied_path.py", "oracle/test_passes.py", "oracle/test_schedule.py"
LEARNERS, PRECISION = "oracle/test_learners.py", "oracle/test_displacement_precision.py"
PROCESSES, MEULEMANS = "oracle/test_processes.py", "oracle/test_meulemans.py"
LOOP, OBJECTIVES = "unit/runner/test_loop.py", "unit/engine/test_objectives.py"
FEEDBACK, DRAWS = "unit/engine/test_feedback.py", "unit/engine/test_draws.py"

ENGINE = (
    mutant(
        "the masks of all batches are alike",
        "engine/network.py",
        "stream_seed(self.batch_seed, node.name)",
        "stream_seed(0, node.name)",
        "faults/test_random_modules.py",
    ),
    mutant(
        "the seed of a batch is forgotten on resume",
        "engine/draw.py",
        'self.batches = int(state["batches"])',
        "self.batches = 0",
        "faults/test_random_modules.py",
    ),
    mutant(
        "gradient units: one factor for all batches",
        "engine/units.py",
        "self.output.factor(rows)",
        "self.output.factor(16)",
        "oracle/test_gradient_units.py",
    ),
    mutant(
        "probes see the maps after their step",
        "engine/context.py",
        "with self.feedback.put_back(self._maps):",
        "with self.feedback.put_back(None):",
        LOOP,
    ),
    mutant(
        "condition two: s' of J alone",
        "zoo/probes/condition_two.py",
        "self._at_place(trace[node], sent[node])",
        "sent[node].flatten(2)",
        "oracle/test_output_probes.py",
        "oracle/test_slow_probes.py",
    ),
    mutant(
        "Gauss-Newton reference from the output target",
        "zoo/probes/gnt_angle.py",
        'if reference == "output" else',
        "if reference else",
        "oracle/test_slow_probes.py",
    ),
    mutant(
        "the last step is not measured",
        "runner/loop.py",
        "if last or step % probe.every == 0",
        "if step % probe.every == 0",
        LOOP,
    ),
    mutant(
        "probing moves running statistics",
        "engine/at_rest.py",
        "buffer.copy_(value)",
        "pass",
        "unit/runner/test_measure.py",
    ),
    mutant("local update: sign flipped", "engine/update.py", "scale = -1.0 /", "scale = 1.0 /", TIED),
    mutant("local update: 1 / batch forgotten", "engine/update.py", "-1.0 / trace.batch_size", "-1.0", TIED),
    Mutant(
        "order of feedback and targets swapped",
        "engine/rule.py",
        (
            ('== "feedback_first"', '== "XX"'),
            ('== "targets_first"', '== "feedback_first"'),
            ('"XX"', '"targets_first"'),
        ),
        (SCHEDULE,),
    ),
    Mutant(
        "gradient leaks across a block boundary",
        "engine/passes.py",
        (
            (
                "self.leaf = x.detach().requires_grad_(x.is_floating_point())",
                "self.leaf = x if x.requires_grad else x.detach().requires_grad_()",
            ),
            ("self.out = activity.out.detach()", "self.out = activity.out"),
        ),
        (TIED, "oracle/test_backends.py"),
    ),
    mutant(
        "backprop: 1 / batch forgotten",
        "engine/network.py",
        "(error(out.detach()) / x.shape[0])",
        "error(out.detach())",
        TIED,
    ),
    mutant("backprop: the error is not held constant", "engine/network.py", "error(out.detach())", "error(out)", TIED),
    mutant(
        "noise passes move running statistics",
        "engine/network.py",
        "made = self._run(node, h, graph=False, update_buffers=False)",
        "made = self._run(node, h, graph=False, update_buffers=True)",
        PASSES,
        LEARNERS,
    ),
    mutant(
        "stacked passes handed out in the wrong order",
        "engine/network.py",
        "return [found[i] for i in range(len(order))]",
        "return [found[i] for i in order]",
        PASSES,
        LEARNERS,
    ),
    mutant(
        "feedback-only batches move running statistics",
        "engine/step.py",
        "trace = self.network.trace(x, update_buffers=False, graph=self._graph",
        "trace = self.network.trace(x, update_buffers=True, graph=self._graph",
        SCHEDULE,
    ),
    mutant("edges trained top first", "engine/step.py", "key=lambda edge: self", "key=lambda edge: -self", SCHEDULE),
    mutant(
        "all edges draw the noise of one",
        "engine/step.py",
        'self.streams.draw(f"noise/{edge.name}", self.share)',
        'self.streams.draw(f"noise/{self.feedback.edges[0].name}", self.share)',
        DRAWS,
    ),
    mutant(
        "one noise sample used again and again",
        "engine/draw.py",
        "return Draw(self.generator(name), share)",
        "return Draw(Generator(self.device).manual_seed(stream_seed(self.seed, name)), share)",
        DRAWS,
    ),
    mutant("noise of unit deviation", "engine/draw.py", "0.0, std,", "0.0, 1.0,", DRAWS),
    mutant(
        "every process takes the first rows",
        "engine/draw.py",
        "[share.start : share.stop]",
        "[: share.stop - share.start]",
        PROCESSES,
    ),
    mutant(
        "probes draw from a stream of training",
        "engine/step.py",
        'draw = self.streams.draw("probes")',
        'draw = self.streams.draw("noise/fc2")',
        LOOP,
    ),
    mutant(
        "displacements that meet do not add",
        "engine/feedback.py",
        "found[edge.target] = found[edge.target] + sent if edge.target in found else sent",
        "found[edge.target] = sent",
        FEEDBACK,
    ),
    mutant(
        "default difference: g(u + d) alone",
        "engine/maps.py",
        'return moved - at.memo((self, "g(u)"), lambda: self(u, at))',
        "return moved",
        FEEDBACK,
    ),
    mutant(
        "stale gradients are stepped again",
        "engine/optimise.py",
        "self._parameters[name].grad = None",
        "pass",
        SCHEDULE,
    ),
    mutant(
        "members that were not named are stepped", "engine/optimise.py", "if names is not None:", "if False:", SCHEDULE
    ),
    mutant(
        "a gradient is read as it lies in memory",
        "engine/optimise.py",
        "_in_memory_like(self._parameters[name], gradient)",
        "gradient",
        "unit/runner/test_optimizers.py",
    ),
    mutant("no clipping", "engine/optimise.py", "if self._clip is not None:", "if False:", SCHEDULE),
    mutant(
        "tanh difference: wrong sign",
        "engine/activations.py",
        "d.tanh() * (1 - a.tanh()",
        "d.tanh() * (1 + a.tanh()",
        PRECISION,
    ),
)

ZOO = (
    mutant(
        "dense map: difference not at the clean activation",
        "zoo/feedback/dense.py",
        "source_activation(at).flatten(1))",
        "(source_activation(at) + d).flatten(1))",
        PRECISION,
    ),
    mutant(
        "linear map: the bias is in the difference",
        "zoo/feedback/linear.py",
        "return F.linear(d.flatten(1), self.matrix.weight)",
        "return self.matrix(d.flatten(1))",
        PRECISION,
        MEULEMANS,
    ),
    mutant(
        "tied map: a step in the wrong direction",
        "zoo/feedback/tied.py",
        "return at.source.vjp(u)",
        "return -at.source.vjp(u)",
        TIED,
    ),
    mutant(
        "tp: reconstruction error left out",
        "zoo/rules/tp.py",
        " + (edge.map(source_activation(at), at) - at.target.out)",
        "",
        "conformance/test_builtins.py",
    ),
    mutant(
        "bp: update skipped",
        "zoo/rules/bp.py",
        'context.step("forward", gradients)',
        "pass",
        TIED,
        "conformance/test_combinations.py",
    ),
    mutant(
        "reconstruction: clean instead of noisy pass",
        "zoo/learners/reconstruction.py",
        "noisy = [trace[edge.target].out + noise[0] for",
        "noisy = [trace[edge.target].out for",
        LEARNERS,
    ),
    mutant(
        "reconstruction: clean and noisy aim swapped",
        "zoo/learners/reconstruction.py",
        'return noisy if self.settings.target == "noisy"',
        'return noisy if self.settings.target == "clean"',
        LEARNERS,
    ),
    mutant(
        "reconstruction: the map is cut from its loss",
        "zoo/learners/reconstruction.py",
        "rebuilt = edge.map(pushed.out, At(pushed, trace[edge.target]))",
        "rebuilt = edge.map(pushed.out, At(pushed, trace[edge.target])).detach()",
        LEARNERS,
    ),
    mutant(
        "drl: factor 1 / sigma^2 dropped",
        "zoo/learners/drl.py",
        "squared_error(sent, noise[0], self.settings.reduction) / self.settings.sigma[edge.name] ** 2",
        "squared_error(sent, noise[0], self.settings.reduction)",
        LEARNERS,
    ),
    mutant(
        "drl: factor 1 / sigma^2 dropped, linear maps",
        "zoo/learners/drl.py",
        "squared_error_slope(missing, self.settings.reduction) / self.settings.sigma[edge.name] ** 2",
        "squared_error_slope(missing, self.settings.reduction)",
        LEARNERS,
    ),
    mutant(
        "squared error: its slope without the factor 2",
        "zoo/learners/reconstruction.py",
        "return 2.0 / (error",
        "return 1.0 / (error",
        LEARNERS,
    ),
    mutant(
        "drl: clean instead of noisy pass",
        "zoo/learners/drl.py",
        "starts = [(trace[edge.target].out + noise[0], edge.target)",
        "starts = [(trace[edge.target].out, edge.target)",
        LEARNERS,
    ),
    mutant(
        "walk: the first displacements go on instead of those that have to",
        "engine/feedback.py",
        "if self.members[: len(wanted)] == wanted:",
        "if True:",
        "unit/engine/test_feedback.py",
    ),
    mutant(
        "maps that moved are remembered as they were",
        "engine/step.py",
        "self.feedback.moved()\n        self.feedback_weights.step(gradients)",
        "self.feedback_weights.step(gradients)",
        "oracle/test_stacked_drl.py",
    ),
    mutant(
        "random features: a set for every edge",
        "engine/feedback.py",
        "if key not in self.modules:",
        "if True:",
        "oracle/test_hidden_maps.py",
    ),
    mutant(
        "random features: the recurrent input is left in the difference",
        "zoo/feedback/random_hidden.py",
        "self.dense.weight[:, : self._width]",
        "self.dense.weight[:, -self._width :]",
        "oracle/test_hidden_maps.py",
    ),
    mutant(
        "ridge: damping dropped",
        "zoo/learners/ridge.py",
        "damped = gram + self.settings.damping[edge.name] *",
        "damped = gram + 1e-12 *",
        "oracle/test_ridge.py",
    ),
    mutant(
        "ridge: earlier batches do not decay",
        "zoo/learners/ridge.py",
        "self.count.mul_(decay).add_(1)",
        "self.count.add_(1)",
        "oracle/test_ridge.py",
    ),
    mutant(
        "drl: the maps above learn from it too",
        "zoo/learners/drl.py",
        "with torch.no_grad():",
        "with torch.enable_grad():",
        LEARNERS,
    ),
    mutant(
        "gradient output: divided by the batch",
        "engine/objective.py",
        "loss.gradient(out, y)",
        "loss.gradient(out, y) / len(out)",
        TIED,
        OBJECTIVES,
    ),
    mutant(
        "argmin output: sign flipped",
        "zoo/outputs/argmin.py",
        "loss.minimiser(out, y) - out",
        "out - loss.minimiser(out, y)",
        OBJECTIVES,
    ),
    mutant("mse: factor 2 dropped", "zoo/losses/mse.py", "return 2 * (out", "return (out", OBJECTIVES),
    mutant(
        "cross entropy: sign flipped",
        "zoo/losses/cross_entropy.py",
        "out.softmax(-1) - one_hot(y, out)",
        "one_hot(y, out) - out.softmax(-1)",
        OBJECTIVES,
    ),
)

MUTANTS = (*ENGINE, *ZOO, *RUNNER, *GAUSS_NEWTON, *REPORT)
