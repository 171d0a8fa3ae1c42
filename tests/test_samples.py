"""Samples and Predictions: scaled, banded, cut and stored without a case going astray."""

import dataclasses
import io
from itertools import pairwise
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from harness.cases import SHIPPED
from harness.errors import HarnessError
from harness.predictions import Predictions, decide
from harness.samples import Samples


def samples(targets: list[int], **changes: Any) -> Samples:
    """A case a target; its pixels, id and groups all tell its place."""
    n = len(targets)
    place = np.arange(n)
    whole = Samples(
        split="train",
        ids=place,
        pixels=np.broadcast_to(place[:, None, None, None], (n, 1, 2, 3)).astype(np.uint8),
        targets=np.array(targets, dtype=np.int64),
        classes=("a", "b", "c"),
        subjects=np.char.add("s", place.astype(str)),
        groups={"age": place.astype(str)},
    )
    return dataclasses.replace(whole, **changes)


def predictions(**changes: Any) -> Predictions:
    """Twelve cases of three classes, in two splits and two variants."""
    rng = np.random.default_rng(0)
    raw = rng.integers(1, 9, (12, 3))
    probability = raw / raw.sum(axis=1, keepdims=True)
    whole = Predictions(
        classes=("häm", "b", 'c,"d'),
        id=np.array([f"case-{i}" for i in range(12)]),
        split=np.repeat(["test", "val"], 6),
        variant=np.tile([SHIPPED, "torch"], 6),
        y_true=rng.integers(0, 3, 12),
        probability=probability,
        decision=probability.argmax(axis=1),
    )
    return dataclasses.replace(whole, **changes)


# Samples


@pytest.mark.parametrize(
    ("dtype", "full_scale"), [(np.uint8, 255.0), (np.uint16, 4095.0), (np.float64, 1.0)]
)
def test_a_batch_is_float32_and_its_full_scale_is_1(dtype: Any, full_scale: float) -> None:
    pixels = np.array([0.0, 0.25, 1.0]).reshape(3, 1, 1, 1, 1) * full_scale
    cases = samples([0, 1, 2], pixels=pixels.astype(dtype), full_scale=full_scale)
    before = cases.pixels.copy()
    batch = cases.batch(np.array([2, 0]))
    assert batch.dtype == np.float32
    assert batch.shape == (2, *cases.shape) == (2, 1, 1, 1, 1)
    assert batch.ravel().tolist() == [1.0, 0.0]
    assert cases.batch(slice(1, 2)).item() == pytest.approx(0.25, abs=1 / full_scale)
    assert (cases.pixels == before).all()


@settings(deadline=None)
@given(
    low=st.floats(-300, 300, width=32),
    span=st.floats(0.125, 300, width=32),
    dtype=st.sampled_from([np.uint8, np.uint16, np.float32]),
)
def test_black_and_white_become_the_range(low: float, span: float, dtype: Any) -> None:
    """Of any type of pixel: an affine map, black to its low end and white to its high one."""
    full = 1.0 if dtype is np.float32 else float(np.iinfo(dtype).max)
    shares = np.array([0, 1, 0.2, 0.4, 0.6])
    pixels = (shares * full).astype(dtype).reshape(5, 1, 1, 1)
    cases = samples([0] * 5, pixels=pixels, full_scale=full, range=(low, low + span))
    before = cases.pixels.copy()
    batch = cases.batch(slice(None))
    assert batch.dtype == np.float32
    np.testing.assert_allclose(
        batch.ravel(), np.interp(shares, [0, 1], [low, low + span]), atol=1e-3
    )
    assert (cases.pixels == before).all()


def test_a_range_goes_along() -> None:
    cases = samples([0, 1, 2] * 9, range=(-1.0, 1.0), full_scale=4.0)
    for few in (cases.first(5), cases.at(np.array([3, 1])), cases.banded({"age": [0, 9]})):
        assert (few.range, few.full_scale, few.kind) == ((-1.0, 1.0), 4.0, "nominal")


