"""Predictions in files: MedMNIST's as its own evaluator makes it, CSV and Parquet as others do."""

import dataclasses
import os
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from harness import shelf, truth
from harness.cases import SHIPPED
from harness.datasets import medmnist as reader
from harness.datasets._medmnist_files import official
from harness.errors import HarnessError
from harness.formats import csv, medmnist, parquet
from harness.predictions import Predictions, decide
from harness.samples import Kind, Samples
from harness.splits import part
from harness.suite import Dataset, MetricSpec, Model, Policy, Split, Suite

KINDS: dict[str, tuple[str, Kind, int]] = {
    "breastmnist": ("binary-class", "nominal", 2),
    "bloodmnist": ("multi-class", "nominal", 4),
    "retinamnist": ("ordinal-regression", "ordinal", 5),
    "chestmnist": ("multi-label, binary-class", "multilabel", 3),
}


def suite(flag: str, threshold: float = 0.5, size: int = 28) -> Suite:
    return Suite(
        name="s",
        title="S",
        task="classify",
        datasets={"d": Dataset(load="medmnist", args={"flag": flag, "size": size})},
        models={"m": Model(build="vgg16")},
        metrics=(MetricSpec(name="accuracy"),),
        policy=Policy(threshold=threshold),
    )


def samples(flag: str, n: int = 60) -> Samples:
    """The right kind of labels on blank images."""
    _, kind, classes = KINDS[flag]
    rng = np.random.default_rng(len(flag))
    single = kind != "multilabel"
    targets = np.arange(n) % classes if single else rng.integers(2, size=(n, classes))
    return Samples(
        split="test",
        ids=np.char.add("test-", np.arange(n).astype(str)),
        pixels=np.zeros((n, 1, 2, 2), np.uint8),
        targets=targets.astype(np.int64),
        classes=tuple("abcde"[:classes]),
        kind=kind,
    )


def scores(cases: Samples) -> NDArray[np.float64]:
    """Probabilities that are right more often than not."""
    rng = np.random.default_rng(1)
    hot = cases.targets if cases.targets.ndim == 2 else np.eye(len(cases.classes))[cases.targets]
    raw = rng.random(hot.shape) + 0.6 * hot
    if cases.kind == "multilabel":
        return np.asarray(raw / 1.6)
    return np.asarray(raw / raw.sum(axis=1, keepdims=True))


def table(cases: Samples) -> Predictions:
    probability = scores(cases)
    return Predictions(
        classes=cases.classes,
        kind=cases.kind,
        id=cases.ids,
        split=np.full(len(cases), cases.split),
        variant=np.full(len(cases), SHIPPED),
        y_true=cases.targets,
        probability=probability,
        decision=decide(probability, cases.kind, 0.5),
    )


@pytest.fixture
def blank(monkeypatch: pytest.MonkeyPatch) -> Callable[[str], Samples]:
    """Let the reader give 60 cases of any flag, as if they were here."""
    monkeypatch.setattr(truth, "absent", lambda dataset, root: None)
    monkeypatch.setattr(reader, "load", lambda split, root, flag, size: samples(flag))
    return samples


@pytest.mark.parametrize("flag", KINDS)
def test_what_is_written_is_read_back(tmp_path: Path, blank: Any, flag: str) -> None:
    cases = blank(flag)
    made = table(cases)
    path = medmnist.write(made, tmp_path, flag=flag, run="model_1")
    again = medmnist.read(path, suite(flag), None)
    np.testing.assert_allclose(again.probability, made.probability, rtol=0, atol=1e-15)
    for field in ("id", "split", "variant", "y_true", "decision"):
        np.testing.assert_array_equal(getattr(again, field), getattr(made, field))


@pytest.mark.parametrize("flag", KINDS)
def test_the_figures_of_the_name_are_medmnists(tmp_path: Path, blank: Any, flag: str) -> None:
    from medmnist.evaluator import getACC, getAUC

    cases = blank(flag)
    labels = cases.targets if cases.targets.ndim == 2 else cases.targets[:, None]
    auc, acc = (of(labels, scores(cases), KINDS[flag][0]) for of in (getAUC, getACC))
    path = medmnist.write(table(cases), tmp_path, flag=flag, run="r@1", size=64)
    assert path.name == f"{flag}_64_test_[AUC]{auc:.3f}_[ACC]{acc:.3f}@r@1.csv"


