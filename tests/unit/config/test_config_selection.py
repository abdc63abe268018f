"""Which component a config selects, and which settings survive the selection of another."""

from __future__ import annotations

from tests.support.config_kit import Load, Problems


def test_defaults_are_the_ones_of_the_schema_and_of_the_components(load_text: Load) -> None:
    experiment = load_text().experiment
    assert (experiment.name, experiment.seed, experiment.epochs, experiment.batch_size) == ("exp", 0, 10, 128)
    assert experiment.rule.name == "dtp"
    assert experiment.feedback.settings.map.name == "dense"
    assert experiment.optimizer.forward.settings.lr.value == 1e-3
    assert experiment.optimizer.forward.settings.schedule.name == "constant"
    assert set(experiment.loggers) == {"console", "csv"}
    assert experiment.probes == {}


def test_a_name_and_a_mapping_select_alike(load_text: Load) -> None:
    assert load_text("output: argmin").experiment == load_text("output: {name: argmin}").experiment


def test_selections_come_before_settings_whatever_the_order_of_the_overrides(load_text: Load) -> None:
    overrides = ["feedback.map.width=7", "feedback=direct", "feedback.map=random_hidden"]
    for order in (overrides, overrides[::-1]):
        chosen = load_text("", *order).experiment.feedback
        assert (chosen.name, chosen.settings.map.name, chosen.settings.map.settings.width) == (
            "direct", "random_hidden", 7,
        )  # fmt: skip


def test_another_component_drops_the_old_ones_settings_but_keeps_shared_ones(load_text: Load) -> None:
    text = "data: {name: mnist, size: 14, validation: 500, root: /data}"
    switched = load_text(text, "data=digits").experiment.data
    assert (switched.settings.validation, switched.settings.root) == (500, "/data")
    back = load_text("extends: middle.yaml\ndata: mnist", middle="extends: base.yaml\ndata: digits", base=text)
    assert back.experiment.data.settings.size == 28


def test_shared_settings_of_optimisers_survive_with_their_nested_schedule(load_text: Load) -> None:
    text = "optimizer: {forward: {name: adam, lr: 0.5, amsgrad: true, schedule: {name: step, every: 3}}}"
    chosen = load_text(text, "optimizer.forward=sgd").experiment.optimizer.forward
    assert chosen.name == "sgd"
    assert chosen.settings.lr.value == 0.5
    assert chosen.settings.schedule.name == "step"
    assert chosen.settings.schedule.settings.every == 3


def test_the_same_name_again_keeps_all_settings(load_text: Load) -> None:
    assert (
        load_text("output: {name: gradient, step_size: 0.5}", "output=gradient").experiment.output.settings.step_size
        == 0.5
    )
    again = load_text("output: {name: gradient, step_size: 0.5}", "output=tpzoo/gradient").experiment.output
    assert again.settings.step_size == 0.5


def test_settings_without_a_name_go_to_what_weaker_layers_selected(load_text: Load) -> None:
    loaded = load_text("extends: base.yaml\noutput: {step_size: 3}", base="output: {name: gradient, step_size: 2}")
    assert loaded.experiment.output.settings.step_size == 3.0


def test_names_are_never_read_as_yaml(load_text: Load) -> None:
    for name in ("no", "08"):
        assert load_text(f"loss: {name}").experiment.loss.name == name
        assert load_text("", f"loss={name}").experiment.loss.name == name
        assert load_text(f"loss: {{name: {name}}}").experiment.loss.name == name


def test_a_rule_without_feedback_turns_feedback_and_learner_off_and_says_so(load_text: Load) -> None:
    loaded = load_text("feedback: direct\nlearner: {name: drl, sigma: 3}", "rule=bp")
    assert (loaded.experiment.feedback.name, loaded.experiment.learner.name) == ("none", "none")
    assert loaded.notices == ["feedback and learner: none, because the rule 'bp' uses no feedback"]
    assert loaded.origins["feedback"] == "the rule 'bp' uses no feedback"


def test_the_layer_that_selects_such_a_rule_may_set_the_feedback_itself(load_text: Load) -> None:
    loaded = load_text("rule: bp\nfeedback: direct\nlearner: {sigma: 3}")
    assert (loaded.experiment.feedback.name, loaded.experiment.learner.name) == ("direct", "reconstruction")
    assert loaded.notices == []


def test_a_stronger_rule_with_feedback_brings_back_what_was_there(load_text: Load) -> None:
    base = "learner: {name: drl, sigma: 3}"
    loaded = load_text("extends: base.yaml\nrule: bp", "rule=dtp", base=base)
    assert loaded.experiment.feedback.name == "layerwise"
    assert loaded.experiment.learner.settings.sigma.value == 3.0
    assert loaded.notices == []


def test_probes_are_added_changed_and_removed(load_text: Load) -> None:
    assert load_text("", "probes.bp_angle.every=80").experiment.probes["bp_angle"].settings.every == 80
    text = "probes: {bp_angle: {every: 80}, norms: {}}\nloggers: {csv: null}"
    assert set(load_text(text, "probes.bp_angle=null").experiment.probes) == {"norms"}
    assert set(load_text(text).experiment.loggers) == {"console"}
    assert load_text(text, "loggers=null").experiment.loggers == {}
    assert load_text("probes:\n").experiment.probes == {}


def test_one_probe_twice_under_keys_of_its_own(load_text: Load) -> None:
    probes = load_text("probes: {early: {name: bp_angle, every: 1}, late: bp_angle}").experiment.probes
    assert [(key, probe.name, probe.settings.every) for key, probe in probes.items()] == [
        ("early", "bp_angle", 1), ("late", "bp_angle", 100),
    ]  # fmt: skip


def test_an_empty_entry_is_asked_about(problems: Problems) -> None:
    assert "write {} to add it or null to remove it" in problems("probes:\n  bp_angle:\n")[0]


def test_removing_what_no_plugin_knows_is_refused(problems: Problems) -> None:
    assert "unknown probe 'bp_angel'" in problems("", "probes.bp_angel=null")[0]


def test_unknown_names_that_hold_are_reported_with_the_nearest(problems: Problems) -> None:
    lines = problems("extends: base.yaml\nfeedback: {map: liner}", "rule=dpt", base="rule: pt")
    assert [line.split("   ", 1)[1].strip() for line in lines[:-1]] == [
        "feedback.map: unknown map 'liner'. Did you mean 'linear'?",
        "rule=dpt: unknown rule 'dpt'. Did you mean 'dtp'?",
    ]


def test_a_setting_of_an_unselected_component_is_refused(problems: Problems) -> None:
    assert problems("output: argmin", "output.step_size=1") == [
        "command line   output.step_size=1: not an option: output 'argmin' has none",
        "1 problem; nothing was run.",
    ]
