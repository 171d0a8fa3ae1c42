"""Predictions in MedMNIST's standard file: what its own evaluator makes of ours, and we of its."""

import dataclasses
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from harness import shelf
from harness.datasets import medmnist as reader
from harness.errors import HarnessError
from harness.formats import medmnist
from harness.predictions import SHIPPED, Predictions, decide
from harness.samples import Kind, Samples
from harness.suite import Dataset, MetricSpec, Model, Policy, Suite

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
    """Let the reader give 60 cases of any flag."""
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
