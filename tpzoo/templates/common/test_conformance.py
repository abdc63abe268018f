"""What tpzoo asks of every entry, by its own kit."""

import pytest

from tpzoo.testing import Case, conformance_cases


@pytest.mark.parametrize("case", conformance_cases("my_package.plugin"))
def test_conformance(case: Case) -> None:
    case.run()
