"""Intervals: textbook ones where they apply, within their bounds, and none where none is honest."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import binomtest, t

from harness.statistics.influence import Influence, share
from harness.statistics.intervals import Interval, interval

UNIT = (0.0, 1.0)


def bounds(found: Interval) -> tuple[float, float]:
    assert found.ci is not None
    return found.ci


def of_share(right: int, n: int, level: float = 0.95) -> Interval:
    hits = np.arange(n) < right
    return interval(right / n, share(hits, np.ones(n), np.arange(n)), UNIT, level=level, over="x")


@settings(deadline=None)
@given(st.integers(0, 60), st.integers(0, 60), st.sampled_from([0.8, 0.95, 0.99]))
def test_a_share_has_wilsons_interval(right: int, wrong: int, level: float) -> None:
    n = right + wrong
    if n < 3:
        return
    expected = binomtest(right, n).proportion_ci(level, method="wilson")
    found = of_share(right, n, level)
    assert bounds(found) == pytest.approx((expected.low, expected.high), abs=1e-12)
    assert found.method == "Wilson over xs"


def moved(error: float, df: float = 30, units: int = 31) -> Influence:
    by_unit = np.full(units, error / np.sqrt(units))
    return Influence(by_unit=by_unit, df=df, fewest=units, method="jackknife")


@settings(deadline=None)
@given(st.floats(0, 1), st.floats(1e-6, 0.5), st.floats(1, 200))
def test_between_bounds_an_interval_stays_there_and_holds_the_value(
    value: float, error: float, df: float
) -> None:
    low, high = bounds(interval(value, moved(error, df), UNIT, level=0.95, over="subject"))
    assert -1e-12 <= low <= value <= high <= 1 + 1e-12
    assert low < high


@settings(deadline=None)
@given(st.floats(0.01, 0.99), st.floats(0.01, 0.5))
def test_a_scale_is_no_more_than_a_scale(value: float, error: float) -> None:
    """From -1 to 1 as from 0 to 1."""
    unit = bounds(interval(value, moved(error), UNIT, level=0.95, over="x"))
    wide = bounds(interval(2 * value - 1, moved(2 * error), (-1.0, 1.0), level=0.95, over="x"))
    assert wide == pytest.approx([2 * end - 1 for end in unit], abs=1e-9)


def test_far_from_the_bounds_it_is_students() -> None:
    low, high = bounds(interval(0.5, moved(0.001), UNIT, level=0.95, over="x"))
    assert (high - low) / 2 == pytest.approx(t.ppf(0.975, 30) * 0.001, rel=1e-3)


def test_above_one_bound_it_is_symmetric_in_the_logarithm() -> None:
    low, high = bounds(interval(0.4, moved(0.2), (0.0, math.inf), level=0.95, over="x"))
    assert low * high == pytest.approx(0.16)
    assert math.log(high / 0.4) == pytest.approx(t.ppf(0.975, 30) * 0.5)


def test_without_bounds_it_is_symmetric() -> None:
    low, high = bounds(interval(-7.0, moved(1.0), (-math.inf, math.inf), level=0.9, over="x"))
    assert (low + high) / 2 == pytest.approx(-7)
    assert high + 7 == pytest.approx(t.ppf(0.95, 30))


def test_without_scatter_it_is_that_of_a_share_of_the_units() -> None:
    """Two classes all right and one all wrong scatter not, and are not known for sure."""
    found = bounds(interval(0.5, moved(0.0, df=29), UNIT, level=0.95, over="x"))
    assert found[1] - found[0] > 0.3


def test_at_a_bound_as_many_units_count_as_bear_on_it() -> None:
    """An area of 1 from 5 subjects of the rarer class is not as sure as one from 50."""
    few = bounds(interval(1.0, moved(0.0, df=4), UNIT, level=0.95, over="subject"))
    many = bounds(interval(1.0, moved(0.0, df=49), UNIT, level=0.95, over="subject"))
    assert few[0] < many[0] < 1 == few[1] == many[1]


@pytest.mark.parametrize(
    ("found", "reason"),
    [
        (moved(0.1, units=2), "fewer than 3 subjects"),
        (moved(math.nan), "a class has fewer than two subjects"),
        (moved(0.1, df=0), "a class has fewer than two subjects"),
    ],
)
def test_none_where_none_is_honest(found: Influence, reason: str) -> None:
    nothing = interval(0.5, found, UNIT, level=0.95, over="subject")
    assert nothing.ci is None
    assert nothing.level is None
    assert reason in nothing.method


def test_none_where_all_agree_and_no_bound_says_how_sure_that_is() -> None:
    nothing = interval(0.0, moved(0.0), (0.0, math.inf), level=0.95, over="subject")
    assert nothing.ci is None
    assert nothing.method == "no interval where all subjects agree"
