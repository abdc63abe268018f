"""Mutants of the runner: plan, loop, checkpoints and resuming."""

from __future__ import annotations

from tests.mutation.mutant import mutant

LOOP, GROUPS, PLAN = "unit/runner/test_loop.py", "unit/runner/test_groups.py", "unit/runner/test_plan.py"
RESUME, NUMBERS = "faults/test_resume.py", "faults/test_numbers.py"
HISTORY, DATA = "faults/test_history.py", "faults/test_data_identity.py"

RUNNER = (
    mutant(
        "plan: one extra epoch too many",
        "runner/plan.py",
        "for i in range(training.extra_epochs)]",
        "for i in range(training.extra_epochs + 1)]",
        PLAN,
    ),
    mutant(
        "last batch dropped",
        "runner/loop.py",
        "return whole + (rest > 0 and not experiment.drop_last)",
        "return whole",
        LOOP,
    ),
    mutant(
        "resume repeats a batch",
        "runner/loop.py",
        "range(self.progress.cursor.batch, self",
        "range(max(0, self.progress.cursor.batch - 1), self",
        RESUME,
    ),
    mutant(
        "resume forgets the generators",
        "runner/loop.py",
        'self.built.engine.streams.load_state_dict(state["streams"])',
        "pass",
        RESUME,
    ),
    mutant(
        "resume forgets the optimiser's state",
        "assembly/weights.py",
        'self.weights.optimizer.load_state_dict(state["optimizer"])',
        "pass",
        RESUME,
    ),
    mutant("two processes train in one folder", "runner/folder.py", "lock.acquire()", "pass", RESUME),
    mutant(
        "resume forgets the sums of the epoch",
        "runner/evaluate.py",
        "if self.count else None",
        "if False else None",
        RESUME,
    ),
    mutant(
        "broken weights are saved",
        "runner/loop.py",
        "broken_weights(engine.network, engine.feedback)\n            or",
        '"" or',
        NUMBERS,
    ),
    mutant(
        "moments of the maps may be infinite",
        "runner/loop.py",
        """or broken_moments(engine.feedback_weights, "the feedback map of edge '{}'")""",
        "",
        NUMBERS,
    ),
    mutant(
        "a checkpoint counts on no log",
        "runner/manifest.py",
        "for name, logged in logs.items():",
        "for name, logged in {}.items():",
        HISTORY,
    ),
    mutant(
        "the rows of the splits are no part of the data",
        "runner/data_identity.py",
        'json.dumps({"stored": stored, "rows": rows})',
        'json.dumps({"stored": stored, "rows": {}})',
        DATA,
    ),
    mutant(
        "lists by edge run from output to input",
        "engine/feedback.py",
        "upwards = sorted(reversed(self.edges), key=lambda edge: network",
        "upwards = sorted(self.edges, key=lambda edge: -network",
        "unit/feedback/test_names.py",
    ),
    mutant(
        "a mirrored edge takes the settings of the block with its own name",
        "assembly/weights.py",
        "owners = [name] if inverted is None else inverted[name]",
        "owners = [name]",
        GROUPS,
    ),
    mutant(
        "the last pattern of a mapping decides",
        "plugin/settings.py",
        "    if name in patterns:\n        return name\n",
        "",
        "unit/plugin/test_values_by_name.py",
    ),
    mutant(
        "what `train` leaves out is trained",
        "assembly/weights.py",
        "        elif params := list",
        "        if params := list",
        GROUPS,
    ),
    mutant(
        "feedback rates keep their first value",
        "runner/loop.py",
        "in (self.built.forward, self.built.feedback)",
        "in (self.built.forward,)",
        LOOP,
    ),
    mutant(
        "the last of equal epochs is the best",
        "runner/progress.py",
        "accuracy > best",
        "accuracy >= best",
        LOOP,
    ),
    mutant("evaluation in training mode", "runner/evaluate.py", "network.eval()", "network.train()", LOOP),
    mutant(
        "a short batch weighs as much as a long one",
        "runner/evaluate.py",
        "self.count += out.shape[0]",
        "self.count += len(out) // len(out) * 16",
        LOOP,
    ),
    mutant(
        "what a label points to is written over",
        "runner/checkpoint.py",
        "while found in names:",
        "while False:",
        "unit/runner/test_checkpoint.py",
    ),
)