def test_a_threshold_decides_but_does_not_change_the_name(tmp_path: Path, blank: Any) -> None:
    path = medmnist.write(table(blank("breastmnist")), tmp_path, flag="breastmnist", run="r")
    strict = medmnist.read(path, suite("breastmnist", threshold=0.9), None)
    np.testing.assert_array_equal(strict.decision, strict.probability[:, 1] > 0.9)


def test_one_column_of_a_binary_task_is_the_positive_class(tmp_path: Path, blank: Any) -> None:
    cases = blank("breastmnist")
    two = medmnist.write(table(cases), tmp_path, flag="breastmnist", run="r")
    rows = [f"{row.split(',')[0]},{row.split(',')[2]}" for row in two.read_text().splitlines()]
    two.write_text("\n".join(rows) + "\n")
    read = medmnist.read(two, suite("breastmnist"), None)
    np.testing.assert_allclose(read.probability, scores(cases), atol=1e-15)


def test_its_own_evaluator_agrees_on_the_real_file(tmp_path: Path) -> None:
    root = os.environ.get("HARNESS_DATA")
    data = Path(root or ".") / "medmnist"
    if not (data / "retinamnist.npz").is_file():
        pytest.skip("HARNESS_DATA names no folder with the MedMNIST files")
    from medmnist import Evaluator

    for flag in ("breastmnist", "retinamnist"):
        cases = reader.load("test", data, flag=flag)
        mine = medmnist.write(table(cases), tmp_path, flag=flag, run="ours")
        told = Evaluator(flag, "test", root=str(data)).evaluate(scores(cases))
        figures = [f"{told.AUC:.3f}", f"{told.ACC:.3f}"]
        assert mine.name == f"{flag}_test_[AUC]{figures[0]}_[ACC]{figures[1]}@ours.csv"
        theirs = tmp_path / flag
        theirs.mkdir()
        Evaluator(flag, "test", root=str(data)).evaluate(scores(cases), str(theirs), "theirs")
        [file] = theirs.iterdir()
        read = medmnist.read(file, suite(flag), data)
        np.testing.assert_allclose(read.probability, scores(cases), atol=1e-12)
        metric = shelf.load("metrics", "roc_auc").measure(read, np.ones((1, len(read))))[0]
        assert metric == pytest.approx(told.AUC, abs=1e-12)


def rows(*lines: str) -> str:
    return "\n".join(lines) + "\n"


GOOD = [f"{i},0.5,0.5" for i in range(60)]
BROKEN = {
    "name": ("breastmnist_test.csv", rows(*GOOD), "must be FLAG_SPLIT_"),
    "other data": (
        "pathmnist_test_[AUC]0.5_[ACC]0.5@r.csv",
        "",
        "which has breastmnist at 28, got",
    ),
    "size": ("breastmnist_64_test_[AUC]0.5_[ACC]0.5@r.csv", "", "got breastmnist at 64"),
    "words": ("breastmnist_test_[AUC]0.5_[ACC]0.5@r.csv", "a,b\n", "rows of an index and scores"),
    "short": (
        "breastmnist_test_[AUC]0.5_[ACC]0.5@r.csv",
        rows(*GOOD[:50]),
        "rows 0 to 59 in order",
    ),
    "shuffled": ("breastmnist_test_[AUC]0.5_[ACC]0.5@r.csv", rows(*GOOD[::-1]), "in order, got 60"),
    "logits": (
        "breastmnist_test_[AUC]0.5_[ACC]0.5@r.csv",
        rows(*[f"{i},-1.5,2.5" for i in range(60)]),
        r"must be finite and in \[0, 1\]",
    ),
    "width": (
        "breastmnist_test_[AUC]0.5_[ACC]0.5@r.csv",
        rows(*[f"{i},0.2,0.3,0.5" for i in range(60)]),
        "an output for each of 2 classes, got 3",
    ),
    "ragged": (
        "breastmnist_test_[AUC]0.5_[ACC]0.5@r.csv",
        rows(*GOOD[:-1], "59,1"),
        "must be rows",
    ),
    "figures": (
        "breastmnist_test_[AUC]0.9_[ACC]0.5@r.csv",
        rows(*GOOD),
        "must score AUC 0.9 as its",
    ),
}


