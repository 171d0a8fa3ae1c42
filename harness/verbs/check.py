"""`check`: verdicts of a suite's gates on its records."""

from pathlib import Path

from harness import gate
from harness.baselines import Entry, accepted, shipped
from harness.errors import HarnessError
from harness.gate import Side
from harness.plan import Run
from harness.record import as_json
from harness.text import columns
from harness.verbs._scope import Answer, Scope

ORDER = ("missing", "regressed", "not-comparable", "inconclusive")


def check(scope: Scope, baselines: Path) -> Answer:
    """Verdicts of every gate on every selected model, worst first.

    Raises HarnessError where a model has neither a record nor an accepted one, or one that failed
    or was made under another policy than the suite's.
    """
    groups: dict[str, list[Run]] = {}
    for each in scope.runs:
        groups.setdefault(each.id.rpartition("/")[0], []).append(each)
    found = []
    for subject, members in groups.items():
        side, known = _side(scope, subject, members), accepted(baselines, members[0])
        if not side.entries and not known:
            raise HarnessError(
                f"{subject} must be measured first, got no record in {scope.place}; "
                f"{scope.command(f'run {scope.asked}')}"
            )
        found += gate.verdicts(scope.suite, side, known)
    found.sort(key=lambda verdict: (*ORDER, verdict.status).index(verdict.status))
    rows = [[v.status, v.subject, v.gate, v.reason] for v in found]
    code = gate.exit_code(found, scope.suite.policy)
    return Answer(text=columns(rows), data={"verdicts": as_json(found), "code": code}, code=code)


def _side(scope: Scope, subject: str, members: list[Run]) -> Side:
    """The measured checkpoints of one model, dataset and device; a failed one is refused."""
    entries, predictions = {}, {}
    for each in members:
        record = scope.record(each)
        if record is None:
            continue
        if record.status != "ok":
            raise HarnessError(f"{each.id} must be ok, got {record.status}: {record.error}")
        if record.run.get("policy") != scope.suite.policy.measured:
            raise HarnessError(
                f"{each.id} must be measured under the suite's policy, got a record under another; "
                f"{scope.command(f'run {scope.asked}')}"
            )
        entries[each.seed] = Entry(record=record, probability=None, history=())
        predictions[each.seed] = shipped(scope.folder(each))
    return Side(subject=subject, entries=entries, predictions=predictions)
