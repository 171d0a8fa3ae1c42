"""A check against published results: whether the measured interval lies below, over or above."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from harness.aggregate import of_runs
from harness.baselines import Entry
from harness.published import Beside, Place, beside, published
from harness.record import Verdict
from harness.standings import standings
from harness.verbs._against import PUBLISHED
from harness.verbs._checked import Fault
from harness.verbs._scope import Scope
from harness.verbs._sides import Measured


def verdicts(
    scope: Scope, sides: Sequence[Measured], baselines: Path, faults: list[Fault]
) -> list[Verdict]:
    """One for each number that is published of a selected model and that its records have too.

    `regressed` where the whole interval is worse, `improved` where all of it is better, `ok` where
    the published number is within. Each is judged at the level of its interval, without a margin.
    A number that cannot be judged is `not-comparable`, one that is undefined now `missing`; of what
    others report of other networks there is no verdict. With none at all a sentence is added to
    `faults`.
    """
    found = {
        run: (side.side.entries[run.seed].record, side.folders[run.seed])
        for side in sides
        for run in side.runs
        if run.seed in side.folders
    }
    means = of_runs(found, scope.suite.metrics)
    entries = [
        Entry(record=record, scores=None, history=(), means=means.get(run, ()))
        for run, (record, _) in found.items()
    ]
    rows = beside(standings(entries), published(baselines))
    judged = [verdict for row in rows if row.model for verdict in _of_result(row)]
    if found and not judged:
        message = (
            "--against published must find a result of a selected model, got none of "
            f"{scope.suite.name}; leave --against out"
        )
        faults.append(Fault(subject=scope.suite.name, what=PUBLISHED, message=message))
    return judged


def _of_result(row: Beside) -> Iterator[Verdict]:
    subject = f"{row.suite}/{row.dataset}/{row.model}/{row.device}"
    for metric, place in row.places.items():
        gate = f"{metric}[published={row.result.name}]"
        yield _verdict(gate, subject, row.result.scores[metric], place, row.source.title)


def _verdict(gate: str, subject: str, value: float, place: Place, source: str) -> Verdict:
    row = place.measured
    told: dict[str, Any] = {"gate": gate, "subject": subject, "baseline": value}
    told |= {"current": row.value, "n": row.n, "over": row.over, "unit": row.unit}
    if place.word is None or row.value is None or row.ci is None:
        status: Any = "missing" if row.value is None else "not-comparable"
        return Verdict(status=status, reason=f"{source}: {place.reason}", **told)
    sign = -1.0 if row.better == "lower" else 1.0
    worse = "above" if sign > 0 else "below"
    status = "ok" if place.word == "within" else "regressed" if place.word == worse else "improved"
    low, high = sorted(sign * (end - value) for end in row.ci)
    return Verdict(
        status=status,
        reason=f"{source}: the published number is {place.word} our interval",
        effect=sign * (row.value - value),
        ci=(low, high),
        level=row.level,
        method=row.method,
        **told,
    )
