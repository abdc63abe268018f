"""Which runs are one method, and what it is called."""

from __future__ import annotations

from pathlib import Path

from tests.support.run_folders import epochs, write_run
from tpzoo.report.methods import make_labels, make_methods
from tpzoo.report.runs import find_runs


def test_runs_that_differ_in_seeds_and_places_are_one_method(tmp_path: Path) -> None:
    for seed in (3, 1):
        config = {
            "device": f"cuda:{seed}",
            "checkpoint": {"every_epochs": seed},
            "loggers": {"csv": {"name": str(seed)}},
        }
        write_run(tmp_path / str(seed), seed=seed, config=config)
    data = {"name": "digits", "split_seed": 9, "root": "/elsewhere", "download": True}
    write_run(tmp_path / "9", seed=1, config={"data": data, "device": "cpu"})
    methods, warnings = make_methods(find_runs([tmp_path]).runs)
    assert len(methods) == 1
    assert warnings == []
    # `root` may be missing in one run and there in the other: it is no part of a method
    assert [run.seed for run in methods[0].runs] == [(1, 1), (3, 3), (1, 9)]
    assert (methods[0].label, methods[0].data, methods[0].epochs) == ("demo", "digits", "1")


def test_methods_come_in_the_order_given(tmp_path: Path) -> None:
    for name in ("z", "a", "m"):
        write_run(tmp_path / name, name=name)
    methods, _ = make_methods(find_runs([tmp_path / name for name in ("z", "a", "m")]).runs)
    assert [(method.label, method.index) for method in methods] == [("z", 0), ("a", 1), ("m", 2)]


def test_a_seed_of_a_version_with_fewer_settings_is_of_the_same_method(tmp_path: Path) -> None:
    write_run(tmp_path / "earlier", seed=0, config={"rule": {"name": "gauss_newton"}})
    write_run(tmp_path / "default", seed=1, config={"rule": {"name": "gauss_newton", "damping": 0.0}})
    write_run(tmp_path / "another", seed=2, config={"rule": {"name": "gauss_newton", "damping": 3.0}})
    methods, _ = make_methods(find_runs([tmp_path]).runs)
    assert [[run.folder.name for run in method.runs] for method in methods] == [["another"], ["default", "earlier"]]


def test_any_other_setting_makes_another_method(tmp_path: Path) -> None:
    for i, rule in enumerate([{"name": "dtp", "scale": 1}, {"name": "dtp", "scale": 2}, {"name": "bp"}]):
        write_run(tmp_path / str(i), seed=i, config={"rule": rule})
    methods, _ = make_methods(find_runs([tmp_path]).runs)
    assert [method.label for method in methods] == [
        "demo (rule=dtp, rule.scale=1)", "demo (rule=dtp, rule.scale=2)", "demo (rule=bp)",
    ]  # fmt: skip


def test_the_same_run_twice_counts_once_the_one_that_went_on_longest(tmp_path: Path) -> None:
    two = epochs(test_loss=[1.0, 2.0])
    short, long = (
        write_run(tmp_path / "a-short", status="interrupted", epochs=two[:1], config={"epochs": 2}),
        write_run(tmp_path / "b-long", epochs=two),
    )
    write_run(tmp_path / "c-again", epochs=two)
    methods, warnings = make_methods(find_runs([tmp_path]).runs)
    assert [run.folder.name for run in methods[0].runs] == ["b-long"]
    assert warnings == [
        f"skipped: {short} has the config and the seeds of {long}",
        f"skipped: {tmp_path / 'c-again'} has the config and the seeds of {long}",
    ]


def test_runs_of_different_length_show_a_range(tmp_path: Path) -> None:
    write_run(tmp_path / "a", seed=0, epochs=epochs(test_loss=[1.0]), config={"epochs": 3})
    write_run(tmp_path / "b", seed=1, epochs=epochs(test_loss=[1.0, 1.0, 1.0]))
    (method,), _ = make_methods(find_runs([tmp_path]).runs)
    assert method.epochs == "1-3"


def test_labels_say_what_differs_and_no_more() -> None:
    one = {"name": "x", "rule": {"name": "dtp"}, "output": {"name": "gradient", "step_size": 0.1}, "epochs": 3}
    other = {**one, "output": {"name": "gradient", "step_size": 0.2}}
    assert make_labels([one, {**one, "name": "y"}]) == ["x", "y"]
    assert make_labels([one, other]) == ["x (output.step_size=0.1)", "x (output.step_size=0.2)"]
    assert make_labels([one, {**one, "output": {"name": "argmin"}}]) == ["x (output=gradient)", "x (output=argmin)"]


def test_runs_that_differ_in_probes_are_one_method(tmp_path: Path) -> None:
    """A probe changes no number of a run. Of one seed the probes of both runs are kept, the figures of one."""
    for folder, seed, probe in (("a", 0, "bp_angle"), ("b", 0, "gn_angle"), ("c", 1, "gn_angle")):
        config = {"probes": {probe: {"name": f"tpzoo/{probe}", "every": 7}}}
        write_run(tmp_path / folder, seed=seed, config=config, probes={f"{probe}/fc1": {1: 10.0}})
    (method,), warnings = make_methods(find_runs([tmp_path]).runs)
    assert [sorted(run.probes) for run in method.runs] == [["bp_angle/fc1", "gn_angle/fc1"], ["gn_angle/fc1"]]
    assert [method.runs[0].kind(probe) for probe in ("bp_angle", "gn_angle")] == ["bp_angle", "gn_angle"]
    assert [line.endswith("what its other probes measured is taken over") for line in warnings] == [True]