@pytest.mark.parametrize("case", BROKEN)
def test_a_wrong_file_is_one_sentence(tmp_path: Path, blank: Any, case: str) -> None:
    name, text, sentence = BROKEN[case]
    path = tmp_path / name
    path.write_text(text)
    with pytest.raises(HarnessError, match=sentence):
        medmnist.read(path, suite("breastmnist"), None)


def test_only_one_split_is_written(tmp_path: Path, blank: Any) -> None:
    made = table(blank("breastmnist"))
    both = Predictions.concatenated([made, dataclasses.replace(made, split=np.full(60, "val"))])
    with pytest.raises(HarnessError, match=r"must be of one split, once, got \['test', 'val'\]"):
        medmnist.write(both, tmp_path, flag="breastmnist", run="r")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("form", ["csv", "parquet"])
@pytest.mark.parametrize("flag", KINDS)
def test_a_table_is_read_back_exactly(tmp_path: Path, blank: Any, flag: str, form: str) -> None:
    module = shelf.load("formats", form)
    made = table(blank(flag))
    path = module.write(made, tmp_path, name="model")
    assert module.sniff(path)
    again = module.read(path, suite(flag), None)
    assert (again.classes, again.kind) == (made.classes, made.kind)
    # rows are summed to 1 once more
    np.testing.assert_allclose(again.probability, made.probability, rtol=0, atol=1e-15)
    for field in ("id", "split", "variant", "y_true", "decision"):
        np.testing.assert_array_equal(getattr(again, field), getattr(made, field))


@settings(max_examples=40, deadline=None)
@given(order=st.permutations(range(60)), columns=st.permutations(range(5)))
def test_neither_the_order_of_rows_nor_of_columns_says_anything(
    order: list[int], columns: list[int]
) -> None:
    cases = samples("retinamnist")
    with pytest.MonkeyPatch.context() as patch, tempfile.TemporaryDirectory() as folder:
        patch.setattr(truth, "absent", lambda dataset, root: None)
        patch.setattr(reader, "load", lambda split, root, flag, size: cases)
        frame = pd.DataFrame(scores(cases), columns=list("abcde"))
        frame = frame[[*np.array(list("abcde"))[columns]]]
        frame.insert(2, "id", cases.ids)
        frame.iloc[order].to_csv(Path(folder) / "x.csv", index=False)
        frame.iloc[order].to_parquet(Path(folder) / "x.parquet")
        for module, name in ((csv, "x.csv"), (parquet, "x.parquet")):
            read = module.read(Path(folder) / name, suite("retinamnist"), None)
            np.testing.assert_array_equal(read.id, cases.ids)
            np.testing.assert_allclose(read.probability, scores(cases), rtol=0, atol=1e-15)


def frame(cases: Samples, **more: Any) -> pd.DataFrame:
    """As somebody would make it in pandas: ids and a column a class."""
    made = pd.DataFrame(scores(cases), columns=list(cases.classes))
    made.insert(0, "id", cases.ids)
    return made.assign(**more)


def same(read: Predictions, cases: Samples) -> None:
    np.testing.assert_allclose(read.probability, scores(cases), rtol=0, atol=1e-12)
    np.testing.assert_array_equal(read.y_true, cases.targets)


WAYS: dict[str, Callable[[pd.DataFrame], pd.DataFrame]] = {
    "index": lambda f: f.drop(columns="id").rename_axis("index").reset_index(),
    "case": lambda f: f.drop(columns="id").rename_axis("case").reset_index(),
    "numbered": lambda f: f.rename(columns={"a": "p0", "b": "p1"}),
    "probability": lambda f: f[["id", "b"]].rename(columns={"b": "probability"}),
    "score": lambda f: f[["id", "b"]].rename(columns={"b": "score"}),
    "names as labels": lambda f: f.assign(y_true=np.array(list("ab") * 30)),
    "numbers as labels": lambda f: f.assign(y_true=[0, 1] * 30),
    "floats as labels": lambda f: f.assign(y_true=[0.0, 1.0] * 30),
    "a split": lambda f: f.assign(split="test"),
}


