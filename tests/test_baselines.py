"""Accepted records: what is promoted is read back, what must not be is refused, no data goes."""

import dataclasses
import io
import json
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
import pytest

from harness import baselines, disk
from harness.errors import HarnessError
from harness.plan import Run
from harness.predictions import SHIPPED, Predictions
from harness.record import Measurement, Record, as_json

RUN = Run(suite="tiny", dataset="blobs", model="small", device="cpu", seed=3)
LATENCY = Measurement(
    metric="latency_p50", value=2.0, unit="ms", samples=(1.0, 2.0, 3.0), where={"backend": "torch"}
)
RECORD = Record(
    run={**dataclasses.asdict(RUN), "id": RUN.id},
    status="ok",
    measurements=(Measurement(metric="roc_auc", value=0.8, n=6, ci=(0.7, 0.9)), LATENCY),
    environment={"dirty": False},
    warnings=({"code": "x", "message": "y"},),
)
CURVE = ({"epoch": 1, "val_loss": 0.5, "val_roc_auc": None}, {"epoch": 2, "val_loss": 0.25})


def predictions() -> Predictions:
    """Six of test and six of val, each by the shipped model and by its torch twin."""
    rng = np.random.default_rng(0)
    raw = rng.integers(1, 9, (24, 3))
    return Predictions(
        classes=("häm", "b", "c"),
        id=np.array([f"case-{i}" for i in range(24)]),
        split=np.repeat(["test", "val"], 12),
        variant=np.tile([SHIPPED, "torch"], 12),
        y_true=rng.integers(0, 3, 24),
        probability=raw / raw.sum(axis=1, keepdims=True),
        decision=rng.integers(0, 3, 24),
        subject=np.array([f"patient-{i // 2}" for i in range(24)]),
        groups={"sex": np.array(["F", "M"] * 12)},
    )


def measured(folder: Path, curve: Any = CURVE, **changes: Any) -> Path:
    """A run's folder as far as `accept` looks into it."""
    record = dataclasses.replace(RECORD, **changes)
    disk.write_json(folder / "record.json", as_json(record))
    disk.write(folder / "predictions.parquet", predictions().to_parquet())
    disk.write(folder / "history.jsonl", "".join(json.dumps(row) + "\n" for row in curve))
    return folder


@pytest.fixture
def accepted(tmp_path: Path) -> Path:
    """Where the JSON of an accepted record went."""
    folder = measured(tmp_path / "run")
    return baselines.accept(folder, RUN, tmp_path / "baselines", allow_dirty=False)


def refusal(tmp_path: Path, **changes: Any) -> str:
    with pytest.raises(HarnessError) as caught:
        baselines.accept(
            measured(tmp_path / "run", **changes), RUN, tmp_path / "b", allow_dirty=False
        )
    assert not (tmp_path / "b").exists()
    return str(caught.value)


def test_what_is_accepted_is_read_back(accepted: Path, tmp_path: Path) -> None:
    assert accepted == tmp_path / "baselines" / "tiny" / "blobs" / "small@cpu" / "s3.json"
    entry = baselines.read(accepted)
    latency = dataclasses.replace(LATENCY, samples=())
    assert entry.record == dataclasses.replace(
        RECORD, measurements=(RECORD.measurements[0], latency)
    )
    assert entry.history == CURVE
    np.testing.assert_array_equal(entry.probability, predictions().select("test").probability)
    assert baselines.accepted(tmp_path / "baselines", RUN).keys() == {3}
    assert baselines.all_accepted(tmp_path / "baselines", "tiny")[0].record == entry.record


def test_nothing_of_the_data_goes_along(accepted: Path) -> None:
    assert sorted(path.name for path in accepted.parent.iterdir()) == ["s3.json", "s3.parquet"]
    beside = accepted.with_suffix(".parquet").read_bytes()
    table = pq.read_table(io.BytesIO(beside))
    assert table.column_names == ["case", "p0", "p1", "p2"]
    assert table["case"].to_pylist() == list(range(6))
    assert list(table.schema.metadata) == [b"harness.history"]
    text = str(table.to_pydict()) + str(table.schema.metadata) + accepted.read_text("utf-8")
    assert not [word for word in ("case-", "patient", "häm", "sex") if word in text]


def test_raw_latency_samples_stay_behind(accepted: Path) -> None:
    rows = json.loads(accepted.read_text(encoding="utf-8"))["measurements"]
    assert [row["metric"] for row in rows] == ["roc_auc", "latency_p50"]
    assert not [row for row in rows if "samples" in row]


def test_accepting_again_replaces(accepted: Path, tmp_path: Path) -> None:
    better = (Measurement(metric="roc_auc", value=0.9),)
    folder = measured(tmp_path / "again", measurements=better, curve=())
    assert baselines.accept(folder, RUN, tmp_path / "baselines", allow_dirty=False) == accepted
    entry = baselines.read(accepted)
    assert entry.record.measurements == better
    assert entry.history == ()


