# notebook.py: what the cells of a notebook would hold
import tpzoo

# a run: a recipe, a file or a mapping; settings as keywords, or by dotted path
run = tpzoo.train(
    {"data": "digits", "feedback": "direct", "learner": "drl", "output": {"step_size": 0.1}},
    epochs=5,
    seed=1,
    settings={"optimizer.forward.lr": 0.002, "feedback.map": "linear", "probes.bp_angle.every": 10},
    run_dir="runs/first",
)
print(run, run.summary.test_accuracy)

# opened again, here or tomorrow
run = tpzoo.open_run("runs/first")
table = run.metrics()  # columns as arrays: table["epoch"], table["test_accuracy"], ...
angles = run.metrics("probe").to_pandas()  # or as a pandas table
print(table["test_accuracy"], list(angles.columns), run.blocks)

# its network is an ordinary module; raw examples are prepared as in training
network = run.network("last")
found = run.predict([[[[0.5] * 8] * 8]] * 3)
print(sum(p.numel() for p in network.parameters()), found.classes, found.probabilities.max(1).values)
print(run.evaluate("last", probes=["bp_angle"]).probes["bp_angle/fc1"].mean)

# more epochs, in a folder of its own that equals one long run; and another run from these weights
longer = run.resume(run_dir="runs/longer", epochs=8)
other = tpzoo.train({"data": "digits", "rule": "bp"}, epochs=2, start_from={"run": "runs/first"}, run_dir="runs/other")

# all of them, side by side
print(tpzoo.runs("runs").table().to_pandas()[["name", "epochs", "test_accuracy"]])
print(longer.plot(), longer.export("for-a-colleague"))
