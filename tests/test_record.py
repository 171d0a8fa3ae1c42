"""A record on disk: what is written is read again, and what is no record is refused by name."""

import dataclasses
import json
import math
from pathlib import Path
from typing import Any

import jsonschema
import line
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from harness import schema
from harness.errors import HarnessError
from harness.record import (
    SCHEMA,
    Measurement,
    Record,
    as_json,
    measurement_from_json,
    read_record,
    record_from_json,
)

SCHEMA_FILE = Path(__file__).parent.parent / "docs" / "record.schema.json"
VALIDATOR = jsonschema.Draft202012Validator(schema.schema())

finite = st.floats(allow_nan=False, allow_infinity=False)
texts = st.text(max_size=5)
plain = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**63), 2**63 - 1) | finite | texts,
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(texts, inner, max_size=2),
    max_leaves=3,
)
tables = st.dictionaries(texts, plain, max_size=2)
about: dict[str, st.SearchStrategy[Any]] = {
    "metric": texts,
    "where": st.dictionaries(texts, texts, max_size=2),
    "kind": st.sampled_from(["value", "difference", "ratio"]),
    "n": st.none() | st.integers(0, 10**6),
    "over": st.none() | texts,
    "excluded": st.integers(0, 9),
    "ci": st.none() | st.tuples(finite, finite),
    "level": st.none() | finite,
    "method": st.none() | texts,
    "p": st.none() | finite,
    "unit": texts,
    "better": st.none() | finite | st.sampled_from(["higher", "lower"]),
    "samples": st.lists(finite, max_size=3).map(tuple),
}
undefined = st.builds(
    Measurement,
    value=st.none(),
    status=st.just("undefined"),
    reason=st.text(min_size=1),
    **about,
)
measurements = st.builds(Measurement, value=finite, reason=st.none() | texts, **about) | undefined
records = st.builds(
    Record,
    run=tables,
    status=st.sampled_from(["ok", "partial", "failed"]),
    measurements=st.lists(
        measurements, max_size=3, unique_by=lambda row: (row.metric, *sorted(row.where.items()))
    ).map(tuple),
    selection=tables,
    environment=tables,
    artifacts=st.dictionaries(texts, st.dictionaries(texts, texts, max_size=2), max_size=2),
    warnings=st.lists(st.dictionaries(texts, texts, max_size=2), max_size=2).map(tuple),
    seconds=st.dictionaries(texts, finite, max_size=2),
    digests=st.dictionaries(texts, texts, max_size=2),
    error=st.none() | texts,
)


def row(**changes: Any) -> Measurement:
    return Measurement(**{"metric": "roc_auc", "value": 0.8, **changes})


def record(**changes: Any) -> Record:
    return Record(**{"run": {"id": "a/b/c/cpu/s0"}, "status": "ok", **changes})


def text(**changes: Any) -> str:
    return json.dumps({**as_json(record(measurements=(row(),))), **changes})


def sentence(broken: str) -> str:
    with pytest.raises(HarnessError) as caught:
        record_from_json(broken, "x/record.json")
    said = str(caught.value)
    assert said.startswith("x/record.json")
    assert "\n" not in said
    return said.removeprefix("x/record.json").lstrip(": ")


# There and back


@settings(max_examples=100, deadline=None)
@given(records)
def test_what_is_written_is_read_again(written: Record) -> None:
    data = json.loads(json.dumps(as_json(written), allow_nan=False))
    read = record_from_json(json.dumps(data), "x")
    assert read == written
    assert as_json(read) == data
    VALIDATOR.validate(data)


@given(measurements)
def test_a_row_alone_is_read_again(written: Measurement) -> None:
    assert measurement_from_json(json.loads(json.dumps(as_json(written)))) == written


def test_nothing_is_written_of_what_is_not_there() -> None:
    data = as_json(record(measurements=(row(),)))
    assert list(data) == ["run", "status", "measurements", "warnings", "schema"]
    assert data["measurements"] == [
        {
            "metric": "roc_auc",
            "value": 0.8,
            "where": {},
            "status": "ok",
            "kind": "value",
            "n": None,
            "excluded": 0,
            "unit": "1",
        }
    ]


