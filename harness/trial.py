"""A gate's test before and after all tests of one check are known: Holm over the family."""

import dataclasses
from collections.abc import Callable, Sequence

from harness.record import Verdict
from harness.statistics.multiplicity import holm

LEVEL = 0.01
"""The chance that a check in which nothing changed calls anything `regressed`."""


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Trial:
    """A gate that was measured on both sides and waits for the others.

    `p` is that of a regression, one-sided. `verdict` takes it adjusted, and the number of trials.
    """

    gate: str
    subject: str
    p: float
    verdict: Callable[[float, int], Verdict]


def settled(found: Sequence[Trial | Verdict]) -> list[Verdict]:
    """Every trial as its verdict, in place; what is a verdict already stays."""
    trials = [one for one in found if isinstance(one, Trial)]
    adjusted = iter(holm([one.p for one in trials]))
    return [
        one.verdict(float(next(adjusted)), len(trials)) if isinstance(one, Trial) else one
        for one in found
    ]


def noted(one: Trial | Verdict, changed: tuple[str, ...]) -> Trial | Verdict:
    """With what else differs between the sides: no reason not to judge, but to be known."""
    if isinstance(one, Verdict):
        return dataclasses.replace(one, changed=changed)
    decide = one.verdict
    return dataclasses.replace(
        one, verdict=lambda p, family: dataclasses.replace(decide(p, family), changed=changed)
    )
