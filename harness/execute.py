"""One Run through all its steps: data, fit, export, predict, score, time, and the record, last."""

import dataclasses
import shutil
import time
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from harness import disk, shelf, store, tasks
from harness.disk import file_digest
from harness.errors import HarnessError
from harness.job import Job
from harness.plan import Run
from harness.progress import Progress
from harness.record import Record, as_json, measurement_from_json, read_record
from harness.steps import STEPS, Facts, stale
from harness.suite import Suite

RECORD, LOCK = "record.json", ".lock"
ARTIFACTS = {
    "weights": "weights.safetensors",
    "onnx": "model.onnx",
    "predictions": "predictions.parquet",
    "history": "history.jsonl",
}


def execute(
    suite: Suite,
    run: Run,
    digests: Mapping[str, str],
    *,
    root: Path | None,
    runs: Path,
    progress: Progress,
    fresh: bool = False,
    debug: bool = False,
) -> Record:
    """Bring one Run up to date and return its record; a fault of the Run is a `failed` record.

    `fresh` forgets what was done before. An old record goes before the first stale step begins, so
    that no kill leaves one beside files that it does not describe. Raises HarnessError only where
    the folder cannot be written, and whatever the Run raises with `debug`.
    """
    folder = store.run_folder(runs, run, digests["fit"])
    with disk.locked(folder, lambda: progress.say(f"{run.id}  waiting for another process")):
        record = None if fresh else finished(folder, run, digests)
        if record is not None:
            return record
        _remove(path for path in folder.iterdir() if path.name == RECORD or fresh)
        job = Job(suite, run, digests, root, folder, progress)
        try:
            record = _measure(job)
        except disk.Unwritable:
            raise
        except Exception as error:
            if debug:
                raise
            record = _failed(job, error)
        disk.write_json(folder / RECORD, as_json(record))
        return record


def finished(folder: Path, run: Run, digests: Mapping[str, str]) -> Record | None:
    """The record in `folder`, if all of it was done with these digests and its files are there."""
    if not (folder / RECORD).is_file() or stale(store.State.open(folder, run), digests):
        return None
    try:
        record = read_record(folder / RECORD)
    except HarnessError:  # broken, or of an older schema: its steps are written down anew
        return None
    return record if record.status == "ok" and record.digests == digests else None


def _remove(paths: Iterable[Path]) -> None:
    for path in paths:
        if path.name == LOCK:
            continue
        try:
            shutil.rmtree(path) if path.is_dir() else path.unlink()
        except OSError as error:
            raise disk.Unwritable(
                f"{path} must be removable, got: {error.strerror}; choose another --out"
            ) from None


def _measure(job: Job) -> Record:
    state = store.State.open(job.folder, job.run)
    for name in stale(state, job.digests, _mended(job, state)):
        _do(job, state, name)
    facts = {name: state.steps[name] for name in STEPS}
    unread = _unread(facts.values())
    rows = [row for found in facts.values() for row in found.get("measurements", [])]
    return Record(
        run=_described(job),
        status="partial" if unread else "ok",
        measurements=tuple(map(measurement_from_json, rows)),
        selection={**facts["fit"]["selection"], **facts["export"]["selection"]},
        environment=_conditions(job, facts),
        artifacts=_artifacts(job.folder),
        warnings=(*unread, *(w for found in facts.values() for w in found.get("warnings", []))),
        seconds={name: found["seconds"] for name, found in facts.items()},
        digests=job.digests,
    )


def _mended(job: Job, state: store.State) -> set[str]:
    """The steps that left out a case which can be read by now."""
    task = tasks.of(job.suite.task)
    return {
        name
        for name, found in state.steps.items()
        if found.get("unread") and task.mended(job, found["unread"])
    }


def _unread(facts: Iterable[Facts]) -> list[dict[str, str]]:
    """A warning for each case that could not be read, once."""
    said = [
        f"{case['split']} case {case['id']} was not read: {case['message']}"
        for found in facts
        for case in found.get("unread", [])
    ]
    return [{"code": "unread-case", "message": message} for message in dict.fromkeys(said)]


def _do(job: Job, state: store.State, name: str) -> None:
    """Do one step, and remember in `state` what it found and under which conditions."""
    job.progress.step(job.run.id, name)
    conditions = job.conditions
    start = time.perf_counter()
    found: Facts = STEPS[name].do(job)
    if "unread" in found:
        found["unread"] = [dict(c, message=_placeless(job, c["message"])) for c in found["unread"]]
    found["environment"] = conditions
    found["seconds"] = round(time.perf_counter() - start, 3)
    state.finish(name, job.digests[name], found.pop("files", []), found)


def _conditions(job: Job, facts: Mapping[str, Facts]) -> dict[str, Any]:
    """The machine is that of the time step, the commit that of the score; dirty if any step was."""
    dirty = [found.get("environment", found).get("dirty") for found in facts.values()]
    return {
        **facts["time"].get("environment", job.conditions),
        "commit": facts["score"].get("environment", facts["score"]).get("commit"),
        "dirty": True if True in dirty else None if None in dirty else False,
        "fit_threads": facts["fit"].get("threads"),
    }


def _described(job: Job) -> dict[str, Any]:
    """The Run's fields, and what a reader of the record wants to know without the suite."""
    reader = shelf.load("datasets", job.dataset.load)
    return {
        **_declared(job),
        "data": reader.fingerprint(job.root, **job.dataset.args),
        "source": dict(reader.SOURCE),
        "classes": list(job.val.classes),
        "kind": job.val.kind,
        "policy": job.suite.policy.measured,
        **({"split": as_json(job.dataset.split)} if job.dataset.split else {}),
        **({"train_subjects": taught} if (taught := job.taught) else {}),
    }


def _declared(job: Job) -> dict[str, Any]:
    return {
        **{key: value for key, value in dataclasses.asdict(job.run).items() if value is not None},
        "id": job.run.id,
        "title": job.suite.title,
        "task": job.suite.task,
        "metrics": [metric.name for metric in job.suite.metrics],
    }


def _artifacts(folder: Path) -> dict[str, dict[str, str]]:
    return {
        name: {"path": file, "sha256": file_digest(folder / file)}
        for name, file in ARTIFACTS.items()
        if (folder / file).is_file()
    }


def _failed(job: Job, error: Exception) -> Record:
    message = str(error) if isinstance(error, HarnessError) else f"{type(error).__name__}: {error}"
    return Record(
        run=_declared(job),
        status="failed",
        error=_placeless(job, message).strip().partition("\n")[0],
        environment=job.conditions,
        digests=job.digests,
    )


def _placeless(job: Job, message: str) -> str:
    """Files named without the Run's folder or the data's: what is kept holds no such path."""
    for place in (job.folder, job.root):
        message = message.replace(f"{place}/", "")
    return message
