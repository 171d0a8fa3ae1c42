"""How long `harness check` takes on stored records, each with its baseline and one gate.

    OMP_NUM_THREADS=1 python benchmarks/check_speed.py [RECORDS [CASES]]

Makes a suite of RECORDS models (200) of one dataset with CASES test cases (300) in a temporary
folder, a record of each and an accepted one, through the package's own writers and without any
training; a record has the quality rows of its predictions and a latency with 500 samples. Then the
command runs as a user starts it, three times, in a new process each. Prints the seconds of each,
those of them that it computed, and whether torch was imported, and exits with 1 if it was.
"""

import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

from harness import baselines, disk, shelf, store
from harness.cases import SHIPPED
from harness.predictions import Predictions
from harness.record import Measurement, Record, as_json
from harness.score import score
from harness.verbs._scope import ALL, Scope, open_scope

ROUNDS = 3
SUITE = """
title   = "Stored records"
task    = "classify"
metrics = ["roc_auc", "accuracy", "brier"]

[datasets.phantom]
load = "phantom"
args = {{ dim = 2, size = 8, subjects = {subjects} }}

{models}
[[gates]]
metric = "roc_auc"
margin = 0.05
"""
MODEL = '[models.m{index}]\nbuild = "slice_cnn"\nargs = {{ hidden = [{hidden}] }}\n'
ASKED = """
import sys
sys.argv = ["harness", "check", "stored", "--json"]
from harness.cli import main
try:
    main()
finally:
    print("torch" in sys.modules, file=sys.stderr)
"""


def main() -> int:
    """Make, check, tell."""
    records, cases = (*map(int, sys.argv[1:]), *(200, 300)[len(sys.argv) - 1 :])
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        _make(folder, records, cases)
        taken = [_check(folder) for _ in range(ROUNDS)]
    each = ", ".join(f"{whole:.2f} s ({busy:.2f} busy)" for whole, busy, _ in taken)
    torch = any(imported for _, _, imported in taken)
    print(f"{records} records of {cases} cases: {each}; torch imported: {torch}")
    return int(torch)


def _make(folder: Path, records: int, cases: int) -> None:
    models = [MODEL.format(index=i, hidden=i + 2) for i in range(records)]
    text = SUITE.format(subjects=5 * cases, models="\n".join(models))
    disk.write(folder / "suites/stored.toml", text)
    scope = open_scope(str(folder / "suites/stored.toml"), ALL, None, folder / "runs")
    for index, run in enumerate(scope.runs):
        digest = scope.digests(run)["fit"]
        for then in (True, False):
            place = store.run_folder(scope.place, run, digest)
            _write(scope, index, place, _predictions(index, cases, then))
            if then:
                baselines.accept(place, run, folder / "baselines", allow_dirty=True)


def _predictions(index: int, cases: int, then: bool) -> Predictions:
    """An AUC of about 0.85; a model and what was accepted of it agree in most."""
    truth = (np.arange(cases) % 4 == 0).astype(np.int64)
    shared, own = (np.random.default_rng([index, part]) for part in (2, then))
    noise = 0.9 * shared.normal(size=cases) + 0.44 * own.normal(size=cases)
    positive = 1 / (1 + np.exp(-(1.5 * truth + noise - 1)))
    return Predictions(
        classes=("healthy", "lesion"),
        id=np.array([f"test/{case:05}" for case in range(cases)]),
        split=np.full(cases, "test"),
        variant=np.full(cases, SHIPPED),
        y_true=truth,
        probability=np.stack([1 - positive, positive], axis=1),
        decision=(positive > 0.5).astype(np.int64),
        subject=np.array([f"subject {case // 2}" for case in range(cases)]),
    )


def _write(scope: Scope, index: int, place: Path, cases: Predictions) -> None:
    run, suite = scope.runs[index], scope.suite
    dataset = suite.datasets[run.dataset]
    reader = shelf.load("datasets", dataset.load)
    about = {
        **{of: getattr(run, of) for of in ("suite", "dataset", "model", "device", "seed", "id")},
        "title": suite.title,
        "task": suite.task,
        "metrics": [metric.name for metric in suite.metrics],
        "data": reader.fingerprint(scope.root, **dataset.args),
        "classes": list(cases.classes),
        "kind": cases.kind,
        "policy": suite.policy.measured,
    }
    where = {"backend": "onnxruntime", "provider": "CPUExecutionProvider", "precision": "fp32"}
    where |= {"batch": "1", "threads": "1"}
    calls = tuple(np.random.default_rng(index).lognormal(0, 0.05, 500).tolist())
    latency = Measurement(
        metric="latency_p50", value=sorted(calls)[250], where=where, unit="ms", samples=calls
    )
    rows = (*score(cases, suite.metrics, suite.policy), latency)
    record = Record(run=about, status="ok", measurements=rows, digests=scope.digests(run))
    disk.write(place / "predictions.parquet", cases.to_parquet())
    disk.write_json(place / "record.json", as_json(record))


def _check(folder: Path) -> tuple[float, float, bool]:
    """Seconds, those of the processor, and whether torch was imported."""
    start, before = time.perf_counter(), os.times()
    done = subprocess.run(
        [sys.executable, "-c", ASKED], cwd=folder, capture_output=True, text=True, check=False
    )
    seconds, after = time.perf_counter() - start, os.times()
    busy = after.children_user + after.children_system
    busy -= before.children_user + before.children_system
    if done.returncode not in (0, 1):
        raise SystemExit(done.stderr)
    return seconds, busy, done.stderr.split()[-1] == "True"


if __name__ == "__main__":
    sys.exit(main())