def test_a_row_is_found_by_all_of_its_where() -> None:
    rows = (row(), row(where={"class": "a"}), row(where={"class": "a", "split": "val"}, value=0.1))
    found = record(measurements=rows)
    assert found.find("roc_auc") is rows[0]
    assert found.find("roc_auc", **{"class": "a"}) is rows[1]
    assert found.find("roc_auc", split="val", **{"class": "a"}) is rows[2]
    assert found.find("roc_auc", split="val") is None
    assert found.find("f1") is None


# What is no row, and what no record


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"value": None}, "roc_auc: value None does not fit status ok"),
        ({"status": "undefined"}, "roc_auc: value 0.8 does not fit status undefined"),
        ({"value": None, "status": "undefined"}, "roc_auc: an undefined value must have a reason"),
        ({"value": math.nan}, "roc_auc: must be finite or undefined, got nan"),
        ({"value": -math.inf}, "roc_auc: must be finite or undefined, got -inf"),
        ({"ci": (0.1, math.inf)}, "roc_auc: must be finite or undefined, got inf"),
        ({"level": math.nan}, "roc_auc: must be finite or undefined, got nan"),
        ({"p": math.nan}, "roc_auc: must be finite or undefined, got nan"),
        ({"better": math.nan}, "roc_auc: must be finite or undefined, got nan"),
        ({"samples": (1.0, math.nan)}, "roc_auc: must be finite or undefined, got nan"),
    ],
)
def test_a_row_that_cannot_be_believed_is_refused(changes: dict[str, Any], sentence: str) -> None:
    with pytest.raises(ValueError, match=f"^{sentence}$"):
        row(**changes)


def test_two_rows_of_one_metric_and_where_are_refused() -> None:
    rows = (row(where={"a": "1", "b": "2"}), row(where={"b": "2", "a": "1"}, value=0.1))
    with pytest.raises(ValueError, match=r"^two rows of roc_auc where {'b': '2', 'a': '1'}$"):
        record(measurements=rows)
    twice = text(measurements=[as_json(row()), as_json(row())])
    assert sentence(twice) == "two rows of roc_auc where {}"


@pytest.mark.parametrize("old", ["harness.record/0", "harness.record/2", None, 1])
def test_another_schema_is_refused_by_name(old: Any) -> None:
    assert sentence(text(schema=old)) == f"must have schema {SCHEMA!r}, got {old!r}; run again"


@pytest.mark.parametrize("other", ["[]", "3", "null", '"text"', "{}"])
def test_other_json_is_refused(other: str) -> None:
    assert sentence(other) == f"must have schema {SCHEMA!r}, got None; run again"


@pytest.mark.parametrize(
    "broken",
    ["", "{", text()[:-1], text() + "}", "[" * 100_000, "9" * 5000],
    ids=["empty", "begun", "cut", "long", "deep", "huge"],
)
def test_broken_json_is_refused(broken: str) -> None:
    said = sentence(broken)
    assert said.startswith("must be JSON, got ")
    assert said.endswith("; delete it and run again")


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"status": "fine"}, "status must be one of ok, partial, failed, got 'fine'"),
        ({"run": None}, "run must be a table, got None"),
        ({"extra": 1}, "unknown key 'extra'; known: artifacts, digests, environment, error, "),
        ({"warnings": "many"}, "warnings must be a list, got 'many'"),
        ({"seconds": {"fit": "long"}}, "seconds.fit must be a number, got 'long'"),
        ({"environment": {"a": [math.nan]}}, "environment.a[0] must be finite, got nan"),
        ({"measurements": [3]}, "measurements[0] must be a table, got 3"),
    ],
)
def test_a_record_of_another_shape_is_refused(changes: dict[str, Any], said: str) -> None:
    assert sentence(text(**changes)).startswith(said)


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"metric": 3}, "measurements[0].metric must be a text, got 3"),
        ({"value": "0.8"}, "measurements[0].value must be a number, got '0.8'"),
        ({"value": None}, "measurements[0]: roc_auc: value None does not fit status ok"),
        ({"n": 1.5}, "measurements[0].n must be an integer, got 1.5"),
        ({"ci": [1.0]}, "measurements[0].ci must be a list of 2, got [1.0]"),
        ({"where": {"batch": 1}}, "measurements[0].where.batch must be a text, got 1"),
        ({"better": "best"}, "measurements[0].better must be higher or lower or a number, got 'be"),
        ({"samples": [math.inf]}, "measurements[0].samples[0] must be finite, got inf"),
        ({"colour": "red"}, "measurements[0]: unknown key 'colour'; known: better, ci, excluded"),
    ],
)
def test_a_row_of_another_shape_is_refused(changes: dict[str, Any], said: str) -> None:
    assert sentence(text(measurements=[{**as_json(row()), **changes}])).startswith(said)


