"""Accepted records: what is promoted is read back, what must not be is refused, no data goes."""

import dataclasses
import io
import itertools
import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
import pytest

from harness import baselines, disk
from harness.aggregate import seed_means
from harness.cases import SHIPPED
from harness.disk import file_digest
from harness.errors import HarnessError
from harness.plan import Run
from harness.predictions import Predictions
from harness.record import Measurement, Record, as_json
from harness.rows import measured as measured_rows
from harness.standings import standings
from harness.suite import MetricSpec, Policy, Suite
from harness.verbs import _gathered
from harness.verbs._scope import ALL, Scope
from harness.verbs.accept import accept

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
    wanted = predictions().select("test").scores()
    assert entry.scores is not None
    assert entry.scores.keys() == wanted.keys()
    for name, column in wanted.items():
        np.testing.assert_array_equal(entry.scores[name], column)
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


# Several seeds


@dataclasses.dataclass
class Place:
    """A suite of one model, its run folders, and the baselines that they are accepted into."""

    home: Path

    @property
    def into(self) -> Path:
        return self.home / "baselines"

    @property
    def mean(self) -> Path:
        return self.into / "tiny" / "blobs" / "small@cpu" / "mean.json"

    def scope(self, *seeds: int) -> Scope:
        runs = tuple(dataclasses.replace(RUN, seed=seed) for seed in seeds)
        suite = Suite(
            name="tiny", title="Tiny", task="classify", datasets={}, models={}, metrics=METRICS
        )
        known = {run: {"fit": "0" * 8} for run in runs}
        return Scope(
            asked="tiny", suite=suite, root=None, place=self.home / "runs", runs=runs, known=known
        )

    def run(self, seed: int, shift: int = 0, **about: Any) -> None:
        """Measure a seed; `shift` makes it another checkpoint."""
        scope = self.scope(seed)
        [run] = scope.runs
        cases = checkpoint(seed + shift)
        told = {
            **dataclasses.asdict(run),
            "id": run.id,
            "title": "Tiny",
            "task": "classify",
            "metrics": [metric.name for metric in METRICS],
            "data": "abc",
            "classes": list(cases.classes),
            "policy": Policy().measured,
            **about,
        }
        size = Measurement(metric="size_bytes", value=float(seed))
        rows = (size, *measured_rows(cases, METRICS, Policy()))
        disk.write(scope.folder(run) / "predictions.parquet", cases.to_parquet())
        record = Record(run=told, status="ok", measurements=rows)
        disk.write_json(scope.folder(run) / "record.json", as_json(record))

    def accept(self, *seeds: int) -> Any:
        return accept(self.scope(*seeds), self.into, allow_dirty=False).data

    def entries(self) -> list[baselines.Entry]:
        return baselines.all_accepted(self.into, "tiny")


METRICS = (MetricSpec(name="roc_auc"), MetricSpec(name="accuracy"))


def checkpoint(seed: int) -> Predictions:
    """Forty test cases of twenty patients, the same for every seed but for what is predicted."""
    y_true = np.resize([0, 1, 1], 40)
    shown = np.random.default_rng(seed).uniform(0.05, 0.6, 40) + 0.3 * y_true
    return Predictions(
        classes=("a", "b"),
        id=np.arange(40).astype(str),
        split=np.full(40, "test"),
        variant=np.full(40, SHIPPED),
        y_true=y_true,
        probability=np.stack([1 - shown, shown], axis=1),
        decision=(shown > 0.5).astype(np.int64),
        subject=np.array([f"p{i // 2}" for i in range(40)]),
        groups={"sex": np.resize(["F", "F", "M"], 40)},
    )


@pytest.fixture
def places(tmp_path: Path) -> Place:
    """Seeds 0, 2 and 10 are measured, none is accepted."""
    made = Place(tmp_path)
    for seed in (0, 2, 10):
        made.run(seed)
    return made


def expected(*seeds: int) -> tuple[Measurement, ...]:
    return seed_means([checkpoint(seed) for seed in seeds], METRICS, Policy())