def test_seeds_are_read_in_order_and_nothing_else_is(accepted: Path, tmp_path: Path) -> None:
    for seed in (10, 0):
        run = dataclasses.replace(RUN, seed=seed)
        baselines.accept(tmp_path / "run", run, tmp_path / "baselines", allow_dirty=False)
    (accepted.parent / "summary.json").write_text("{}", encoding="utf-8")
    (accepted.parent / "s3 copy.json").write_text("{}", encoding="utf-8")
    assert set(baselines.accepted(tmp_path / "baselines", RUN)) == {0, 3, 10}
    assert len(baselines.all_accepted(tmp_path / "baselines", "tiny")) == 3
    other = dataclasses.replace(RUN, device="cuda")
    assert baselines.accepted(tmp_path / "baselines", other) == {}
    assert baselines.all_accepted(tmp_path / "baselines", "other") == []


# What is refused


def test_a_record_of_changed_code_is_refused(tmp_path: Path) -> None:
    said = refusal(tmp_path, environment={"dirty": True})
    assert said.startswith("tiny/blobs/small/cpu/s3 must be made from a committed harness/ and su")
    assert said.endswith("; commit and run again, or pass --allow-dirty")
    path = baselines.accept(tmp_path / "run", RUN, tmp_path / "b", allow_dirty=True)
    assert baselines.read(path).record.environment == {"dirty": True}


@pytest.mark.parametrize("status", ["failed", "partial"])
def test_a_record_that_is_not_ok_is_refused(tmp_path: Path, status: str) -> None:
    said = refusal(tmp_path, status=status, error="it broke")
    assert said == f"tiny/blobs/small/cpu/s3 must be ok to be accepted, got {status}; run it again"
    with pytest.raises(HarnessError, match=f"got {status}"):
        baselines.accept(tmp_path / "run", RUN, tmp_path / "b", allow_dirty=True)


@pytest.mark.parametrize(
    ("name", "data", "must"),
    [
        ("record.json", None, "must be a readable record, got No such file"),
        ("record.json", b"{", "must be JSON, got"),
        ("record.json", b'{"schema": "harness.record/0"}', "must have schema 'harness.record/1'"),
        (
            "predictions.parquet",
            None,
            "must be readable, got: No such file or directory; run again",
        ),
        ("predictions.parquet", b"PAR1", "must be predictions in Parquet, got"),
        ("history.jsonl", b"{}\n{", "must be lines of JSON, got"),
        ("history.jsonl", b'{"a": "\xff"}', "must be lines of JSON, got"),
    ],
)
def test_a_broken_run_is_one_sentence(
    tmp_path: Path, name: str, data: bytes | None, must: str
) -> None:
    folder = measured(tmp_path / "run")
    if data is None:
        (folder / name).unlink()
    else:
        (folder / name).write_bytes(data)
    with pytest.raises(HarnessError) as caught:
        baselines.accept(folder, RUN, tmp_path / "b", allow_dirty=True)
    assert str(caught.value).startswith(f"{folder / name} {must}")
    assert not (tmp_path / "b").exists()


def test_where_nothing_was_trained_there_is_no_curve(tmp_path: Path) -> None:
    folder = measured(tmp_path / "run")
    (folder / "history.jsonl").unlink()
    path = baselines.accept(folder, RUN, tmp_path / "b", allow_dirty=False)
    assert baselines.read(path).history == ()


def stored(columns: list[str], metadata: dict[str, str]) -> bytes:
    """A Parquet file of one row that `accept` did not write."""
    import pyarrow as pa

    buffer = io.BytesIO()
    table = pa.table({name: [0.5] for name in columns}).replace_schema_metadata(metadata)
    pq.write_table(table, buffer)
    return buffer.getvalue()


@pytest.mark.parametrize(
    "data",
    [
        None,
        b"",
        b"PAR1nonsense",
        stored(["case", "p0", "p1"], {}),
        stored(["case", "p0", "p1"], {"harness.history": "["}),
        stored(["case", "p0", "p1"], {"harness.history": "3"}),
        stored(["case"], {"harness.history": "[]"}),
    ],
    ids=["gone", "empty", "nonsense", "no curve", "broken curve", "no rows", "no probabilities"],
)
def test_a_broken_table_beside_a_record_is_one_sentence(accepted: Path, data: bytes | None) -> None:
    beside = accepted.with_suffix(".parquet")
    if data is None:
        beside.unlink()
    else:
        beside.write_bytes(data)
    with pytest.raises(HarnessError) as caught:
        baselines.read(accepted)
    assert str(caught.value).startswith(f"{beside} must be an accepted table, got: ")