@pytest.mark.parametrize("way", WAYS)
def test_a_table_may_say_it_in_several_ways(tmp_path: Path, blank: Any, way: str) -> None:
    cases = blank("breastmnist")
    made = WAYS[way](frame(cases))
    made.to_parquet(tmp_path / "x.parquet")
    same(parquet.read(tmp_path / "x.parquet", suite("breastmnist"), None), cases)
    if way == "floats as labels":  # text "1.0" is the name of no class
        return
    made.to_csv(tmp_path / "x.csv", index=False)
    same(csv.read(tmp_path / "x.csv", suite("breastmnist"), None), cases)


def test_what_pandas_and_excel_leave_behind_is_no_obstacle(tmp_path: Path, blank: Any) -> None:
    cases = blank("breastmnist")
    made = frame(cases).drop(columns="id")
    made.to_csv(tmp_path / "unnamed.csv")
    text = frame(cases).to_csv(index=False, lineterminator="\r\n").replace(",", " , ")
    (tmp_path / "bom.csv").write_text(text, encoding="utf-8-sig", newline="")
    frame(cases, split=pd.Categorical(["test"] * 60)).to_parquet(tmp_path / "categories.parquet")
    frame(cases).set_index("id").to_parquet(tmp_path / "indexed.parquet")
    same(csv.read(tmp_path / "unnamed.csv", suite("breastmnist"), None), cases)
    same(csv.read(tmp_path / "bom.csv", suite("breastmnist"), None), cases)
    for name in ("categories", "indexed"):
        same(parquet.read(tmp_path / f"{name}.parquet", suite("breastmnist"), None), cases)


def test_several_labels_a_case_may_be_names(tmp_path: Path, blank: Any) -> None:
    cases = blank("chestmnist")
    said = ["|".join(np.array(list("abc"))[row == 1]) for row in cases.targets]
    assert "" in said
    frame(cases, y_true=said).to_csv(tmp_path / "x.csv", index=False)
    same(csv.read(tmp_path / "x.csv", suite("chestmnist"), None), cases)


def test_a_table_adds_what_the_data_does_not_know(tmp_path: Path, blank: Any) -> None:
    cases = blank("breastmnist")
    people = ["", *(f"p{k // 2}" for k in range(1, 60))]
    more = {"subject": people, "group.sex": ["F", "M"] * 30}
    frame(cases, **more).to_csv(tmp_path / "x.csv", index=False)
    read = csv.read(tmp_path / "x.csv", suite("breastmnist"), None)
    assert read.subject is not None
    assert read.subject.tolist() == ["test-0", *people[1:]]
    assert read.groups["sex"].tolist() == ["F", "M"] * 30


