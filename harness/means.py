"""`mean.json`: the mean over the accepted seeds of a model, and which seeds it was made of."""

import contextlib
import dataclasses
import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, Literal

from harness import strict
from harness.disk import file_digest, write_json
from harness.errors import HarnessError
from harness.record import Measurement, Record, as_json

NAME = "mean.json"


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Means:
    """Rows of the mean over seeds, and what they were made of.

    seeds: each seed with the sha256 of its probabilities. The others are as in its record.
    """

    seeds: Mapping[str, str]
    data: str | None = None
    classes: tuple[str, ...] = ()
    policy: Mapping[str, Any] = dataclasses.field(default_factory=dict)
    split: Mapping[str, Any] = dataclasses.field(default_factory=dict)
    measurements: tuple[Measurement, ...]
    schema: Literal["harness.mean/1"] = "harness.mean/1"


def bearing(record: Record) -> dict[str, Any]:
    """What records must share to be compared, ranked or averaged.

    Of the policy, what bears on numbers; the split only where the suite divides the data.
    """
    policy = record.run.get("policy", {})
    return {
        "data": record.run.get("data"),
        "classes": tuple(record.run.get("classes", ())),
        "policy": {key: value for key, value in policy.items() if key != "inconclusive"},
        "split": dict(record.run.get("split", {})),
    }


def write(folder: Path, records: Mapping[int, Record], rows: Iterable[Measurement]) -> Path:
    """Put the mean over all accepted seeds of a model beside their `records`."""
    found = Means(**_made_of(folder, records), measurements=tuple(rows))
    write_json(folder / NAME, as_json(found))
    return folder / NAME


def read(folder: Path, records: Mapping[int, Record]) -> tuple[Measurement, ...]:
    """The rows of the mean over all of `records`, the accepted seeds in `folder`; () where none.

    Raises HarnessError where the file is broken or was made of other seeds, data or policy.
    """
    path = folder / NAME
    if not path.is_file():
        return ()
    found = _parsed(path)
    for name, value in _made_of(folder, records).items():
        if getattr(found, name) != value:
            raise HarnessError(
                f"{path} must be of the records beside it, got other {name}; accept one of them "
                "again, or delete it"
            )
    return found.measurements


def forget(folder: Path) -> None:
    """Remove the mean, since a record beside it is about to change."""
    with contextlib.suppress(OSError):  # where nothing can be removed, nothing is written either
        (folder / NAME).unlink(missing_ok=True)


def _made_of(folder: Path, records: Mapping[int, Record]) -> dict[str, Any]:
    seeds = {str(seed): file_digest(folder / f"s{seed}.parquet") for seed in sorted(records)}
    return {"seeds": seeds, **bearing(records[min(records)])}


def _parsed(path: Path) -> Means:
    try:
        fields = json.loads(path.read_text(encoding="utf-8"))
        strict.plain(fields, f"{path}:")
    except (OSError, ValueError, RecursionError) as error:
        raise HarnessError(f"{path} must be JSON, got {error}; accept again") from None
    return strict.build(Means, fields, f"{path}:")