@pytest.mark.parametrize("key", ["metric", "value"])
def test_a_row_without_its_number_is_refused(key: str) -> None:
    lacking = {name: value for name, value in as_json(row()).items() if name != key}
    assert (
        sentence(text(measurements=[lacking]))
        == f"measurements[0] must have a key {key!r}, got none"
    )


def test_a_file_that_is_no_record_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "record.json"
    with pytest.raises(HarnessError, match="must be a readable record, got No such file"):
        read_record(path)
    with pytest.raises(HarnessError, match="must be a readable record, got Is a directory"):
        read_record(tmp_path)
    path.write_bytes(b'{"a": "\xff"}')
    with pytest.raises(HarnessError, match="must be JSON, got 'utf-8' codec can't decode"):
        read_record(path)
    path.write_text(text(), encoding="utf-8")
    assert read_record(path) == record(measurements=(row(),))


# The schema


def test_the_schema_in_docs_is_current() -> None:
    """Else: python -m harness.schema > docs/record.schema.json"""
    assert SCHEMA_FILE.read_text(encoding="utf-8") == schema.text()


def test_the_schema_is_one() -> None:
    jsonschema.Draft202012Validator.check_schema(schema.schema())


def test_the_schema_requires_what_is_always_written() -> None:
    least = as_json(record())
    assert schema.schema()["required"] == list(least)
    rows = schema.schema()["$defs"]["Measurement"]
    assert rows["required"] == list(as_json(row()))
    assert list(rows["properties"]) == [field.name for field in dataclasses.fields(Measurement)]


@pytest.mark.parametrize(
    "changes",
    [
        {"schema": "harness.record/0"},
        {"extra": 1},
        {"status": "fine"},
        {"run": []},
        {"seconds": {"fit": "long"}},
        {"artifacts": {"onnx": {"path": 3}}},
        {"measurements": [{**as_json(row()), "colour": "red"}]},
        {"measurements": [{**as_json(row()), "value": "0.8"}]},
        {"measurements": [{**as_json(row()), "n": 1.5}]},
        {"measurements": [{**as_json(row()), "ci": [1.0]}]},
        {"measurements": [{**as_json(row()), "ci": [1.0, 2.0, 3.0]}]},
        {"measurements": [{**as_json(row()), "better": "best"}]},
        {"measurements": [{**as_json(row()), "where": {"batch": 1}}]},
        {"measurements": [{"metric": "roc_auc"}]},
    ],
)
def test_the_schema_refuses_what_the_reader_refuses(changes: dict[str, Any]) -> None:
    assert VALIDATOR.is_valid(json.loads(text()))
    assert not VALIDATOR.is_valid(json.loads(text(**changes)))
    assert sentence(text(**changes))


def test_the_records_of_a_run_are_valid(tmp_path: Path) -> None:
    files = [line.onnx_file(tmp_path / f"{n}.onnx", outputs=n) for n in (1, 2)]
    models = line.finished("whole", files[0]) + line.finished("forked", files[1])
    with line.no_warm_up():
        opened, _ = line.measure(line.suite(tmp_path, models=models), tmp_path / "runs")
    for run, status in zip(opened.runs, ("ok", "failed"), strict=True):
        data = json.loads((opened.folder(run) / "record.json").read_text(encoding="utf-8"))
        VALIDATOR.validate(data)
        assert data["status"] == status