def test_the_data_wins_where_it_knows(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    known = {"subjects": np.array(["s"] * 60), "groups": {"sex": np.array(["F"] * 60)}}
    cases = dataclasses.replace(samples("breastmnist"), **known)
    monkeypatch.setattr(truth, "absent", lambda dataset, root: None)
    monkeypatch.setattr(reader, "load", lambda split, root, flag, size: cases)
    more = {"subject": "other", "group.sex": "M"}
    frame(cases, **more).to_csv(tmp_path / "x.csv", index=False)
    read = csv.read(tmp_path / "x.csv", suite("breastmnist"), None)
    assert read.subject is not None
    assert (set(read.subject), set(read.groups["sex"])) == ({"s"}, {"F"})


def test_only_the_variant_that_ships_is_read(tmp_path: Path, blank: Any) -> None:
    cases = blank("breastmnist")
    ours = table(cases)
    twin = dataclasses.replace(ours, variant=np.full(60, "torch"), probability=ours.probability * 0)
    both = Predictions.concatenated([twin, ours])
    (tmp_path / "predictions.parquet").write_bytes(both.to_parquet())
    same(parquet.read(tmp_path / "predictions.parquet", suite("breastmnist"), None), cases)


def test_classes_called_like_other_columns_are_numbered(tmp_path: Path) -> None:
    made = dataclasses.replace(table(samples("breastmnist")), classes=("id", "split"))
    header = csv.write(made, tmp_path, name="x").read_text(encoding="utf-8").partition("\n")[0]
    assert header == "id,split,y_true,p0,p1"


HEAD = "id,a,b"
ROWS = [f"test-{i},0.5,0.5" for i in range(60)]
FAULTS = {
    "empty": ("", "must have a header and rows, got 0 lines"),
    "header only": (rows(HEAD), "must have a header and rows, got 1 lines"),
    "semicolons": (
        rows(HEAD, *ROWS).replace(",", ";"),
        "must have commas between its columns, got ';'",
    ),
    "tabs": (rows(HEAD, *ROWS).replace(",", "\t"), r"must have commas .*, got '\\t'"),
    "ragged": (rows(HEAD, *ROWS[:-1], "test-59,0.5"), "must have 3 values a row, got 2 in row 61"),
    "twice a column": (rows("id,a,a", *ROWS), "must name each column once, got id, a, a"),
    "spaced twice": (rows("id,a, a", *ROWS), "must have each column once, got id, a, a"),
    "no id": (rows("name,a,b", *ROWS), "must have columns id, index, .*, got 'name'"),
    "no header": (
        rows("test-0,0.4,0.6", *ROWS[1:]),
        "must have a column for each class: a, b; or p0, p1",
    ),
    "no key": (
        rows("a,b", *["0.5,0.5"] * 60),
        "must have a column id, or index from 0, got a, b",
    ),
    "one class": (
        rows("id,a", *[r[:-4] for r in ROWS]),
        "a column for each class: a, b; or p0, p1",
    ),
    "a third": (rows("id,p0,p1,p2", *[f"{r},0" for r in ROWS]), "a column a class, got 'p2'"),
    "a slip": (rows("id,a,b,grup.sex", *[f"{r},F" for r in ROWS]), "got 'grup.sex'"),
    "words": (rows(HEAD, *ROWS[:-1], "test-59,high,0.5"), "must have numbers in 'a', got 'high'"),
    "blank": (rows(HEAD, *ROWS[:-1], "test-59,,0.5"), "must have numbers in 'a', got ''"),
    "nan": (
        rows(HEAD, *ROWS[:-1], "test-59,nan,0.5"),
        r"finite and in \[0, 1\], got others in 1 of 60",
    ),
    "logits": (rows(HEAD, *ROWS[:-1], "test-59,-3,4"), r"finite and in \[0, 1\], got others in 1"),
    "sums": (rows(HEAD, *ROWS[:-1], "test-59,0.9,0.9"), "of 60 cases, at worst 1.8;"),
    "sums apart": (
        rows(HEAD, "test-0,0.1,0.3", "test-1,0.5,0.6", *ROWS[2:]),
        "must sum to 1, got others in 2 of 60 cases, at worst 0.4; check the softmax or link",
    ),
    "two orders": (
        rows("index,id,a,b", *[f"{i ^ (i < 4)},{row}" for i, row in enumerate(ROWS)]),
        "in 'id' and 'index', or one .*, got another case in 4 of 60 test rows, test-0 test-1",
    ),
    "missing": (
        rows(HEAD, *ROWS[:-4]),
        r"each of the 60 test cases of d, got no prediction of 4, test-56 test-57 test-58 \.\.\.$",
    ),
    "extra": (rows(HEAD, *ROWS, "more,1,0"), "cases of d, got 1 that are none of them, more$"),
    "both": (
        rows(HEAD, *ROWS[1:], "more,1,0"),
        "got no prediction of 1, test-0, and 1 that are none of them, more$",
    ),
    "counted": (
        rows(HEAD, *[row.removeprefix("test-") for row in ROWS]),
        "a column that counts the cases from 0 is called index$",
    ),
    "beyond": (
        rows("index,a,b", *[f"{i + 1},0.5,0.5" for i in range(60)]),
        "no prediction of 1, test-0, and 1 that are none of them, index 60$",
    ),
    "twice": (rows(HEAD, *ROWS, ROWS[7]), "each case of test once, got test-7 in 2 rows"),
    "split": (rows(f"{HEAD},split", *[f"{r},tset" for r in ROWS]), "'split', got 'tset'"),
    "val alone": (rows(f"{HEAD},split", *[f"{r},val" for r in ROWS]), "of test, got val alone"),
    "labels": (
        rows(f"{HEAD},y_true", *[f"{r},{i % 2 if i > 1 else 1 - i}" for i, r in enumerate(ROWS)]),
        "the labels of the data in 'y_true', got others in 2 of 60 test cases, test-0 test-1",
    ),
    "no label": (rows(f"{HEAD},y_true", *[f"{r},c" for r in ROWS]), "labels a, b in 'y_true', got"),
}


def test_an_id_and_an_index_may_agree(tmp_path: Path, blank: Any) -> None:
    blank("breastmnist")
    tables = []
    for head, lines in ((HEAD, ROWS), (f"index,{HEAD}", [f"{i},{r}" for i, r in enumerate(ROWS)])):
        path = tmp_path / "x.csv"
        path.write_text(rows(head, *reversed(lines)), encoding="utf-8")
        tables.append(csv.read(path, suite("breastmnist"), None))
    one, both = tables
    assert one.id.tolist() == both.id.tolist()


@pytest.mark.parametrize("fault", FAULTS)
def test_a_wrong_csv_is_one_sentence(tmp_path: Path, blank: Any, fault: str) -> None:
    text, sentence = FAULTS[fault]
    path = tmp_path / "x.csv"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(HarnessError, match=sentence) as found:
        csv.read(path, suite("breastmnist"), None)
    assert str(found.value).startswith(str(path))
    assert "\n" not in str(found.value)


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        (b"", "must be a table in Parquet, got: "),
        (b"PAR1", "must be a table in Parquet, got: "),
        (rows(HEAD, *ROWS).encode(), "must be a table in Parquet, got: "),
    ],
)
def test_a_wrong_parquet_is_one_sentence(
    tmp_path: Path, blank: Any, content: bytes, sentence: str
) -> None:
    path = tmp_path / "x.parquet"
    path.write_bytes(content)
    with pytest.raises(HarnessError, match=sentence):
        parquet.read(path, suite("breastmnist"), None)


