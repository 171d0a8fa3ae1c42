"""Warnings that bear on a check: those of the records that it read, and of audits of their data."""

import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from harness import truth
from harness.errors import HarnessError
from harness.record import as_json
from harness.rules import LATENCY_METRICS
from harness.verbs._checked import Doubt
from harness.verbs._scope import Scope
from harness.verbs._sides import Measured

AUDIT = "audit.json"
"""Below the folder of a dataset's Runs: what `audit` found in it."""
MACHINE = ("unsteady-latency", "noisy-latency", "backend-skipped")
"""Warnings about stored timings, which judge nothing: they never fail."""
LEAK = "leak"
"""How the code of an audit's fault begins that fails under --strict."""
STALE = "stale-audit"
"""The code of an audit of other data, which fails under --strict, too."""
NOTE = "note"
"""The severity of what is no fault."""


def of_records(sides: Sequence[Measured], *, strict: bool) -> list[Doubt]:
    """Every warning of every record that was judged; with `strict` they fail, but for MACHINE."""
    return [
        Doubt(
            subject=side.subject,
            what=f"s{seed}",
            code=warning["code"],
            message=warning["message"],
            fails=strict and warning["code"] not in MACHINE,
        )
        for side in sides
        for seed, entry in side.side.entries.items()
        for warning in entry.record.warnings
    ]


def of_audits(scope: Scope, *, strict: bool) -> Iterator[Doubt]:
    """What `runs/SUITE/DATASET/audit.json` says: `faults`, each a code and a message;
    notes are left out.

    Where there is none, nothing. One of other data says nothing of these, and is told. Raises
    HarnessError for one that is broken.
    """
    for dataset in dict.fromkeys(run.dataset for run in scope.runs):
        path = scope.place / scope.suite.name / dataset / AUDIT
        for code, message in _told(scope, dataset, path) if path.is_file() else ():
            yield Doubt(
                subject=f"{scope.suite.name}/{dataset}",
                what="audit",
                code=code,
                message=message,
                fails=strict and (code == STALE or code.startswith(LEAK)),
            )


def is_latency(gate: str) -> bool:
    """Whether the gate of this name, `latency_p50[batch=1]`, is about time."""
    return gate.partition("[")[0] in LATENCY_METRICS


def _told(scope: Scope, dataset: str, path: Path) -> Iterator[tuple[str, str]]:
    """Whether it is of the data that are there now, where any are, and its faults."""
    audited, faults = _audit(path)
    try:
        here = audited_data(scope, dataset)
    except HarnessError:
        here = audited
    if here != audited:
        again = f"harness audit {scope.suite.name}"
        yield STALE, f"{path} is of other data, or of data divided otherwise, than now; {again}"
    yield from faults


def audited_data(scope: Scope, dataset: str) -> dict[str, Any]:
    """What an audit is of: the data, and how the suite reads, groups and divides them.

    Raises HarnessError where the data is not here.
    """
    declared = scope.suite.datasets[dataset]
    return {
        "fingerprint": truth.fingerprint(declared, scope.root),
        "declared": as_json([declared.args, declared.groups, declared.split]),
    }


def _audit(path: Path) -> tuple[dict[str, Any], list[tuple[str, str]]]:
    """What it is of, and code and message of each fault."""
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
        told = [fault for fault in found["faults"] if fault.get("severity") != NOTE]
        faults = [(str(fault["code"]), str(fault["message"])) for fault in told]
        return {key: found[key] for key in ("fingerprint", "declared")}, faults
    except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        reason = f"{type(error).__name__}: {error}".partition("\n")[0]
        raise HarnessError(
            f"{path} must be an audit with faults, got {reason}; audit again or delete it"
        ) from None
