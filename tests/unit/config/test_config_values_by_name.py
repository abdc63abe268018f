"""The hash of a config where a value differs by name: it ignores the order of a mapping, as the meaning does."""

from __future__ import annotations

import itertools

from tests.support.config_kit import Load

NAMES = ("fc1", "fc2", "fc3")
ENTRIES = {"*": 0.1, "fc2": 0.2, "fc[13]": 0.3, "fc1": 0.4}


def test_two_orders_have_one_hash_and_one_meaning(load_text: Load) -> None:
    entries = {pattern: value for pattern, value in ENTRIES.items() if pattern != "*"}
    found = set()
    for order in itertools.permutations(entries.items()):
        text = ", ".join(f"'{pattern}': {value}" for pattern, value in order)
        loaded = load_text(f"optimizer: {{forward: {{lr: {{{text}}}}}}}")
        lr = loaded.experiment.optimizer.forward.settings.lr
        found.add((loaded.hash, tuple(lr.resolve(NAMES).items())))
    assert [meaning for _, meaning in found] == [(("fc1", 0.4), ("fc2", 0.2), ("fc3", 0.3))]


def test_another_meaning_is_another_hash(load_text: Load) -> None:
    texts = ("{'*': 0.1, fc2: 0.2}", "{'*': 0.2, fc2: 0.1}", "{'*': 0.1, fc3: 0.2}")
    assert len({load_text(f"optimizer: {{forward: {{lr: {text}}}}}").hash for text in texts}) == len(texts)