def test_a_parquet_without_rows_or_of_other_classes(tmp_path: Path, blank: Any) -> None:
    cases = blank("breastmnist")
    frame(cases).iloc[:0].to_parquet(tmp_path / "x.parquet")
    with pytest.raises(HarnessError, match="must have rows, got none"):
        parquet.read(tmp_path / "x.parquet", suite("breastmnist"), None)
    frame(cases, a=[[0.5]] * 60).to_parquet(tmp_path / "x.parquet")
    with pytest.raises(HarnessError, match="in Parquet, got: a column of list"):
        parquet.read(tmp_path / "x.parquet", suite("breastmnist"), None)
    other = dataclasses.replace(table(cases), classes=("b", "a"))
    with pytest.raises(HarnessError, match="must have classes a, b as the data, got b, a"):
        parquet.read(parquet.write(other, tmp_path, name="x"), suite("breastmnist"), None)


class TestUnread:
    """Where the data is not here, a table speaks for itself."""

    def mine(self, **changes: Any) -> Suite:
        dataset = Dataset(load="arrays", args={"file": "absent.npz"}, **changes)
        return dataclasses.replace(suite("breastmnist"), datasets={"d": dataset})

    def test_labels_come_from_the_table(self, tmp_path: Path) -> None:
        cases = samples("bloodmnist")
        more = {"y_true": cases.targets, "subject": "s", "group.age": range(60)}
        frame(cases, **more).sample(frac=1, random_state=0).to_csv(tmp_path / "x.csv", index=False)
        read = csv.read(tmp_path / "x.csv", self.mine(groups={"age": (0, 30, 60)}), tmp_path)
        order = np.argsort(cases.ids)
        assert (read.classes, read.kind) == (tuple("abcd"), "nominal")
        np.testing.assert_array_equal(read.id, cases.ids[order])
        np.testing.assert_array_equal(read.y_true, cases.targets[order])
        np.testing.assert_allclose(read.probability, scores(cases)[order], rtol=0, atol=1e-15)
        assert set(read.groups["age"]) == {"0-30", "30-60"}
        again = csv.read(
            csv.write(read, tmp_path, name="y"), self.mine(groups={"age": (0, 9)}), tmp_path
        )
        assert set(again.groups["age"]) == {"0-30", "30-60"}

    @pytest.mark.parametrize("form", ["csv", "parquet"])
    @pytest.mark.parametrize("flag", KINDS)
    def test_medmnist_says_what_its_classes_are(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, flag: str, form: str
    ) -> None:
        monkeypatch.setenv("HOME", str(tmp_path))
        names = official(flag, 28).classes
        n = 40
        rng = np.random.default_rng(0)
        kind = KINDS[flag][1]
        shape = (n, len(names)) if kind == "multilabel" else (n,)
        truth = rng.integers(2 if kind == "multilabel" else len(names), size=shape)
        raw = rng.random((n, len(names)))
        raw /= 1 if kind == "multilabel" else raw.sum(axis=1, keepdims=True)
        made = Predictions(
            classes=names,
            kind=kind,
            id=np.array([f"{k:02}" for k in range(n)]),
            split=np.full(n, "test"),
            variant=np.full(n, SHIPPED),
            y_true=truth,
            probability=raw,
            decision=decide(raw, kind, 0.5),
        )
        module = shelf.load("formats", form)
        read = module.read(module.write(made, tmp_path, name="x"), suite(flag), None)
        assert (read.classes, read.kind) == (made.classes, made.kind)
        np.testing.assert_array_equal(read.y_true, made.y_true)
        np.testing.assert_array_equal(read.decision, made.decision)

    def test_without_labels_it_says_what_is_missing(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("HOME", str(tmp_path))
        frame(samples("breastmnist")).to_csv(tmp_path / "x.csv", index=False)
        for asked, reason in (
            (suite("breastmnist"), "breastmnist.npz is not there"),
            (self.mine(), "file must"),
        ):
            with pytest.raises(
                HarnessError, match=f"y_true where the data is not here, .*{reason}"
            ):
                csv.read(tmp_path / "x.csv", asked, tmp_path)
        name = "breastmnist_test_[AUC]0.500_[ACC]0.500@r.csv"
        (tmp_path / name).write_text(rows(*GOOD))
        with pytest.raises(
            HarnessError, match=r"joined to the labels of its data, and breastmnist\.npz"
        ):
            medmnist.read(tmp_path / name, suite("breastmnist"), tmp_path)


def test_cases_of_folds_are_those_of_a_record() -> None:
    declared = Dataset(load="arrays", split=Split(folds=3, by="image"))
    whole = dataclasses.replace(samples("breastmnist"), split="all")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("harness.datasets.arrays.load", lambda split, root: whole)
        found = truth.cases(declared, "test", None)
        assert declared.split is not None
        parts = [part(whole, declared.split, "test", fold) for fold in range(3)]
        np.testing.assert_array_equal(found.ids, np.concatenate([each.ids for each in parts]))
        np.testing.assert_array_equal(found.targets, np.concatenate([p.targets for p in parts]))
        with pytest.raises(HarnessError, match="split must be test where data is divided into f"):
            truth.cases(declared, "val", None)


def test_what_a_file_is_can_be_seen(tmp_path: Path) -> None:
    (tmp_path / "odd").write_bytes(b"PAR1 and more")
    names = {"breastmnist_test_[AUC]0.5_[ACC]0.5@r.csv": medmnist, "x.CSV": csv, "odd": parquet}
    for name, owner in names.items():
        takers = [module for module in (csv, medmnist, parquet) if module.sniff(tmp_path / name)]
        assert takers == [owner]
    assert not any(m.sniff(tmp_path / "x.txt") for m in (csv, medmnist, parquet))