@given(index=st.lists(st.integers(0, 6), max_size=9))
def test_cases_are_taken_with_all_that_is_theirs(index: list[int]) -> None:
    chosen = samples([0, 1, 2, 0, 1, 2, 0]).at(np.array(index, dtype=np.int64))
    assert chosen.ids.tolist() == chosen.pixels[:, 0, 0, 0].tolist() == index
    assert chosen.targets.tolist() == [k % 3 for k in index]
    assert chosen.subjects is not None
    assert chosen.subjects.tolist() == [f"s{k}" for k in index]
    assert chosen.groups["age"].tolist() == [str(k) for k in index]
    assert samples([0, 1], subjects=None).at(np.array([1])).subjects is None


def test_a_number_falls_in_the_band_that_begins_with_it() -> None:
    ages = np.array(["-5", "0", "39.9", "40", "64", "65", "1e3", "", "nan"])
    cases = samples([0] * 9, groups={"age": ages, "sex": ages})
    banded = cases.banded({"age": [0, 40, 65]})
    expected = ["<0", "0-40", "0-40", "40-65", "40-65", ">=65", ">=65", "", ""]
    assert banded.groups["age"].tolist() == expected
    assert (banded.groups["sex"] == ages).all()
    assert (cases.groups["age"] == ages).all()


def test_edges_that_are_near_have_names_of_their_own() -> None:
    numbers = np.array(["1234566", "1234567", "1234568.5"])
    banded = samples([0] * 3, groups={"x": numbers}).banded({"x": [1234567.0, 1234568.0]})
    assert banded.groups["x"].tolist() == ["<1234567.0", "1234567.0-1234568.0", ">=1234568.0"]


@given(
    edges=st.lists(st.floats(-1e9, 1e9), min_size=2, max_size=5, unique=True).map(sorted),
    value=st.floats(-1e9, 1e9),
)
def test_every_number_is_in_the_one_band_that_holds_it(edges: list[float], value: float) -> None:
    cases = samples([0], groups={"x": np.array([repr(value)])})
    [band] = cases.banded({"x": edges}).groups["x"].tolist()
    inner = pairwise(edges)
    holds = [value < edges[0], *(low <= value < high for low, high in inner), value >= edges[-1]]
    everywhere = np.array([repr(each) for each in (edges[0] - 1, *edges)])
    names = samples([0] * len(everywhere), groups={"x": everywhere}).banded({"x": edges})
    assert names.groups["x"].tolist()[holds.index(True)] == band
    assert len(set(names.groups["x"].tolist())) == len(edges) + 1


def test_what_cannot_be_banded_is_refused() -> None:
    with pytest.raises(HarnessError, match=r"^groups must name columns .* 'agee'; known: age$"):
        samples([0]).banded({"agee": [0, 1]})
    with pytest.raises(HarnessError, match="got 'age'; known: none"):
        samples([0], groups={}).banded({"age": [0, 1]})
    with pytest.raises(HarnessError, match=r"^group age must be numbers to be banded, got: .*'F'$"):
        samples([0], groups={"age": np.array(["F"])}).banded({"age": [0, 1]})


@settings(deadline=None)
@given(targets=st.lists(st.integers(0, 2), min_size=1, max_size=80), n=st.integers(1, 90))
def test_the_first_keep_order_and_every_class(targets: list[int], n: int) -> None:
    whole = samples(targets)
    cut = whole.first(n)
    kept = cut.ids.tolist()
    assert len(cut) == len(kept) == min(n, len(whole))
    assert kept == sorted(set(kept))
    assert cut.targets.tolist() == [targets[i] for i in kept]
    assert cut.pixels[:, 0, 0, 0].tolist() == kept
    assert cut.subjects is not None
    assert cut.subjects.tolist() == [f"s{i}" for i in kept]
    assert cut.groups["age"].tolist() == [str(i) for i in kept]
    assert len(set(cut.targets.tolist())) == min(n, len(set(targets)))
    assert len(whole) == len(targets)


@settings(deadline=None)
@given(
    labels=st.lists(st.tuples(*[st.integers(0, 1)] * 3), min_size=1, max_size=60),
    n=st.integers(4, 70),
)
def test_the_first_keep_every_label(labels: list[tuple[int, ...]], n: int) -> None:
    one = samples([0] * len(labels))
    whole = dataclasses.replace(one, targets=np.array(labels, np.int64), kind="multilabel")
    cut = whole.first(n)
    kept = cut.ids.tolist()
    assert len(kept) == min(n, len(labels))
    assert kept == sorted(set(kept))
    assert cut.targets.tolist() == [list(labels[k]) for k in kept]
    assert cut.targets.any(axis=0).tolist() == whole.targets.any(axis=0).tolist()


