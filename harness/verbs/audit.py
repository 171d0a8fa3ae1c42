"""`audit`: faults of the data of a suite, before any training."""

import functools
from typing import Any

from harness import disk
from harness.audit.every import audit
from harness.audit.finding import Finding
from harness.audit.gathered import Gathered
from harness.progress import Progress
from harness.text import columns
from harness.verbs._doubts import AUDIT, audited_data
from harness.verbs._scope import Answer, Scope


def audited(scope: Scope, *, quiet: bool) -> Answer:
    """Look at every selected dataset, and write what is found where `check` reads it.

    The code is 2 where nothing could be read at all. Of a dataset that could not be, an audit of
    before is left as it is. Raises HarnessError where the place cannot be written.
    """
    progress, suite = Progress(quiet), scope.suite
    rows: list[dict[str, Any]] = []
    texts: list[str] = []
    try:
        for name in dict.fromkeys(run.dataset for run in scope.runs):
            called = f"{suite.name}/{name}"
            heard = functools.partial(progress.audited, called)
            found = audit(suite.datasets[name], scope.root, heard)
            rows.append(_row(scope, name, found))
            texts.append(_text(called, found))
    finally:
        progress.close()
    code = 0 if any(row["file"] for row in rows) else 2
    return Answer(text="\n\n".join(texts), data={"audits": rows, "code": code}, code=code)


def _row(scope: Scope, name: str, found: Gathered) -> dict[str, Any]:
    """What was found, written if anything was read."""
    faults = [finding.as_json() for finding in found.findings]
    row = {"suite": scope.suite.name, "dataset": name, "cases": _cases(found), "faults": faults}
    path = scope.place / scope.suite.name / name / AUDIT
    if found.data is None:
        return {**row, "file": None}
    told = {**row, **audited_data(scope, name)}
    disk.write_json(path, told)
    return {**told, "file": str(path)}


def _cases(found: Gathered) -> dict[str, int]:
    """How many were looked at, by split."""
    if found.data is None:
        return {}
    return {name: int((found.data.split == name).sum()) for name in found.data.splits}


def _text(called: str, found: Gathered) -> str:
    counted = ", ".join(f"{name} {n:,}" for name, n in _cases(found).items())
    head = f"{called}: {counted}" if counted else f"{called}: nothing was read"
    lines = [head, *_lines(found.findings)]
    return "\n".join(lines)


def _lines(findings: list[Finding]) -> list[str]:
    if not findings:
        return []
    return [columns([[each.severity, each.code, each.message] for each in findings])]