def test_labels_show_no_more_than_tells_them_apart() -> None:
    configs = [{"name": "x", **{key: i for key in "abcdef"}} for i in (1, 2)] + [{"name": "x"}, {}]
    assert make_labels(configs) == ["x (a=1)", "x (a=2)", "x", "unnamed"]
    assert make_labels([{"name": "x"}, {"name": "x"}]) == ["x", "x [2]"]
    assert make_labels([{"name": "x"}, {"name": "x"}, {"name": "x [2]"}]) == ["x", "x [2]", "x [2] [2]"]


def config(epochs: int, rule: dict[str, object], **others: object) -> dict[str, object]:
    """In the order in which a run folder holds it: what matters least comes first."""
    data = {"name": "digits", "validation": epochs}
    return {"name": "x", "precision": f"float{32 * epochs}", "epochs": epochs, "batch_size": 8 * epochs, "data": data,
            **others, "rule": rule}  # fmt: skip


def test_components_are_named_first_and_data_last() -> None:
    dtp, bp = {"name": "dtp", "scale": 1}, {"name": "bp"}
    assert make_labels([config(1, dtp), config(2, bp)]) == ["x (rule=dtp)", "x (rule=bp)"]
    assert make_labels([config(1, dtp), config(2, {**dtp, "scale": 3})]) == ["x (rule.scale=1)", "x (rule.scale=3)"]
    learners = [{"name": name, "sigma": sigma} for name, sigma in (("drl", 0.1), ("frozen", 0.2))]
    assert make_labels([config(i + 1, dtp, learner=each) for i, each in enumerate(learners)]) == [
        "x (learner=drl)", "x (learner=frozen)",
    ]  # fmt: skip
    maps = [{"name": "direct", "map": {"name": name, "bias": name == "mlp"}} for name in ("linear", "mlp")]
    assert make_labels([config(i + 1, dtp, feedback=each) for i, each in enumerate(maps)]) == [
        "x (feedback.map=linear)", "x (feedback.map=mlp)",
    ]  # fmt: skip
    assert make_labels([config(1, dtp), config(2, dtp)]) == ["x (precision=float32)", "x (precision=float64)"]
    same = {"precision": "float32"}
    assert make_labels([{**config(1, dtp), **same}, {**config(2, dtp), **same}]) == ["x (epochs=1)", "x (epochs=2)"]


def test_the_order_of_components_is_that_of_their_importance() -> None:
    order = ("rule", "learner", "feedback", "architecture", "output", "loss")
    pair = [{"name": "x", **{part: {"name": f"{part}{i}"} for part in reversed(order)}} for i in (1, 2)]
    for part in order:
        assert make_labels(pair) == [f"x ({part}={part}1)", f"x ({part}={part}2)"]
        for each in pair:
            del each[part]


def test_labels_grow_until_they_are_unique() -> None:
    """Six differences, of which four used to be shown, before the one that counts."""
    rules = [{"name": "dtp", **{key: 1 for key in "abcde"}, "scale": scale, "zero": 0} for scale in (1, 2)]
    others = [{"name": "dtp", **{key: 2 for key in "abcde"}, "scale": scale, "zero": 1} for scale in (1, 2)]
    labels = make_labels([config(1, rule) for rule in (*rules, *others)])
    assert labels == [f"x (rule.a={a}, rule.scale={scale})" for a in (1, 2) for scale in (1, 2)]
    three = [config(1, {"name": "dtp"}, learner={"name": "drl", "sigma": i % 2}, output={"n": i}) for i in range(3)]
    assert make_labels(three) == [f"x (learner.sigma={i % 2}, output.n={i})" for i in range(3)]


def test_a_number_and_a_text_differ() -> None:
    assert make_labels([{"name": "x", "a": 1}, {"name": "x", "a": "1"}]) == ["x (a=1)", 'x (a="1")']
    assert make_labels([{"name": "x", "a": None}, {"name": "x"}]) == ["x (a=null)", "x"]


def test_labels_show_settings_that_a_version_did_not_have(tmp_path: Path) -> None:
    write_run(tmp_path / "a", config={"rule": {"name": "gauss_newton"}})
    write_run(tmp_path / "b", config={"rule": {"name": "gauss_newton", "damping": 3.0}, "epochs": 2})
    methods, _ = make_methods(find_runs([tmp_path]).runs)
    assert [method.label for method in methods] == ["demo (rule.damping=0.0)", "demo (rule.damping=3.0)"]


def test_runs_that_are_done_count_or_else_those_that_went_on_longest(tmp_path: Path) -> None:
    two = epochs(test_loss=[1.0, 2.0])
    for seed, (status, figures) in enumerate([("done", two), ("failed", two), ("done", two), ("running", two[:1])]):
        write_run(tmp_path / "a" / str(seed), name="a", seed=seed, status=status, epochs=figures, config={"epochs": 2})
    probes = {"bp_angle/fc1": {1: 2.0}}
    for seed, length in enumerate((0, 1, 1)):
        folder = tmp_path / "b" / str(seed)
        write_run(
            folder, name="b", seed=seed, status="failed", epochs=two[:length], config={"epochs": 2}, probes=probes
        )
    methods, _ = make_methods(find_runs([tmp_path]).runs)
    assert [[run.seed[0] for run in method.counted] for method in methods] == [[0, 2], [1, 2]]
    assert [[run.seed[0] for run in method.unfinished] for method in methods] == [[1, 3], [0, 1, 2]]
    assert [(method.is_done, method.epochs) for method in methods] == [(True, "2"), (False, "1")]