def test_the_first_are_spread_over_the_split_in_proportion() -> None:
    cut = samples([0] * 900 + [1] * 100).first(50)
    assert (cut.targets == 1).sum() in range(4, 7)
    assert np.diff(cut.ids).max() < 30
    lone = samples([0] * 50 + [1] + [2] * 50, subjects=None).first(10)
    assert (lone.targets == 1).sum() == 1
    assert lone.subjects is None


# Predictions


def test_rows_are_selected_in_every_column() -> None:
    table = predictions(subject=np.arange(12).astype(str), groups={"sex": np.array(["F", "M"] * 6)})
    chosen = table.select("val")
    assert chosen.id.tolist() == ["case-6", "case-8", "case-10"]
    assert chosen.subject is not None
    assert chosen.subject.tolist() == ["6", "8", "10"]
    assert chosen.groups["sex"].tolist() == ["F"] * 3
    assert (chosen.probability == table.probability[[6, 8, 10]]).all()
    assert (chosen.y_true == table.y_true[[6, 8, 10]]).all()
    assert (chosen.decision == table.decision[[6, 8, 10]]).all()
    assert set(chosen.split) | set(chosen.variant) == {"val", SHIPPED}
    assert table.select("test", "torch").id.tolist() == ["case-1", "case-3", "case-5"]
    assert len(table.select("train")) == 0
    assert table.units("subject").over == "subject"
    assert table.units("image").over == predictions().units("subject").over == "image"


@pytest.mark.parametrize("k", [0, 1, 2])
def test_one_class_against_the_rest(k: int) -> None:
    table = predictions()
    binary = table.one_against_rest(k)
    assert binary.classes == (f"not {table.classes[k]}", table.classes[k])
    assert (binary.y_true == [int(true == k) for true in table.y_true]).all()
    assert (binary.decision == [int(decided == k) for decided in table.decision]).all()
    assert (binary.probability[:, 1] == table.probability[:, k]).all()
    assert binary.probability.sum(axis=1) == pytest.approx(1)
    assert (binary.id == table.id).all()


def test_a_rare_class_is_decided_as_the_whole_task_was() -> None:
    """Below one half, yet the likeliest of three."""
    table = predictions(probability=np.tile([0.3, 0.4, 0.3], (12, 1)), decision=np.full(12, 1))
    assert table.one_against_rest(1).decision.tolist() == [1] * 12


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"id": np.arange(12)},
        {"subject": np.array([f"s{i // 2}" for i in range(12)])},
        {"groups": {"sex": np.array(["F", "M", ""] * 4), "the site": np.array(["Å"] * 12)}},
        {"subject": np.arange(12), "groups": {"p0": np.array(["x"] * 12)}},
    ],
    ids=["bare", "numbers", "subject", "groups", "all"],
)
def test_what_is_stored_is_read_again(changes: dict[str, Any]) -> None:
    table = predictions(**changes)
    read = Predictions.from_parquet(table.to_parquet(), "x")
    assert read.classes == table.classes
    for column in ("id", "split", "variant", "y_true", "decision", "probability"):
        np.testing.assert_array_equal(getattr(read, column), getattr(table, column))
    assert read.y_true.dtype == read.decision.dtype == np.int64
    assert read.probability.dtype == np.float64
    assert list(read.groups) == list(table.groups)
    for name, column in table.groups.items():
        np.testing.assert_array_equal(read.groups[name], column)
    if table.subject is None:
        assert read.subject is None
    else:
        np.testing.assert_array_equal(read.subject, table.subject)


def labelled(**changes: Any) -> Predictions:
    """Twelve cases of three labels, any number of them a case."""
    rng = np.random.default_rng(1)
    probability = rng.random((12, 3))
    several: dict[str, Any] = {
        "kind": "multilabel",
        "y_true": rng.integers(0, 2, (12, 3)),
        "probability": probability,
        "decision": decide(probability, "multilabel", 0.4),
    }
    return predictions(**several, **changes)


