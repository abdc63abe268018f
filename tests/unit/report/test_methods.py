"""Which runs are one method, and what it is called."""

from __future__ import annotations

from pathlib import Path

from tests.helpers.run_folders import epochs, write_run
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
    assert len(methods) == 1 and warnings == []
    # `root` may be missing in one run and there in the other: it is no part of a method
    assert [run.seed for run in methods[0].runs] == [(1, 1), (3, 3), (1, 9)]
    assert (methods[0].label, methods[0].data, methods[0].epochs) == ("demo", "digits", "1")


def test_methods_come_in_the_order_given(tmp_path: Path) -> None:
    for name in ("z", "a", "m"):
        write_run(tmp_path / name, name=name)
    methods, _ = make_methods(find_runs([tmp_path / name for name in ("z", "a", "m")]).runs)
    assert [(method.label, method.index) for method in methods] == [("z", 0), ("a", 1), ("m", 2)]


def test_a_seed_of_a_version_with_fewer_settings_is_of_the_same_method(tmp_path: Path) -> None:
    write_run(tmp_path / "earlier", seed=0, config={"rule": {"name": "dtp"}})
    write_run(tmp_path / "default", seed=1, config={"rule": {"name": "dtp", "norm_ratio": 1.0}})
    write_run(tmp_path / "another", seed=2, config={"rule": {"name": "dtp", "norm_ratio": 3.0}})
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


def test_probes_are_named_only_where_nothing_else_differs() -> None:
    one = {"name": "x", "epochs": 1, "probes": {"bp_angle": {"name": "bp_angle", "every": 1}}}
    probes = {"bp_angle": {"name": "bp_angle", "every": 2}}
    assert make_labels([one, {**one, "epochs": 2, "probes": probes}]) == ["x (epochs=1)", "x (epochs=2)"]
    assert make_labels([one, {**one, "probes": probes}]) == [
        "x (probes.bp_angle.every=1)", "x (probes.bp_angle.every=2)",
    ]  # fmt: skip


def test_labels_stay_short_and_differ() -> None:
    configs = [{"name": "x", **{key: i for key in "abcdef"}} for i in (1, 2)] + [{"name": "x"}, {}]
    labels = make_labels(configs)
    assert labels == ["x (a=1, b=1, c=1, d=1, ...)", "x (a=2, b=2, c=2, d=2, ...)", "x", "unnamed"]
    assert make_labels([{"name": "x"}, {"name": "x"}]) == ["x", "x [2]"]
