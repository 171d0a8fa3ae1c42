"""The rule of latency gates: each status for its reason, and how often it is wrong."""

import dataclasses
import itertools
import sys
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from harness.slowdown import MOST, Seen, Times, decide, processes_needed, trial
from harness.statistics.shift import mann_whitney, ratio
from harness.trial import LEVEL, settled

sys.path.insert(0, str(Path(__file__).parent.parent / "benchmarks"))
from latency_gate import STATUSES, Scenario, shares

BASE = np.array([10.0, 10.1, 10.2, 9.9, 9.8, 10.05, 9.95, 10.15, 9.85])
PLAIN = Seen(
    n=9, effect=1.0, ci=(0.95, 1.05), noise=1.02, ratio=1.1, slower=0.5, faster=0.5, gates=1
)


def verdict(head, base=BASE, declared=1.1, beside=0, **changes):
    """Of one gate among `beside` others, which see nothing."""
    times = Times(base=base, head=np.asarray(head, float), **changes)
    others = [trial("other", "model", Times(base=BASE, head=BASE), 1.1)] * beside
    return settled([trial("p50", "model", times, declared), *others])[0]


@pytest.mark.parametrize(
    ("factor", "status"),
    [(1.0, "ok"), (1.05, "ok"), (1.2, "regressed"), (2.0, "regressed"), (0.8, "improved")],
)
def test_a_multiple_of_the_base_is_what_it_is(factor, status):
    found = verdict(BASE * factor)
    assert (found.status, found.gate, found.subject) == (status, "p50", "model")
    assert found.effect == pytest.approx(factor)
    assert (found.baseline, found.current) == pytest.approx((10, 10 * factor))
    assert found.ci[0] <= found.effect <= found.ci[1]
    assert (found.kind, found.unit, found.n, found.over) == ("ratio", "ms", 9, "process")
    assert (found.level, found.ratio) == (1 - LEVEL, 1.1)
    assert f"{factor:.3g} times as long" in found.reason


def test_the_p_is_that_of_a_slowdown_adjusted_for_all_gates():
    head = BASE * 1.15
    assert verdict(head).p == mann_whitney(head, BASE)
    assert verdict(head, beside=3).p == pytest.approx(4 * mann_whitney(head, BASE))
    assert verdict(BASE * 0.5).p == pytest.approx(1)


def test_an_improvement_too_is_one_of_a_family():
    head = BASE * np.linspace(0.9, 1.0, 9)
    p = mann_whitney(BASE, head)
    assert LEVEL / 20 < p < LEVEL
    assert verdict(head).status == "improved"
    assert verdict(head, beside=19).status == "ok"


def test_a_speed_is_better_when_higher():
    slower = verdict(BASE / 1.3, unit="images/s", better="higher")
    assert (slower.status, slower.unit) == ("regressed", "images/s")
    assert slower.effect == pytest.approx(1.3)
    assert slower.current == pytest.approx(10 / 1.3)
    assert verdict(BASE * 1.3, unit="images/s", better="higher").status == "improved"


@given(st.integers(0, 2**32 - 1), st.floats(0.6, 1.7), st.sampled_from([1.0, 1.1, 1.5]))
@settings(max_examples=60, deadline=None)
def test_a_time_and_its_inverse_as_speed_are_one_verdict(seed, factor, declared):
    rng = np.random.default_rng(seed)
    base, head = np.exp(rng.normal(0, 0.05, (2, 9)))
    as_time = verdict(factor * head, base, declared)
    as_speed = verdict(1 / (factor * head), 1 / base, declared, better="higher")
    assert as_speed.status == as_time.status
    assert as_speed.effect == pytest.approx(as_time.effect)


@given(st.integers(0, 2**32 - 1), st.floats(0.6, 1.7), st.sampled_from([1.0, 1.1, 1.5]))
@settings(max_examples=60, deadline=None)
def test_regressed_is_significant_and_beyond_ratio_and_noise(seed, factor, declared):
    rng = np.random.default_rng(seed)
    base, head = np.exp(rng.normal(0, 0.08, (2, 9)))
    found = verdict(factor * head, base, declared)
    apart = ratio(base[::2], base[1::2])
    beyond = found.effect > declared and found.effect > max(apart, 1 / apart)
    assert (found.status == "regressed") == (beyond and mann_whitney(factor * head, base) <= LEVEL)