def test_labels_are_stored_and_read_again() -> None:
    table = labelled(subject=np.arange(12).astype(str), groups={"y_true0": np.array(["x"] * 12)})
    read = Predictions.from_parquet(table.to_parquet(), "x")
    assert (read.kind, read.classes) == ("multilabel", table.classes)
    assert read.y_true.dtype == read.decision.dtype == np.int64
    for column in ("id", "split", "variant", "y_true", "decision", "probability", "subject"):
        np.testing.assert_array_equal(getattr(read, column), getattr(table, column))
    np.testing.assert_array_equal(read.groups["y_true0"], table.groups["y_true0"])
    names = pq.read_table(io.BytesIO(table.to_parquet())).column_names
    assert {"y_true0", "y_true2", "decision0", "p2"} <= set(names)
    assert "y_true" not in names


def test_a_table_of_no_kind_is_nominal() -> None:
    """As those are that were written before there were kinds."""
    whole = pq.read_table(io.BytesIO(predictions().to_parquet()))
    about = {key: value for key, value in whole.schema.metadata.items() if b"kind" not in key}
    buffer = io.BytesIO()
    pq.write_table(whole.replace_schema_metadata(about), buffer)
    read = Predictions.from_parquet(buffer.getvalue(), "x")
    assert read.kind == "nominal"
    np.testing.assert_array_equal(read.y_true, predictions().y_true)


@pytest.mark.parametrize("k", [0, 1, 2])
def test_one_label_against_its_absence(k: int) -> None:
    table = labelled()
    binary = table.one_against_rest(k)
    assert binary.kind == "nominal"
    assert binary.classes == (f"not {table.classes[k]}", table.classes[k])
    assert binary.y_true.tolist() == table.y_true[:, k].tolist()
    assert binary.decision.tolist() == (table.probability[:, k] > 0.4).tolist()
    assert binary.probability[:, 1].tolist() == table.probability[:, k].tolist()
    assert binary.probability.sum(axis=1) == pytest.approx(1)


def test_what_is_true_is_what_is_indicated() -> None:
    one, several = predictions(), labelled()
    assert (one.truth.sum(axis=1) == 1).all()
    assert one.truth.argmax(axis=1).tolist() == one.y_true.tolist()
    assert one.decided.argmax(axis=1).tolist() == one.decision.tolist()
    assert several.truth.astype(int).tolist() == several.y_true.tolist()
    assert several.decided.astype(int).tolist() == several.decision.tolist()


@pytest.mark.parametrize("kind", ["nominal", "multilabel"])
def test_what_is_parted_is_concatenated(kind: str) -> None:
    whole = labelled if kind == "multilabel" else predictions
    table = whole(subject=np.arange(12).astype(str), groups={"sex": np.array(["F", "M"] * 6)})
    joined = Predictions.concatenated([table.where(np.arange(12) % 3 == k) for k in range(3)])
    order = np.argsort(joined.id)
    expected = table.where(np.argsort(table.id))
    for column in ("id", "split", "variant", "y_true", "decision", "probability", "subject"):
        np.testing.assert_array_equal(getattr(joined, column)[order], getattr(expected, column))
    assert (joined.groups["sex"][order] == expected.groups["sex"]).all()
    assert (joined.classes, joined.kind) == (table.classes, kind)


def test_what_a_part_does_not_know_is_empty() -> None:
    known = predictions(
        subject=np.array(["s"] * 12),
        groups={"sex": np.array(["F"] * 12), "site": np.array(["A"] * 12)},
    )
    other = predictions(groups={"site": np.array(["B"] * 12), "age": np.array(["9"] * 12)})
    joined = Predictions.concatenated([known, other])
    assert joined.subject is not None
    assert joined.subject.tolist() == ["s"] * 12 + [""] * 12
    assert joined.groups["sex"].tolist() == ["F"] * 12 + [""] * 12
    assert joined.groups["site"].tolist() == ["A"] * 12 + ["B"] * 12
    assert list(joined.groups) == ["sex", "site"]
    backwards = Predictions.concatenated([other, known])
    assert backwards.subject is not None
    assert backwards.subject.tolist() == [""] * 12 + ["s"] * 12
    assert Predictions.concatenated([other, other]).subject is None


