"""Text for a terminal: what is printed of a number says nothing that is untrue."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.record import Measurement
from harness.text import columns, number


def row(value: float | None, ci: tuple[float, float] | None = None, unit: str = "1") -> Measurement:
    reason = None if value is not None else "needs cases"
    status = "ok" if value is not None else "undefined"
    return Measurement(metric="m", value=value, ci=ci, unit=unit, status=status, reason=reason)


@given(st.floats(0, 1), st.floats(0, 0.3), st.floats(0, 0.3))
def test_a_value_is_printed_inside_its_interval(value: float, below: float, above: float) -> None:
    """But for the rounding of the wider digits, half a hundredth."""
    shown, interval = number(row(value, (value - below, value + above))).split(" ", 1)
    low, high = (float(end) for end in interval.strip("[]").split(","))
    slack = 0.005 if below + above >= 0.02 else 0.0
    assert low - slack - 1e-9 <= float(shown) <= high + slack + 1e-9


@pytest.mark.parametrize(
    ("found", "shown"),
    [
        (row(0.861, (0.801, 0.914)), "0.861 [0.80, 0.91]"),
        (row(0.0534, (0.0531, 0.0536), unit="ms"), "0.053 [0.053, 0.054]"),
        (row(0.5), "0.500"),
        (row(None), "undefined"),
        (row(11_168_706.0, unit="parameters"), "11,168,706"),
        (None, "-"),
    ],
)
def test_numbers(found: Measurement | None, shown: str) -> None:
    assert number(found) == shown


def test_columns_stand_under_one_another() -> None:
    assert columns([["a", "bb", "c"], ["aaa", "b", "a long last cell"]]) == (
        "a    bb  c\naaa  b   a long last cell"
    )
