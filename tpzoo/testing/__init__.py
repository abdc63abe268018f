"""The conformance kit: does an entry of the zoo keep its contract?

In a plugin's own tests, one file is enough (``plugin`` is a distribution, a module or a file)::

    import pytest
    from tpzoo.testing import conformance_cases

    @pytest.mark.parametrize("case", conformance_cases("tpzoo-example"))
    def test_conformance(case):
        case.run()

and ``from tpzoo.testing import pytest_terminal_summary`` in ``conftest.py`` prints how much was checked. Without
pytest, :func:`check` runs every check of one record. An entry that cannot pass a check says so in its record,
``expected_failures={"null": "why"}``; it must then fail it.
"""

from tpzoo.testing.cases import Case, Outcome, all_cases, check, conformance_cases
from tpzoo.testing.outcome import ConformanceError
from tpzoo.testing.summary import describe_cases, pytest_terminal_summary

__all__ = [
    "Case",
    "ConformanceError",
    "Outcome",
    "all_cases",
    "check",
    "conformance_cases",
    "describe_cases",
    "pytest_terminal_summary",
]
