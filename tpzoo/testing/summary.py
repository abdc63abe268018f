"""How much was checked, always printed: a kit that silently checks nothing would pass everything."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

from tpzoo.plugin.records import KINDS

if TYPE_CHECKING:
    from tpzoo.testing.cases import Case

_ID = re.compile(rf"\[(?P<kind>{'|'.join(KINDS)}):(?P<name>[^\]]+):(?P<check>[a-z0-9_]+)\]$")


def describe_cases(cases: Iterable[Case]) -> str:
    """Lines that count checks, records and expected failures by kind; each expected failure with its reason."""
    cases = list(cases)
    records = {(case.entry.record.kind, case.entry.full_name) for case in cases}
    checks = Counter(case.entry.record.kind for case in cases)
    entries = Counter(kind for kind, _ in records)
    expected = [case for case in cases if case.expected_failure is not None]
    head = f"{len(cases)} checks of {len(records)} records, {len(expected)} expected failures"
    rows = [f"  {kind}: {checks[kind]} checks of {entries[kind]} records" for kind in KINDS if kind in checks]
    return "\n".join([head, *rows, *(f"  {case.id} cannot pass: {case.expected_failure}" for case in expected)])


def pytest_terminal_summary(terminalreporter: Any) -> None:
    """A pytest hook: import it in a ``conftest.py`` and every run ends with the counts of its conformance cases."""
    counts = {status: _matches(reports) for status, reports in terminalreporter.stats.items()}
    shown = {status: Counter(counts.get(key, ())) for key, status in _STATUSES.items()}
    kinds = [kind for kind in KINDS if any(kind in found for found in shown.values())]
    if not kinds:
        return
    terminalreporter.section("conformance")
    for kind in kinds:
        numbers = [f"{found[kind]} {status}" for status, found in shown.items() if found[kind]]
        terminalreporter.write_line(f"{kind}: {', '.join(numbers)}")


_STATUSES: Mapping[str, str] = {
    "passed": "passed",
    "failed": "failed",
    "error": "errors",
    "skipped": "skipped",
    "xfailed": "failed as expected",
}


def _matches(reports: Iterable[Any]) -> list[str]:
    found = (_ID.search(getattr(report, "nodeid", "")) for report in reports)
    return [match["kind"] for match in found if match]
