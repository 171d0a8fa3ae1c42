"""What classification models of a report said of each test case, with labels and groups."""

from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np

from harness import truth
from harness.aggregate import policy_of
from harness.baselines import Entry, shipped
from harness.cases import SHIPPED
from harness.compare import with_scores
from harness.errors import HarnessError
from harness.predictions import Predictions
from harness.record import as_json
from harness.samples import Samples
from harness.verbs._gathered import DEVICES
from harness.verbs._scope import Scope, open_scope

KEPT = ("data", "split", "classes", "kind")
"""What two records must share to be of the same cases."""


def first(entries: Sequence[Entry]) -> list[Entry]:
    """Of each classification model the record of its first seed that did not fail."""
    found: dict[tuple[str, ...], Entry] = {}
    for entry in sorted(entries, key=lambda entry: int(entry.record.run["seed"])):
        about = entry.record.run
        key = tuple(str(about[name]) for name in ("suite", "dataset", "model", "device"))
        if about["task"] == "classify" and entry.record.status != "failed":
            found.setdefault(key, entry)
    return list(found.values())


def predicted(
    entries: Sequence[Entry], root: Path | None, place: Path
) -> Iterator[Predictions | str]:
    """Of each entry in turn its test cases, or its id and why they are not at hand.

    They are those of its Run in `place`. An accepted table has no labels: it is joined with them,
    or with the data below `root` where that is as it was.
    """
    scopes: dict[str, Scope] = {}
    for entry in entries:
        name = str(entry.record.run["suite"])
        try:
            if name not in scopes:
                scopes[name] = open_scope(name, (None, None, None, DEVICES), root, place)
            yield _table(scopes[name], entry)
        except HarnessError as error:
            yield f"{entry.record.run['id']}: {error}"


def _table(scope: Scope, entry: Entry) -> Predictions:
    """Raises HarnessError, saying why, where nothing tells the labels."""
    threshold = policy_of(entry.record).threshold
    known = _of_run(scope, entry)
    if known is not None and entry.scores is None:
        return known
    if entry.scores is None:
        raise HarnessError(f"{scope.place} has no such Run")
    labels = known if known is not None else _of_data(scope, entry)
    joined: Predictions = with_scores(labels, entry, threshold)
    return joined


def _of_run(scope: Scope, entry: Entry) -> Predictions | None:
    """The test cases of the Run that the entry is of, where it is at hand and of the same data."""
    about = entry.record.run
    for run in scope.runs:
        if run.id != about["id"]:
            continue
        try:
            record = scope.record(run)
        except HarnessError:  # data that is not here has no digest, and accepted records need none
            return None
        if record is not None and all(record.run.get(k) == about.get(k) for k in KEPT):
            cases: Predictions = shipped(scope.folder(run))
            return cases
    return None


def _of_data(scope: Scope, entry: Entry) -> Predictions:
    """The test cases of the data, of which nothing is said yet."""
    about = entry.record.run
    dataset = scope.suite.datasets.get(str(about["dataset"]))
    if dataset is None:
        raise HarnessError(f"suite {scope.suite.name} has no dataset {about['dataset']} any more")
    if (reason := truth.absent(dataset, scope.root)) is not None:
        raise HarnessError(f"its labels are in the data: {reason}; name its folder by --data")
    divided = as_json(dataset.split) if dataset.split else None
    now = (truth.fingerprint(dataset, scope.root), divided)
    if now != (about["data"], about.get("split")):
        raise HarnessError("the data is not that which it was measured on; run and accept it again")
    return _unsaid(truth.cases(dataset, "test", scope.root))


def _unsaid(cases: Samples) -> Predictions:
    n = len(cases)
    return Predictions(
        classes=cases.classes,
        kind=cases.kind,
        id=cases.ids,
        split=np.full(n, "test"),
        variant=np.full(n, SHIPPED),
        y_true=cases.targets,
        probability=np.zeros((n, len(cases.classes))),
        decision=np.zeros_like(cases.targets),
        subject=cases.subjects,
        groups=cases.groups,
    )
