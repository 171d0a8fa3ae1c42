"""`compare`: two models of a suite, or two run folders, on the same cases."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from harness.baselines import Entry, shipped
from harness.comparable import incomparable
from harness.compare import difference
from harness.errors import HarnessError
from harness.plan import EXTERNAL
from harness.record import Record, read_record
from harness.retest import Test, retest
from harness.suite import MetricSpec
from harness.verbs._scope import Answer, Scope
from harness.verbs._versus import Adjust, Row, answer

Pair = tuple[str, list[Any], list[Any]]
"""Where, and the test predictions of both sides, an entry a seed."""


def compare(
    scope: Scope,
    a: str,
    b: str,
    *,
    test: Test = "default",
    adjust: Adjust = "holm",
    where: Sequence[str] = (),
) -> Answer:
    """Paired differences of every metric, a minus b in the better direction.

    Two names of models are models, whatever folders are called like them. `where` are cohorts, as
    `class=malignant`.
    """
    models = {*scope.suite.models, *(run.model for run in scope.runs)}
    known, cohorts = {a, b} <= models, _cohorts(where)
    pairs = (not known and _folders(a, b)) or _models(scope, a, b)
    rows = [
        _row(scope, test, pair, spec, cohorts) for pair in pairs for spec in scope.suite.metrics
    ]
    level = round(1 - scope.suite.policy.interval.level, 12)
    return answer(a, b, rows, adjust, level)


def _row(scope: Scope, test: Test, pair: Pair, spec: MetricSpec, cohorts: Mapping[str, str]) -> Row:
    on, a, b = pair
    interval = scope.suite.policy.interval
    found = difference(spec, a, b, interval, cohorts)
    if not isinstance(found, str):
        found = retest(found, test, spec, a, b, interval, cohorts)
    return Row(on=on, metric=spec.name, found=found)


def _cohorts(where: Sequence[str]) -> dict[str, str]:
    """KEY=VALUE each. Raises HarnessError for anything else."""
    for each in where:
        if "=" not in each:
            raise HarnessError(f"where must be KEY=VALUE, such as class=malignant, got {each!r}")
    return dict((key, value) for key, _, value in (each.partition("=") for each in where))


def _folders(a: str, b: str) -> list[Pair]:
    """Of two run folders; nothing where neither is one."""
    if not (Path(a).is_dir() or Path(b).is_dir()):
        return []
    records = [read_record(Path(side) / "record.json") for side in (a, b)]
    different = incomparable([(_entry(records[0]), _entry(records[1]))])
    if different:
        raise HarnessError(f"{a} and {b} must be of the same data and policy, got: {different}")
    left, right = shipped(Path(a)), shipped(Path(b))
    _same(a, b, left, right)
    return [("the same cases", [left], [right])]


def _entry(record: Record) -> Entry:
    return Entry(record=record, scores=None, history=())


def _same(a: str, b: str, left: Any, right: Any) -> None:
    if not left.same_cases(right):
        raise HarnessError(f"{a} and {b} must hold the same cases, got different ones")


def _models(scope: Scope, a: str, b: str) -> list[Pair]:
    """Of two models by dataset and device, over the seeds that both were measured with.

    Predictions made elsewhere are of no device, and stand beside those of any.
    """
    known = dict.fromkeys([*scope.suite.models, *(run.model for run in scope.runs)])
    for name in (a, b):
        if name not in known:
            raise HarnessError(
                f"a model must be one of {', '.join(known)}, or a run folder, got {name!r}"
            )
    found: dict[tuple[str, str, str], dict[int, Any]] = {}
    for run in scope.runs:
        record = scope.record(run) if run.model in (a, b) else None
        if record is not None and record.status == "ok":
            tables = found.setdefault((run.model, run.dataset, run.device), {})
            tables[run.seed] = shipped(scope.folder(run))
    pairs = [
        _pair(a, b, on, left, right)
        for (model, dataset, device), left in found.items()
        for (other, of, at), right in found.items()
        if (model, other, of) == (a, b, dataset)
        and (device == at or EXTERNAL in (device, at))
        and left.keys() & right.keys()
        for on in [f"{dataset} {device}" if device == at else f"{dataset} {device}/{at}"]
    ]
    if not pairs:
        raise HarnessError(
            f"{a} and {b} must share a dataset and seed in {scope.place}, got none; "
            f"{scope.command(f'run {scope.asked}')}"
        )
    return pairs


def _pair(a: str, b: str, on: str, left: dict[int, Any], right: dict[int, Any]) -> Pair:
    seeds = [seed for seed in left if seed in right]
    for seed in seeds:
        _same(a, b, left[seed], right[seed])
    return on, [left[seed] for seed in seeds], [right[seed] for seed in seeds]
