"""The rule of latency gates: whether a head is slower than its base, from a value of each process.

docs/latency-gate.md says how often it is wrong.
"""

import dataclasses
import functools
import math
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from scipy.stats import norm  # type: ignore[import-untyped]

from harness.record import Verdict
from harness.statistics import shift
from harness.trial import LEVEL, Trial

MOST = 1_000
"""Processes a side above which nobody would wait for a verdict."""

Array = NDArray[np.float64]
Status = Literal["regressed", "improved", "ok", "inconclusive"]


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Times:
    """(n,) values above 0 a side, one of each process in the order of time, two at least.

    Where `better` is "higher" they are speeds, and what is compared is 1 / speed.
    """

    base: Array
    head: Array
    unit: str = "ms"
    better: Literal["lower", "higher"] = "lower"

    @property
    def costs(self) -> tuple[Array, Array]:
        """Of base and head, so that more is slower."""
        return (self.base, self.head) if self.better == "lower" else (1 / self.base, 1 / self.head)


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """What decides. `slower` and `faster` are one-sided p values, adjusted for all gates.

    `effect`, with its interval, says how many times as long the head takes; `ratio` is the gate's,
    and `noise` what the base's odd and even processes differ by; both are 1 or more.
    """

    n: int
    effect: float
    ci: tuple[float, float] | None
    noise: float
    ratio: float
    slower: float
    faster: float
    gates: int


def trial(gate: str, subject: str, times: Times, ratio: float) -> Trial:
    """The gate's test; its verdict waits for the others of the check."""
    base, head = times.costs
    verdict = functools.partial(_verdict, gate, subject, times, ratio)
    return Trial(gate=gate, subject=subject, p=shift.mann_whitney(head, base), verdict=verdict)


def _verdict(
    gate: str, subject: str, times: Times, ratio: float, adjusted: float, gates: int
) -> Verdict:
    base, head = times.costs
    seen = Seen(
        n=len(base),
        effect=shift.ratio(head, base),
        ci=shift.ratio_interval(head, base, 1 - LEVEL),
        noise=shift.noise(base),
        ratio=ratio,
        slower=adjusted,
        faster=min(1.0, gates * shift.mann_whitney(base, head)),
        gates=gates,
    )
    status, reason = decide(seen)
    return Verdict(
        gate=gate,
        subject=subject,
        status=status,
        reason=reason,
        kind="ratio",
        unit=times.unit,
        n=seen.n,
        over="process",
        baseline=float(np.median(times.base)),
        current=float(np.median(times.head)),
        effect=seen.effect,
        ci=seen.ci,
        level=1 - LEVEL,
        p=adjusted,
        method=shift.METHOD,
        ratio=ratio,
        noise=seen.noise,
    )


def decide(seen: Seen) -> tuple[Status, str]:
    """Status and reason. Slower counts only beyond both the gate's ratio and the noise."""
    takes = f"takes {seen.effect:.3g} times as long as the base"
    if seen.slower <= LEVEL and seen.effect > max(seen.ratio, seen.noise):
        return "regressed", f"{takes}, beyond the ratio {seen.ratio:g} and noise {seen.noise:.3g}"
    if seen.faster <= LEVEL and seen.effect < 1 / seen.noise:
        return "improved", f"{takes}, and the noise is {seen.noise:.3g}"
    if seen.ci is not None and seen.ci[1] < seen.ratio:
        return "ok", f"{takes}; {seen.ratio:g} times is outside the interval"
    needed = processes_needed(seen)
    more = f"about {needed:,}" if needed else f"more than {MOST:,}"
    reach = f"{seen.ci[1]:.3g} times" if seen.ci else "any"
    return "inconclusive", (
        f"{takes}, noise {seen.noise:.3g}; the interval reaches {reach}, the gate's ratio is "
        f"{seen.ratio:g}; {more} processes a side would settle it"
    )


def processes_needed(seen: Seen) -> int | None:
    """How many a side would settle what is not settled, if effect and scatter stay as they are.

    Interval and noise shrink with the root of their number. None where that is above `MOST`.
    """
    least = max(seen.n + 1, shift.fewest(LEVEL / seen.gates))
    if seen.ci is None:
        return max(least, shift.fewest(LEVEL / 2))
    effect, low, high = (math.log(number) for number in (seen.effect, *seen.ci))
    if seen.effect > seen.ratio:
        tested, drawn = map(float, norm.ppf([1 - LEVEL / seen.gates, 1 - LEVEL / 2]))
        reach, gap = max((effect - low) * tested / drawn, math.log(seen.noise)), effect
    else:
        reach, gap = high - effect, math.log(seen.ratio) - effect
    if gap * math.sqrt(MOST / seen.n) <= reach:
        return None
    return max(least, math.ceil(seen.n * (reach / gap) ** 2))
