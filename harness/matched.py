"""Rows of two records that a latency gate selects, paired; and why some cannot be compared."""

import dataclasses
from typing import Literal

from harness.errors import HarnessError
from harness.record import CONDITIONS, Measurement, Record, Where
from harness.suite import Gate

BACKEND = "onnxruntime"
"""The one that needs nothing but the file."""
SAME = ("provider", "precision", "threads")
"""Where the rows of one backend and batch differ in these, they are not comparable."""
MACHINE = ("cpu", "cores", "memory_gb")
"""What of its environment a row on the CPU depends on; any other depends on the GPUs too."""

Status = Literal["missing", "new", "not-comparable", "not-run", "regressed"]


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Fault:
    """Why a row has no trial, as a verdict says it."""

    status: Status
    reason: str


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Pair:
    """A gate on one row that base and head have; with a `fault`, there is nothing to time."""

    gate: Gate
    where: Where
    fault: Fault | None = None

    @property
    def name(self) -> str:
        """As a verdict calls it."""
        return dataclasses.replace(self.gate, where=self.where).name


def pairs(gate: Gate, subject: str, base: Record, head: Record) -> list[Pair]:
    """A pair for each row of either record that the gate is about.

    A row of the head whose twin in the base has another provider, precision or number of threads
    makes one pair with it, not comparable. Raises HarnessError where the gate selects no row.
    """
    then, now = (
        [row.where for row in record.measurements if _about(gate, row)] for record in (base, head)
    )
    if not (then or now):
        raise HarnessError(
            f"gate {gate.name} must select a row of {subject}, got none; check its where"
        )
    old, new = [w for w in then if w not in now], [w for w in now if w not in then]
    found = [Pair(gate=gate, where=where, fault=_unfit(where, base, head)) for where in then]
    found = [pair for pair in found if pair.where not in old]
    for where in new:
        twin = next((one for one in old if _twins(one, where)), None)
        if twin is not None:
            old.remove(twin)
        found.append(Pair(gate=gate, where=where, fault=_alone(where, twin)))
    gone = Fault(status="missing", reason="the base has this row, the head has not")
    return [*found, *(Pair(gate=gate, where=where, fault=gone) for where in old)]


def _about(gate: Gate, row: Measurement) -> bool:
    named = all(row.where.get(key) == value for key, value in gate.where.items())
    return row.metric == gate.metric and named and row.where.keys() == set(CONDITIONS)


def _twins(one: Where, other: Where) -> bool:
    return all(one[key] == other[key] for key in CONDITIONS if key not in SAME)


def _alone(where: Where, twin: Where | None) -> Fault:
    if twin is None:
        return Fault(status="new", reason="the base's record has no such row")
    said = [f"{key} differs: base {twin[key]}, head {where[key]}" for key in SAME]
    differing = [text for key, text in zip(SAME, said, strict=True) if twin[key] != where[key]]
    return Fault(status="not-comparable", reason="; ".join(differing))


def _unfit(where: Where, base: Record, head: Record) -> Fault | None:
    """Why a row that both have cannot be timed, if so."""
    if where["backend"] != BACKEND:
        reason = f"{where['backend']} needs more than a file: gates time the {BACKEND} backend"
        return Fault(status="not-run", reason=reason)
    on_cpu = where["provider"] == "CPUExecutionProvider"
    for key in MACHINE if on_cpu else (*MACHINE, "gpus"):
        then, now = base.environment.get(key), head.environment.get(key)
        if then != now:
            reason = f"another machine: {key} of the base is {then}, of the head {now}"
            return Fault(status="not-comparable", reason=reason)
    return None
