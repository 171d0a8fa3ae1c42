"""The rule of a quality gate: what a paired difference says of a margin."""

import math
from functools import partial

from harness.compare import Difference
from harness.record import Verdict
from harness.statistics.power import bound, p_below
from harness.trial import LEVEL, Trial

BEYOND = 1e9
"""More units than these are nobody's."""


def trial(gate: str, subject: str, found: Difference, margin: float) -> Trial:
    """A gate on one difference, to be settled once the whole check is known."""
    return Trial(
        gate=gate,
        subject=subject,
        p=p_below(found.effect, found.error, found.df, found.counted),
        verdict=partial(_verdict, gate, subject, found, margin),
    )


def status(found: Difference, margin: float, p: float, family: int) -> str:
    """`regressed`: significantly below 0 and the estimate below the margin. `improved`: above 0.

    `ok`: the lower bound is above -margin; else the data cannot say. `p` is adjusted for the
    `family` of trials; the bound holds for each gate by itself.
    """
    if p < LEVEL and found.effect < -margin:
        return "regressed"
    gain = p_below(-found.effect, found.error, found.df, found.counted)
    if family * gain < LEVEL:
        return "improved"
    lower = bound(found.effect, found.error, found.df, LEVEL)
    return "ok" if lower > -margin or found.effect == found.error == 0 else "inconclusive"


def _verdict(
    gate: str, subject: str, found: Difference, margin: float, p: float, family: int
) -> Verdict:
    decided = status(found, margin, p, family)
    resolution = found.detectable(0.0, LEVEL / family)
    reason = _reason(decided, found, margin)
    if resolution is not None and resolution > margin:
        reason += f"; the margin is below the resolution of {resolution:.3g}"
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


def _reason(decided: str, found: Difference, margin: float) -> str:
    if decided == "regressed":
        return f"worse by {-found.effect:.3g}, more than the margin {margin:g}"
    if decided == "improved":
        return f"better by {found.effect:.3g}, which is not by chance"
    lower = bound(found.effect, found.error, found.df, LEVEL)
    if found.effect == found.error == 0:
        return "every case is answered as before"
    if decided == "ok":
        return f"at worst a loss of {max(-lower, 0.0):.3g}; the margin is {margin:g}"
    needed = settling(found, margin)
    more = f"{needed:,} {found.over}s would settle it" if needed else "no number would settle it"
    return f"the loss may be {-lower:.3g}, the margin is {margin:g}: {more}, at this difference"


def settling(found: Difference, margin: float) -> int | None:
    """How many units would decide, were the difference what it seems; None where it is the margin.

    The error shrinks with the root of their number until the bound passes the margin, or the
    estimate is significantly below 0.
    """
    spread = found.effect - bound(found.effect, found.error, found.df, LEVEL)
    clear = found.effect + margin if found.effect >= -margin else -found.effect
    times = spread / clear if clear else math.inf
    needed = found.n * times * times
    return math.ceil(needed) if needed < BEYOND else None