def test_whose_subject_nobody_knows_is_counted_by_image() -> None:
    """And an image that several models looked at is one image."""
    unknown = predictions(subject=np.array([""] * 12)).units("subject")
    assert (unknown.over, unknown.codes.tolist()) == ("image", list(range(12)))
    twice = Predictions.concatenated([predictions(), predictions()])
    assert twice.units("image").codes.tolist() == twice.units("subject").codes.tolist()
    codes = twice.units("image").codes
    assert len(set(codes.tolist())) == 12
    assert codes[:12].tolist() == codes[12:].tolist()
    assert predictions().units("image").codes.tolist() == list(range(12))


@given(
    p=st.lists(st.floats(0, 1), min_size=1, max_size=20),
    threshold=st.floats(0.05, 0.95),
    kind=st.sampled_from(["nominal", "ordinal"]),
)
def test_of_two_classes_the_threshold_decides(p: list[float], threshold: float, kind: Any) -> None:
    probability = np.stack([1 - np.array(p), p], axis=1)
    found = decide(probability, kind, threshold)
    assert found.tolist() == [int(each > threshold) for each in p]
    both = decide(probability, "multilabel", threshold)
    assert both.tolist() == [[int(1 - each > threshold), int(each > threshold)] for each in p]


def test_of_more_classes_the_likeliest_is_decided() -> None:
    probability = np.array([[0.2, 0.5, 0.3], [0.4, 0.3, 0.3], [0.0, 0.1, 0.9]])
    for kind in ("nominal", "ordinal"):
        assert decide(probability, kind, 0.99).tolist() == [1, 0, 2]
    assert decide(probability, "multilabel", 0.3).tolist() == [[0, 1, 0], [1, 0, 0], [0, 0, 1]]
    assert decide(probability, "multilabel", 0.3).dtype == np.int64


def test_no_rows_are_stored_and_read_again() -> None:
    nothing = predictions().where(np.zeros(12, dtype=bool))
    read = Predictions.from_parquet(nothing.to_parquet(), "x")
    assert (len(read), read.probability.shape, read.classes) == (0, (0, 3), nothing.classes)


def parquet(classes: str | None, **columns: Any) -> bytes:
    """A table that is not what `to_parquet` writes."""
    metadata = {} if classes is None else {"harness.classes": classes}
    buffer = io.BytesIO()
    pq.write_table(pa.table(columns).replace_schema_metadata(metadata), buffer)
    return buffer.getvalue()


PLAIN = {name: [1] for name in ("id", "split", "variant", "y_true", "decision")}
WHOLE = predictions().to_parquet()


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"PAR1",
        b"nonsense" * 99,
        WHOLE[:-1],
        WHOLE[: len(WHOLE) // 2],
        parquet(None, **PLAIN, p0=[0.5], p1=[0.5]),
        parquet("[", **PLAIN, p0=[0.5], p1=[0.5]),
        parquet("3", **PLAIN, p0=[0.5], p1=[0.5]),
        parquet("[]", **PLAIN, p0=[0.5], p1=[0.5]),
        parquet('["a", "b"]', **PLAIN, p0=[0.5]),
        parquet('["a", "b"]', p0=[0.5], p1=[0.5]),
    ],
    ids=[
        "empty",
        "begun",
        "nonsense",
        "cut",
        "half",
        "bare",
        "bracket",
        "3",
        "[]",
        "p1",
        "columns",
    ],
)
def test_what_is_no_predictions_is_refused(data: bytes) -> None:
    with pytest.raises(HarnessError, match=r"^x\.parquet must be predictions in Parquet, got "):
        Predictions.from_parquet(data, "x.parquet")


@settings(max_examples=200, deadline=None)
@given(at=st.integers(0, len(WHOLE) - 1), value=st.integers(0, 255))
def test_a_byte_gone_wrong_is_one_sentence_at_most(at: int, value: int) -> None:
    data = WHOLE[:at] + bytes([value]) + WHOLE[at + 1 :]
    try:
        said = repr(Predictions.from_parquet(data, "x.parquet"))
    except HarnessError as error:
        said = str(error)
    assert said.startswith(("Predictions(", "x.parquet must be predictions in Parquet, got "))