def test_accept_writes_the_mean_over_all_accepted_seeds(places: Place) -> None:
    assert places.accept(0)["means"] == []
    assert not places.mean.exists()
    assert [entry.means for entry in places.entries()] == [()]
    for seeds, accepted in (((2,), (0, 2)), ((10,), (0, 2, 10)), ((0, 2, 10), (0, 2, 10))):
        assert places.accept(*seeds)["means"] == [str(places.mean)]
        entries = places.entries()
        assert len(entries) == len(accepted)
        for entry in entries:
            assert entry.means == expected(*accepted)
    row = next(row for row in entries[0].means if row.metric == "roc_auc" and not row.where)
    assert row.method == "mean of 3 seeds, score interval over subjects, DeLong, t with 13 df"
    [line] = standings(entries)
    assert line.rows[1:] == expected(0, 2, 10)
    assert line.rows[0].value == 4


def test_the_file_says_what_it_was_made_of(places: Place) -> None:
    places.accept(0, 2, 10)
    text = places.mean.read_text(encoding="utf-8")
    told = json.loads(text)
    measurements = told.pop("measurements")
    digests = {
        str(seed): file_digest(places.mean.with_name(f"s{seed}.parquet")) for seed in (0, 2, 10)
    }
    assert told == {
        "schema": "harness.mean/1",
        "seeds": digests,
        "data": "abc",
        "classes": ["a", "b"],
        "policy": Policy().measured,
    }
    assert [*told["seeds"]] == ["0", "2", "10"]
    assert not [row for row in measurements if "samples" in row]
    assert "p7" not in text


@pytest.mark.parametrize("order", [*itertools.permutations([(0,), (2,), (10,)])])
def test_the_order_of_accepting_is_forgotten(places: Place, order: Any) -> None:
    for seeds in order:
        places.accept(*seeds)
    found = places.mean.read_bytes()
    shutil.rmtree(places.into)
    places.accept(10, 0, 2)
    assert places.mean.read_bytes() == found


