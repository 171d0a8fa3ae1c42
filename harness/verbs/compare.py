"""`compare`: two models of a suite, or two run folders, on the same cases."""

from pathlib import Path

import numpy as np

from harness.baselines import Entry, shipped
from harness.compare import difference
from harness.errors import HarnessError
from harness.gate import incomparable
from harness.predictions import Predictions
from harness.record import Record, as_json, read_record
from harness.text import columns
from harness.verbs._scope import Answer, Scope

Pair = tuple[str, list[Predictions], list[Predictions]]
"""Where, and the test predictions of both sides, an entry a seed."""


def compare(scope: Scope, a: str, b: str) -> Answer:
    """Paired differences of every metric, a minus b in the better direction.

    Two names of models are models, whatever folders are called like them.
    """
    rows, data = [["on", "metric", a, b, "gain", "interval"]], []
    known = {a, b} <= scope.suite.models.keys()
    for where, left, right in (not known and _folders(a, b)) or _models(scope, a, b):
        for spec in scope.suite.metrics:
            found = difference(spec, left, right, scope.suite.policy.interval)
            if isinstance(found, str):
                rows.append([where, spec.name, found])
                data.append({"on": where, "metric": spec.name, "reason": found})
                continue
            low, high = found.ci
            numbers = [f"{found.a:.4f}", f"{found.b:.4f}", f"{found.effect:+.4f}"]
            rows.append([where, spec.name, *numbers, f"[{low:+.4f}, {high:+.4f}]"])
            data.append({"on": where, **as_json(found)})
    return Answer(text=columns(rows), data={"differences": data})


def _folders(a: str, b: str) -> list[Pair]:
    """Of two run folders; nothing where neither is one."""
    if not (Path(a).is_dir() or Path(b).is_dir()):
        return []
    records = [read_record(Path(side) / "record.json") for side in (a, b)]
    different = incomparable([(_entry(records[0]), _entry(records[1]))])
    if different:
        raise HarnessError(f"{a} and {b} must be of the same data and policy, got: {different}")
    left, right = shipped(Path(a)), shipped(Path(b))
    if not all(np.array_equal(getattr(left, of), getattr(right, of)) for of in ("id", "y_true")):
        raise HarnessError(f"{a} and {b} must hold the same cases, got different ones")
    return [("the same cases", [left], [right])]


def _entry(record: Record) -> Entry:
    return Entry(record=record, probability=None, history=())


def _models(scope: Scope, a: str, b: str) -> list[Pair]:
    """Of two models by dataset and device, over the seeds that both were measured with."""
    for name in (a, b):
        if name not in scope.suite.models:
            known = ", ".join(scope.suite.models)
            raise HarnessError(f"a model must be one of {known}, or a run folder, got {name!r}")
    found: dict[str, dict[tuple[str, int], Predictions]] = {}
    for run in scope.runs:
        record = scope.record(run) if run.model in (a, b) else None
        if record is not None and record.status == "ok":
            tables = found.setdefault(f"{run.dataset} {run.device}", {})
            tables[run.model, run.seed] = shipped(scope.folder(run))
    pairs = []
    for where, tables in found.items():
        seeds = [seed for model, seed in tables if model == a and (b, seed) in tables]
        if seeds:
            pairs.append((where, [tables[a, s] for s in seeds], [tables[b, s] for s in seeds]))
    if not pairs:
        raise HarnessError(
            f"{a} and {b} must share a dataset and seed in {scope.place}, got none; "
            f"{scope.command(f'run {scope.asked}')}"
        )
    return pairs
