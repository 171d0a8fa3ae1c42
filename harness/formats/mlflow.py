"""MLflow: each record a run of a tracking server or an SQLite file, with curves and artefacts."""

import hashlib
import json
import os
import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from harness.baselines import Entry
from harness.disk import Unwritable
from harness.errors import HarnessError
from harness.formats._places import free
from harness.formats._report import Report, Written
from harness.record import Record, as_json

TASKS: tuple[str, ...] = ()
"""It holds no predictions that could be scored."""
URI = "MLFLOW_TRACKING_URI"
SERVED = ("http", "https", "databricks")
STORES = ("sqlite", "postgresql", "mysql", "mssql")
DIGEST = "harness.record"
MOST, FEW = 500, 100
"""Of a batch: a server takes 1,000 numbers, and 100 parameters or tags, at once."""
LONGEST = 200
"""Of a name: a server takes 250 signs, and the ends of intervals need some."""


def export(report: Report, folder: Path) -> Written:
    """A run a record, in an experiment a suite: parameters, metrics, tags, curve and `record.json`.

    To the server or database in MLFLOW_TRACKING_URI, else `mlflow.db` in `folder`. A metric of a
    part of the cases is METRIC/KEY_VALUE, bounds of its interval end in /ci_low and /ci_high; what
    is undefined is in `record.json` and in no metric. A record that is there is left as it is.
    Raises HarnessError where MLflow is not installed, or the address is none that it writes to.
    """
    uri = os.environ.get(URI) or f"sqlite:///{folder.resolve() / 'mlflow.db'}"
    shown = _without_password(uri)
    scheme = uri.partition(":")[0].partition("+")[0]
    if scheme not in (*SERVED, *STORES):
        raise HarnessError(
            f"{URI} must be a server or a database, as http://HOST:5000 or sqlite:///mlflow.db, "
            f"got {shown}; MLflow writes no plain folders any more"
        )
    library = _library()
    from sqlalchemy.exc import SQLAlchemyError

    try:
        folder.mkdir(parents=True, exist_ok=True)
        client = library.MlflowClient(tracking_uri=uri)
        place = None if scheme in SERVED else (folder.resolve() / "artifacts").as_uri()
        made = [_run(client, place, entry) for entry in report.entries]
    except OSError as error:
        raise Unwritable(f"{folder} must be writable, got: {error.strerror}") from None
    except ImportError as error:
        raise HarnessError(f"{shown} must have its driver here, got: {error}; install it") from None
    except (library.exceptions.MlflowException, SQLAlchemyError) as error:
        told = _without_password(" ".join(str(error).split()))
        raise HarnessError(f"{shown} must take runs, got: {told}; see {URI}") from None
    new = sum(made)
    told = f"{new} runs written to {shown}, {len(made) - new} were there"
    return Written(paths=[folder], notes=[told])


def _without_password(text: str) -> str:
    return re.sub("//[^@/ ]*@", "//", text)


def _library() -> Any:
    """The package, silent and without a word to its makers. Raises HarnessError where it is not."""
    os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")
    os.environ.setdefault("MLFLOW_LOGGING_LEVEL", "WARNING")
    os.environ.setdefault("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "2")
    try:
        import mlflow
        import sqlalchemy  # noqa: F401
    except ImportError as error:
        raise HarnessError(
            f"--to mlflow must have the packages of the extra mlflow, got: {error}; "
            'pip install "imaging-harness[mlflow]"'
        ) from None
    return mlflow


def _run(client: Any, place: str | None, entry: Entry) -> bool:
    """Write one record; whether it was not there yet."""
    record = entry.record
    text = json.dumps(as_json(record), sort_keys=True)
    digest = hashlib.sha256(text.encode()).hexdigest()
    experiment = _experiment(client, place, str(record.run["suite"]))
    if client.search_runs([experiment], f"tags.`{DIGEST}` = '{digest}'", max_results=1):
        return False
    made = client.create_run(experiment, run_name=str(record.run["id"]))
    try:
        _fill(client, made.info.run_id, entry)
        client.log_dict(made.info.run_id, as_json(record), "record.json")
        client.set_tag(made.info.run_id, DIGEST, digest)
    except BaseException:
        client.delete_run(made.info.run_id)
        raise
    ended = "FAILED" if record.status == "failed" else "FINISHED"
    client.set_terminated(made.info.run_id, status=ended)
    return True


def _experiment(client: Any, place: str | None, name: str) -> str:
    known = client.get_experiment_by_name(name)
    where = f"{place}/{name}" if place else None
    found: str = known.experiment_id if known else client.create_experiment(name, where)
    return found


def _fill(client: Any, run: str, entry: Entry) -> None:
    from mlflow.entities import Metric, Param, RunTag

    now = 0
    params = [Param(key, value[:6000]) for key, value in params_of(entry.record).items()]
    tags = [RunTag(key, value[:8000]) for key, value in tags_of(entry.record).items()]
    values = [Metric(key, value, now, 0) for key, value in metrics_of(entry.record).items()]
    values += [Metric(key, value, now, step) for key, value, step in curve(entry.history)]
    kinds: tuple[tuple[str, list[Any], int], ...] = (
        ("params", params, FEW),
        ("tags", tags, FEW),
        ("metrics", values, MOST),
    )
    for name, every, most in kinds:
        for part in range(0, len(every), most):
            client.log_batch(run, **{name: every[part : part + most]})


def params_of(record: Record) -> dict[str, str]:
    """What was asked for and chosen: fields of the Run and of the selection, dotted."""
    return _flat({**record.run, "selection": record.selection})


def tags_of(record: Record) -> dict[str, str]:
    """Status, conditions, and a tag a warning."""
    found = {"harness.status": record.status, **_flat({"environment": record.environment})}
    found |= {"harness.error": record.error} if record.error else {}
    found |= {f"warning.{each['code']}": each["message"] for each in record.warnings}
    return {key: value for key, value in found.items() if value}


def metrics_of(record: Record) -> dict[str, float]:
    """Name -> number; "_2" where two would have one name without the signs that MLflow forbids.

    A "/" stands before a key, and nowhere else: MLflow reads names as paths.
    """
    found: dict[str, float] = {}
    for row in record.measurements:
        if row.value is None:
            continue
        parts = [row.metric, *(f"{key}_{value}" for key, value in sorted(row.where.items()))]
        name = free("/".join(map(_plain, parts))[:LONGEST], found)
        found[name] = float(row.value)
        if row.ci:
            found[f"{name}/ci_low"], found[f"{name}/ci_high"] = map(float, row.ci)
    return found


def _plain(name: str) -> str:
    return re.sub(r"[^\w\-. ]+", "_", name)


def curve(history: Sequence[Mapping[str, float]]) -> Iterator[tuple[str, float, int]]:
    """Name, number and epoch of a training curve."""
    for row in history:
        for name, value in row.items():
            if name != "epoch" and isinstance(value, int | float):
                yield f"history/{name}", float(value), int(row.get("epoch", 0))


def _flat(table: Mapping[str, Any], prefix: str = "") -> dict[str, str]:
    found: dict[str, str] = {}
    for key, value in table.items():
        name = _plain(f"{prefix}{key}")
        if isinstance(value, Mapping):
            found |= _flat(value, f"{name}.")
        elif value is not None:
            found[name] = value if isinstance(value, str) else json.dumps(value)
    return found