def test_runs_and_their_accepted_records_have_the_same_lines(
    places: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    places.accept(0, 2, 10)
    monkeypatch.setattr(_gathered, "open_scope", lambda *_: places.scope(0, 2, 10))
    measured, *_ = _gathered.measured(["tiny"], None, places.home / "runs", ALL)
    [line], [accepted] = standings(measured), standings(places.entries())
    assert line.rows == accepted.rows
    assert line.rows[1:] == expected(0, 2, 10)


def test_another_checkpoint_of_a_seed_makes_another_mean(places: Place) -> None:
    places.accept(0, 2)
    places.run(2, shift=5)
    assert places.entries()[0].means == expected(0, 2)
    places.accept(2)
    assert places.entries()[0].means == expected(0, 7)


def remove(places: Place, *seeds: int) -> None:
    for seed in seeds:
        places.mean.with_name(f"s{seed}.json").unlink()
        places.mean.with_name(f"s{seed}.parquet").unlink()


def test_a_mean_over_other_seeds_is_refused_until_one_is_accepted(places: Place) -> None:
    places.accept(0, 2, 10)
    remove(places, 10)
    with pytest.raises(HarnessError) as caught:
        places.entries()
    assert str(caught.value) == (
        f"{places.mean} must be of the records beside it, got other seeds; accept one of them "
        "again, or delete it"
    )
    assert baselines.accepted(places.into, RUN).keys() == {0, 2}
    places.accept(2)
    assert places.entries()[0].means == expected(0, 2)
    remove(places, 2)
    assert places.accept(0)["means"] == []
    assert not places.mean.exists()


def test_a_mean_without_any_record_is_nobodys(places: Place) -> None:
    places.accept(0, 2)
    remove(places, 0, 2)
    assert places.entries() == []


def test_a_mean_of_other_probabilities_is_refused(places: Place) -> None:
    places.accept(0, 2)
    shutil.copy(places.mean.with_name("s0.parquet"), places.mean.with_name("s2.parquet"))
    with pytest.raises(HarnessError, match="got other seeds; accept one of them again"):
        places.entries()


@pytest.mark.parametrize(
    ("key", "value", "must"),
    [
        ("data", "def", "must be of the records beside it, got other data;"),
        ("classes", ["a"], "must be of the records beside it, got other classes;"),
        ("policy", {}, "must be of the records beside it, got other policy;"),
        ("schema", "harness.mean/2", "schema must be one of harness.mean/1, got 'harness.mean/2'"),
        ("more", 1, "unknown key 'more'"),
        ("measurements", [{"metric": "x"}], "must have a key 'value', got none"),
    ],
)
def test_a_mean_of_something_else_is_one_sentence(
    places: Place, key: str, value: Any, must: str
) -> None:
    places.accept(0, 2)
    told = json.loads(places.mean.read_text(encoding="utf-8"))
    places.mean.write_text(json.dumps({**told, key: value}), encoding="utf-8")
    with pytest.raises(HarnessError) as caught:
        places.entries()
    assert str(caught.value).startswith(str(places.mean))
    assert must in str(caught.value)


@pytest.mark.parametrize("data", [b"", b"{", b'{"data": NaN}', b"\xff"])
def test_a_broken_mean_is_one_sentence(places: Place, data: bytes) -> None:
    places.accept(0, 2)
    places.mean.write_bytes(data)
    with pytest.raises(HarnessError, match=r"must be (JSON, got|finite, got nan)"):
        places.entries()
    places.accept(0)
    assert places.entries()[0].means == expected(0, 2)


def test_records_that_were_accepted_without_a_mean_still_have_one_line(places: Place) -> None:
    places.accept(0, 2)
    places.mean.unlink()
    entries = places.entries()
    assert [entry.means for entry in entries] == [(), ()]
    [line] = standings(entries)
    assert line.rows[1].method == "mean of 2 seeds"
    assert {row.ci for row in line.rows} == {None}


@pytest.mark.parametrize(("key", "value"), [("data", "def"), ("policy", {"threshold": 0.4})])
def test_seeds_of_two_kinds_are_not_accepted_and_nothing_changes(
    places: Place, key: str, value: Any
) -> None:
    places.accept(0, 2)
    before = {path: path.read_bytes() for path in places.mean.parent.iterdir()}
    places.run(2, shift=5, **{key: value})
    for seeds in ((2,), (2, 10)):
        with pytest.raises(HarnessError, match=f"of tiny/blobs/small must agree in {key} to have"):
            places.accept(*seeds)
    assert {path: path.read_bytes() for path in places.mean.parent.iterdir()} == before


def test_all_seeds_may_change_their_data_together(places: Place) -> None:
    places.accept(0, 2)
    for seed in (0, 2):
        places.run(seed, shift=5, data="def")
    places.accept(0, 2)
    assert places.entries()[0].means == expected(5, 7)


def test_accepted_seeds_of_another_number_of_cases_are_one_sentence(places: Place) -> None:
    places.accept(0, 2)
    table = pq.read_table(places.mean.with_name("s2.parquet"))
    pq.write_table(table.slice(0, 30), places.mean.with_name("s2.parquet"))
    with pytest.raises(HarnessError, match=r"accepted scores of .*/s2 must be of these 40 cases"):
        places.accept(0)
    assert places.entries()[0].means == ()


WRITES = len(["s0.parquet", "s0.json", "s2.parquet", "s2.json", "mean.json"])


@pytest.mark.parametrize("survived", range(WRITES))
def test_a_kill_while_accepting_leaves_no_mean_of_other_records(
    places: Place, monkeypatch: pytest.MonkeyPatch, survived: int
) -> None:
    places.accept(0, 2)
    for seed in (0, 2):
        places.run(seed, shift=5)
    replaced: list[Path] = []
    real = Path.replace

    def killing(self: Path, target: Path) -> Path:
        if len(replaced) == survived:
            raise KeyboardInterrupt
        replaced.append(target)
        return real(self, target)

    with monkeypatch.context() as patch:
        patch.setattr(Path, "replace", killing)
        with pytest.raises(KeyboardInterrupt):
            places.accept(0, 2)
    assert [entry.means for entry in places.entries()] == [(), ()]
    assert len(list(places.mean.parent.iterdir())) == 4
    places.accept(0, 2)
    assert places.entries()[0].means == expected(5, 7)
