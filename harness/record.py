"""Measurement, Record and Verdict: what was found, and what was decided from it. JSON on disk."""

import dataclasses
import json
import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal

from harness import strict
from harness.errors import HarnessError

SCHEMA = "harness.record/1"

Better = Literal["higher", "lower"] | float | None
DIRECTIONS = ("higher", "lower")
"""What can be ranked and gated; a target, or none, cannot."""
Where = Mapping[str, str]

CONDITIONS = ("backend", "provider", "precision", "batch", "threads")
"""Keys of `where` that a gate need not name: one verdict for each of their values."""


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Measurement:
    """One number and all that it needs to be believed.

    `value` is None exactly when `status` is "undefined", and `reason` then says why. `n` counts
    cases in units of `over`; `excluded` those left out. `samples` are raw, in `unit`.
    """

    metric: str
    value: float | None
    where: Where = dataclasses.field(default_factory=dict)
    status: Literal["ok", "undefined"] = "ok"
    reason: str | None = None
    kind: Literal["value", "difference", "ratio"] = "value"
    n: int | None = None
    over: str | None = None
    excluded: int = 0
    ci: tuple[float, float] | None = None
    level: float | None = None
    method: str | None = None
    p: float | None = None
    unit: str = "1"
    better: Better = None
    samples: tuple[float, ...] = ()

    def __post_init__(self) -> None:
        if (self.value is None) != (self.status == "undefined"):
            raise ValueError(f"{self.metric}: value {self.value} does not fit status {self.status}")
        numbers = (self.value, self.level, self.p, *(self.ci or ()), *self.samples, self.better)
        for number in numbers:
            if isinstance(number, float) and not math.isfinite(number):
                raise ValueError(f"{self.metric}: must be finite or undefined, got {number}")
        if self.status == "undefined" and not self.reason:
            raise ValueError(f"{self.metric}: an undefined value must have a reason")


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Record:
    """All that is known of one Run, written last. `run` holds the Run's fields as text."""

    run: Mapping[str, Any]
    status: Literal["ok", "partial", "failed"]
    measurements: tuple[Measurement, ...] = ()
    selection: Mapping[str, Any] = dataclasses.field(default_factory=dict)
    environment: Mapping[str, Any] = dataclasses.field(default_factory=dict)
    artifacts: Mapping[str, Mapping[str, str]] = dataclasses.field(default_factory=dict)
    warnings: tuple[Mapping[str, str], ...] = ()
    seconds: Mapping[str, float] = dataclasses.field(default_factory=dict)
    digests: Mapping[str, str] = dataclasses.field(default_factory=dict)
    error: str | None = None
    schema: str = SCHEMA

    def __post_init__(self) -> None:
        seen: set[tuple[str, tuple[tuple[str, str], ...]]] = set()
        for row in self.measurements:
            key = (row.metric, tuple(sorted(row.where.items())))
            if key in seen:
                raise ValueError(f"two rows of {row.metric} where {dict(row.where)}")
            seen.add(key)

    @property
    def fault(self) -> str:
        """Why it is not ok: its error, or the first case that could not be read; "" where it is."""
        unread = (each["message"] for each in self.warnings if each["code"] == "unread-case")
        return self.error or next(unread, "")

    def find(self, metric: str, **where: str) -> Measurement | None:
        """The row of `metric` whose `where` is exactly `where`, or None."""
        for row in self.measurements:
            if row.metric == metric and row.where == where:
                return row
        return None


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """What one gate says of one model.

    `effect` is current minus baseline in the better direction, so that above 0 is a gain; of kind
    "ratio" it is current over baseline, so that above 1 is slower. `ci` is at `level`, `p` that of
    a regression, adjusted for all gates of the check. `resolution` is what the minimum detectable
    effect would be without a margin; `noise` the ratio that two timings of the same file reach.
    """

    gate: str
    subject: str
    status: Literal[
        "ok", "improved", "regressed", "inconclusive", "not-comparable", "missing", "new", "not-run"
    ]
    reason: str
    kind: Literal["difference", "ratio"] = "difference"
    unit: str = "1"
    n: int | None = None
    over: str | None = None
    baseline: float | None = None
    current: float | None = None
    effect: float | None = None
    ci: tuple[float, float] | None = None
    level: float | None = None
    p: float | None = None
    method: str | None = None
    margin: float | None = None
    ratio: float | None = None
    noise: float | None = None
    minimum_detectable_effect: float | None = None
    resolution: float | None = None
    changed: tuple[str, ...] = ()


def as_json(thing: Any) -> Any:
    """A dataclass, mapping or sequence as JSON values; None and empty fields are left out."""
    if dataclasses.is_dataclass(thing) and not isinstance(thing, type):
        pairs = ((f.name, getattr(thing, f.name)) for f in dataclasses.fields(thing))
        kept = ((name, value) for name, value in pairs if name in ALWAYS or value not in _EMPTY)
        return {name: as_json(value) for name, value in kept}
    if isinstance(thing, Mapping):
        return {str(key): as_json(value) for key, value in thing.items()}
    if isinstance(thing, (tuple, list)):
        return [as_json(item) for item in thing]
    return thing


ALWAYS = ("metric", "value", "where", "n", "run", "measurements", "warnings")
"""Fields that are written even where they are None or empty."""
_EMPTY: tuple[Any, ...] = (None, (), {})


def measurement_from_json(row: Mapping[str, Any]) -> Measurement:
    """The inverse of `as_json` for one row. Raises HarnessError where it is none."""
    return strict.build(Measurement, row, "a measurement")


def record_from_json(text: str, name: str) -> Record:
    """Parse a record; `name` is what an error calls it.

    Raises HarnessError where the text is not a record of this schema version: an old record is
    refused by name, never misread.
    """
    try:
        fields = json.loads(text)
        strict.plain(fields, f"{name}:")
    except (ValueError, RecursionError) as error:
        raise HarnessError(f"{name} must be JSON, got {error}; delete it and run again") from None
    schema = fields.get("schema") if isinstance(fields, dict) else None
    if schema != SCHEMA:
        raise HarnessError(f"{name} must have schema {SCHEMA!r}, got {schema!r}; run again")
    return strict.build(Record, fields, f"{name}:")


def read_record(path: Path) -> Record:
    """The record at `path`. Raises HarnessError where it is missing, broken or of another kind."""
    try:
        return record_from_json(path.read_text(encoding="utf-8"), str(path))
    except OSError as error:
        raise HarnessError(f"{path} must be a readable record, got {error.strerror}") from None
    except UnicodeDecodeError as error:
        raise HarnessError(f"{path} must be JSON, got {error}; delete it and run again") from None