@pytest.mark.parametrize(
    ("changes", "status"),
    [
        ({"effect": 1.2, "ci": (1.1, 1.3), "slower": LEVEL}, "regressed"),
        ({"effect": 1.2, "ci": (1.1, 1.3), "slower": 1.1 * LEVEL}, "inconclusive"),
        ({"effect": 1.2, "ci": (1.1, 1.3), "slower": 1e-4, "noise": 1.25}, "inconclusive"),
        ({"effect": 1.1, "ci": (1.05, 1.15), "slower": 1e-4}, "inconclusive"),
        ({"effect": 1.08, "ci": (1.06, 1.09), "slower": 1e-4}, "ok"),
        ({"effect": 0.9, "ci": (0.8, 0.99), "faster": LEVEL}, "improved"),
        ({"effect": 0.9, "ci": (0.8, 0.99), "faster": 1.1 * LEVEL}, "ok"),
        ({"effect": 0.9, "ci": (0.8, 0.99), "faster": 1e-4, "noise": 1.12}, "ok"),
        ({"ci": (0.9, 1.1)}, "inconclusive"),
        ({"ci": (0.9, 1.09)}, "ok"),
        ({"ci": None, "n": 3}, "inconclusive"),
    ],
)
def test_each_condition_decides_alone(changes, status):
    found, reason = decide(dataclasses.replace(PLAIN, **changes))
    assert found == status
    assert ("would settle it" in reason) == (status == "inconclusive")


@pytest.mark.parametrize(
    ("changes", "needed"),
    [
        ({"ci": (0.8, 1.1**2)}, 36),  # the interval must shrink to half
        ({"ci": (0.9, 1.101)}, 10),  # and here to a little less
        ({"effect": 1.2, "ci": (1.1, 1.3), "noise": 1.2**1.9, "slower": 1e-4}, 33),  # 9 * 1.9**2
        ({"effect": 1.2, "ci": (0.95, 1.5)}, 13),
        ({"effect": 1.2, "ci": (0.95, 1.5), "gates": 20}, 25),
        ({"effect": 1.099, "ci": (1.0, 1.2)}, None),
        ({"effect": 1.1, "ci": (1.0, 1.2)}, None),
        ({"n": 3, "ci": None}, 5),
        ({"n": 9, "ci": (0.9, 1.101), "gates": 10_000}, 12),
    ],
)
def test_the_number_that_would_settle_it(changes, needed):
    seen = dataclasses.replace(PLAIN, **changes)
    assert processes_needed(seen) == needed
    said = f"about {needed} processes" if needed else f"more than {MOST:,} processes"
    assert said in decide(seen)[1]


def test_as_many_processes_as_it_said_do_settle_it():
    """Where the scatter is as it was: the same values again, so many times."""
    rng = np.random.default_rng(5)
    seen = 0
    for _ in range(300):
        base, head = np.exp(rng.normal(0, 0.05, (2, 9)))
        found = verdict(head, base)
        if found.status != "inconclusive" or "more than" in found.reason:
            continue
        needed = int(found.reason.partition("about ")[2].split()[0].replace(",", ""))
        times = -(-needed // 9) + 1
        jitter = np.exp(rng.normal(0, 1e-6, (2, 9 * times)))
        again = verdict(np.tile(head, times) * jitter[0], np.tile(base, times) * jitter[1])
        seen += again.status in ("ok", "inconclusive", "improved")
        assert again.status != "inconclusive", found.reason
    assert seen > 20


def test_two_files_of_no_spread_are_judged():
    same = np.full(9, 4.0)
    assert verdict(same, same).status == "ok"
    assert verdict(2 * same, same).status == "regressed"


def test_the_order_of_processes_bears_on_the_noise_alone():
    drift = np.sort(BASE)
    noisy = np.array([*itertools.chain(*zip(drift[:4], drift[5:], strict=True)), drift[4]])
    assert verdict(BASE * 1.2, drift).effect == verdict(BASE * 1.2, noisy).effect
    assert verdict(BASE * 1.2, drift).noise < verdict(BASE * 1.2, noisy).noise


FEW = 400


def test_a_file_against_itself_is_seldom_called_slower():
    """1 % by Mann-Whitney alone, at the strictest ratio; of 20 gates 1 % together."""
    assert shares(Scenario(slower=1.0), FEW)["any"] == 0
    assert shares(Scenario(slower=1.0, ratio=1.0), FEW)["any"] <= 0.025
    assert shares(Scenario(slower=1.0, ratio=1.0, gates=20), FEW // 4)["any"] <= 0.04


def test_a_slowdown_of_15_percent_is_called():
    found = shares(Scenario(slower=1.15), FEW)
    assert found["regressed"] >= 0.93
    assert found["regressed"] > found["medians"]
    assert sum(found[status] for status in STATUSES) == pytest.approx(1)


def test_a_doubling_is_called_from_five_a_side_always():
    assert shares(Scenario(slower=2.0, processes=5), FEW)["regressed"] == 1
