"""Latency gates: both files of each row that they select, timed in turns here."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path

import numpy as np

from harness import duel
from harness.errors import HarnessError
from harness.matched import Fault, Pair, pairs
from harness.record import CONDITIONS, Record, Verdict, Where, read_record
from harness.rules import LATENCY_METRICS
from harness.slowdown import Times, trial
from harness.statistics.quantiles import samples_needed
from harness.suite import Gate, Suite
from harness.trial import Trial

PROCESSES = 9
"""A side, at least: with so many, any one of 486 gates can regress."""

Fight = Callable[[Where, Iterable[str]], duel.Duel]


def trials(
    suite: Suite,
    subject: str,
    base: Mapping[int, Path],
    head: Mapping[int, Path],
    *,
    say: Callable[[str], None],
    processes: int = PROCESSES,
    ask: duel.Ask = duel.ask,
) -> list[Trial | Verdict]:
    """One for each row that a latency gate of `suite` selects; none where it has no such gate.

    base, head: seed -> the folder of a run, with record.json and model.onnx. Of several seeds only
    the lowest that both have is timed: a file's speed is that of its architecture. Rows with the
    same conditions share their processes. Raises HarnessError where a gate selects no row or has
    no ratio, and for fewer than 9 processes a side.
    """
    gates = [gate for gate in suite.gates if gate.metric in LATENCY_METRICS]
    _check(gates, processes)
    seeds = sorted(base.keys() & head.keys())
    if not gates or not seeds:
        fault = _no_seed(base, head)
        return [_verdict(Pair(gate=gate, where=gate.where), subject, fault) for gate in gates]
    old, new = base[seeds[0]], head[seeds[0]]
    then, now = (read_record(folder / "record.json") for folder in (old, new))
    if then.status == "failed":
        fault = Fault(status="not-comparable", reason=f"the base failed: {then.error}")
        return [_verdict(Pair(gate=gate, where=gate.where), subject, fault) for gate in gates]
    found = [pair for gate in gates for pair in pairs(gate, subject, then, now)]

    def fight(where: Where, metrics: Iterable[str]) -> duel.Duel:
        about = f"{subject}  {_conditions(where)}"
        return duel.fight(
            old / "model.onnx",
            new / "model.onnx",
            _terms(where, now, metrics),
            processes=processes,
            ask=ask,
            say=lambda text: say(f"{about}  {text}"),
        )

    return _all(found, subject, fight)


def _all(found: Sequence[Pair], subject: str, fight: Fight) -> list[Trial | Verdict]:
    """Each pair as what it comes to; rows of the same conditions are timed once."""
    fought: dict[str, duel.Duel] = {}
    for pair in found:
        what = _conditions(pair.where)
        if pair.fault is None and what not in fought:
            metrics = [each.gate.metric for each in found if _conditions(each.where) == what]
            fought[what] = fight(pair.where, metrics)
    return [
        _verdict(pair, subject, pair.fault)
        if pair.fault
        else _judged(pair, subject, fought[_conditions(pair.where)])
        for pair in found
    ]


def _check(gates: Sequence[Gate], processes: int) -> None:
    if processes < PROCESSES:
        raise HarnessError(
            f"processes a side must be {PROCESSES} or more, got {processes}; ask for {PROCESSES}"
        )
    for gate in gates:
        if gate.ratio is None:
            raise HarnessError(
                f"gate {gate.name} must have a ratio to be timed, got margin {gate.margin}; "
                "write ratio = 1.10 or the like"
            )


def _no_seed(base: Mapping[int, Path], head: Mapping[int, Path]) -> Fault:
    if base:
        reason = f"no seed in common: base {sorted(base)}, head {sorted(head)}"
        return Fault(status="missing", reason=reason)
    return Fault(status="new", reason="the base has no record of it")


def _conditions(where: Where) -> str:
    return ", ".join(f"{key} {where[key]}" for key in CONDITIONS if key in where)


def _terms(where: Where, record: Record, metrics: Iterable[str]) -> duel.Terms:
    """As the row asks, with as many samples as the percentiles among `metrics` need."""
    percents = [int(name.removeprefix("latency_p")) for name in metrics if "_p" in name]
    return duel.Terms(
        device=str(record.run["device"]),
        backend=where["backend"],
        provider=where["provider"],
        precision=where["precision"],
        batch=int(where["batch"]),
        threads=int(where["threads"]),
        samples=max(map(samples_needed, (50, *percents))),
        seconds=duel.SECONDS,
    )


def _judged(pair: Pair, subject: str, fought: duel.Duel) -> Trial | Verdict:
    """A file that no longer answers is a regression; a base that does not is no measure."""
    metric, ratio = pair.gate.metric, pair.gate.ratio or 1.0
    then, now = _faulty(fought.base, metric), _faulty(fought.head, metric)
    if then is not None:
        who = "neither file can be timed" if now else "the base cannot be timed"
        return _verdict(pair, subject, Fault(status="not-comparable", reason=f"{who}: {then}"))
    if now is not None:
        reason = f"the head fails where the base answers: {now}"
        return _verdict(pair, subject, Fault(status="regressed", reason=reason))
    base, head = (
        np.array([answer.values[metric] for answer in side]) for side in (fought.base, fought.head)
    )
    if metric == "throughput":
        times = Times(base=base, head=head, unit="images/s", better="higher")
    else:
        times = Times(base=base, head=head)
    return trial(pair.name, subject, times, ratio)


def _faulty(answers: Sequence[duel.Answer], metric: str) -> str | None:
    """The first fault among the answers of one side."""
    for answer in answers:
        if answer.fault is not None:
            return answer.fault
        if metric not in answer.values:
            return f"too few calls in a minute for {metric}"
    return None


def _verdict(pair: Pair, subject: str, fault: Fault) -> Verdict:
    return Verdict(
        gate=pair.name,
        subject=subject,
        status=fault.status,
        reason=fault.reason,
        kind="ratio",
        ratio=pair.gate.ratio,
    )
