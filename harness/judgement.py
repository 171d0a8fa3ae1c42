"""The rule of a quality gate: what a paired difference says of a margin."""

import math
from functools import partial

from harness.differences import ROUNDING, Difference
from harness.record import Verdict
from harness.statistics.power import bound
from harness.trial import LEVEL, Trial

BEYOND = 1e9
"""More units than these are nobody's."""


def trial(gate: str, subject: str, found: Difference, margin: float) -> Trial:
    """A gate on one difference, to be settled once the whole check is known."""
    return Trial(
        gate=gate,
        subject=subject,
        p=found.below,
        verdict=partial(_verdict, gate, subject, found, margin),
    )


def status(found: Difference, margin: float, p: float, family: int) -> str:
    """`regressed`: significantly below 0 and the estimate below the margin. `improved`: above 0.

    `ok`: the lower bound is above -margin; else the data cannot say. `p` is adjusted for the
    `family` of trials; the bound holds for each gate by itself. Rounding is within every margin.
    """
    margin = max(margin, ROUNDING)
    if p < LEVEL and found.effect < -margin:
        return "regressed"
    if family * found.above < LEVEL and found.effect > ROUNDING:
        return "improved"
    return "ok" if found.lower(LEVEL) > -margin else "inconclusive"


def _verdict(
    gate: str, subject: str, found: Difference, margin: float, p: float, family: int
) -> Verdict:
    decided = status(found, margin, p, family)
    resolution = found.detectable(0.0, LEVEL / family)
    reason = _reason(decided, found, margin, family)
    if decided in ("ok", "inconclusive") and resolution is not None and resolution > margin:
        reason += (
            f"; the margin is below the resolution of {resolution:.3g}: raise it, or test more"
        )
    return Verdict(
        gate=gate,
        subject=subject,
        status=decided,  # type: ignore[arg-type]
        reason=reason,
        n=found.n,
        over=found.over,
        baseline=found.b,
        current=found.a,
        effect=found.effect,
        ci=found.ci,
        level=found.level,
        p=p,
        method=found.method,
        margin=margin,
        minimum_detectable_effect=found.detectable(margin, LEVEL / family),
        resolution=resolution,
    )


def _reason(decided: str, found: Difference, margin: float, family: int) -> str:
    if decided == "regressed":
        return f"worse by {-found.effect:.3g}, more than the margin {margin:g}"
    if decided == "improved":
        return f"better by {found.effect:.3g}, which is not by chance"
    if found.same:
        return "every case is answered as before"
    loss = min(max(-found.lower(LEVEL), 0.0), found.room)
    if decided == "ok":
        return f"at worst a loss of {loss:.3g}; the margin is {margin:g}"
    needed = settling(found, margin, family)
    more = f"about {needed:,} {found.over}s" if needed else "no number of cases"
    return (
        f"worse by {-found.effect:.3g} now, by {loss:.3g} perhaps, and the margin is {margin:g}: "
        f"{more} would settle it, were the difference this one"
        if found.effect < 0
        else f"a loss of {loss:.3g} is possible, and the margin is {margin:g}: {more} would settle "
        "it, were the difference this one"
    )


def settling(found: Difference, margin: float, family: int) -> int | None:
    """How many units would decide, were the difference what it seems; None where it is the margin.

    The error shrinks with the root of their number until the bound passes the margin, or until the
    estimate is significantly below 0 as one of `family` trials. Where nothing scatters, so many
    that a sign test, or a loss that none of them shows, would decide.
    """
    worse = found.effect < -margin
    level = LEVEL / family if worse else LEVEL
    if found.error <= ROUNDING:
        return _without_scatter(found, margin, level, worse)
    spread = -bound(0.0, found.error, found.df, level)
    clear = -found.effect if worse else found.effect + margin
    times = max(spread / clear if clear else math.inf, 1.0)
    needed = found.n * times * times
    return max(math.ceil(needed), found.n + 1) if needed < BEYOND else None


def _without_scatter(found: Difference, margin: float, level: float, worse: bool) -> int | None:
    """Units of the rarest class that it takes, in the proportion that they are of all."""
    if worse:
        fewest = math.log(level) / math.log(0.5)
    elif 0 < (found.effect + margin) < found.room < math.inf:
        fewest = math.log(level) / math.log1p(-(found.effect + margin) / found.room)
    else:
        return None
    return max(math.ceil(found.n * fewest / max(found.fewest, 1)), found.n + 1)
