"""External validation: trained on one set, measured on the test cases of others as well."""

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import line
import numpy as np
import onnxruntime
import own
import pytest
from sklearn import metrics as sk

from harness.cases import SHIPPED
from harness.errors import HarnessError
from harness.predictions import Predictions
from harness.record import Measurement, Record
from harness.verbs._scope import Answer, Scope, open_scope
from harness.verbs.plan import planned
from harness.verbs.run import run

PARTED = "split = { test = 0.3, val = 0.3 }"
FOLDED = "split = { folds = 3 }"
BRIGHT, CNN = 0, 1


@pytest.fixture(scope="module", autouse=True)
def hasty() -> Iterator[None]:
    with line.no_warm_up():
        yield


def elsewhere(folder: Path) -> None:
    """Sets of the same kind as `near`, each from somewhere else."""
    own.save(folder / "near.npz")
    for seed, name in enumerate(("parted", "folded"), 1):
        own.save(folder / f"{name}.npz", **own.cases(25 * seed, seed))
    official = own.cases(30, 3)
    parts = np.array(["train", "val", "test"])[np.char.str_len(official["subject"]) % 3]
    nameless = {key: official[key] for key in ("image", "label")}
    own.save(folder / "official.npz", **official, part=parts)
    own.save(folder / "nameless.npz", **nameless, part=parts)


def declared() -> str:
    """The tables of all of them."""
    part = 'official = "part"'
    return (
        own.dataset("near", f'{PARTED}\ntest_on = ["parted", "folded", "official", "nameless"]')
        + own.dataset("parted", PARTED)
        + own.dataset("folded", FOLDED)
        + own.dataset("official", args=f", {part}")
        + f'[datasets.nameless]\nload = "arrays"\nargs = {{ file = "nameless.npz", {part} }}\n'
    )


@pytest.fixture(scope="module")
def original(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A finished file and a network, measured on their own test cases and on four other sets."""
    folder = tmp_path_factory.mktemp("original")
    elsewhere(folder)
    path = own.suite(folder, declared(), own.bright(folder) + own.CNN)
    _, answer = measure(path, folder)
    assert answer.code == 0, answer.text
    return folder


@pytest.fixture
def here(original: Path, tmp_path: Path) -> Path:
    """A copy of it for a test to change."""
    return Path(shutil.copytree(original, tmp_path / "copy"))


def opened(folder: Path) -> Scope:
    return near(folder / "own.toml", folder)


def near(path: Path, folder: Path) -> Scope:
    """What is trained on `near`."""
    return open_scope(str(path), (["near"], None, None, None), folder, folder / "runs")


def measure(path: str, folder: Path) -> tuple[Scope, Answer]:
    scope = near(Path(path), folder)
    return scope, run(scope, fresh=False, quiet=True, debug=False)


def table(scope: Scope, split: str, index: int = BRIGHT, variant: str = SHIPPED) -> Predictions:
    path = scope.folder(scope.runs[index]) / "predictions.parquet"
    return Predictions.from_parquet(path.read_bytes(), str(path)).select(split, variant)


def row(record: Record, metric: str, dataset: str) -> Measurement:
    found = record.find(metric, dataset=dataset)
    assert found is not None
    return found


NAMES = ["parted", "folded", "official", "nameless"]


@pytest.mark.parametrize("index", [BRIGHT, CNN])
@pytest.mark.parametrize("name", NAMES)
def test_a_row_is_what_scikit_learn_says_of_the_others(
    original: Path, name: str, index: int
) -> None:
    scope = opened(original)
    cases, record = table(scope, f"test@{name}", index), line.record(scope, index)
    accuracy, area = (row(record, metric, name) for metric in ("accuracy", "roc_auc"))
    assert accuracy.value == pytest.approx(sk.accuracy_score(cases.y_true, cases.decision))
    assert area.value == pytest.approx(sk.roc_auc_score(cases.y_true, cases.probability[:, 1]))
    commonest = max(np.bincount(cases.y_true)) / len(cases)
    assert row(record, "majority_rate", name).value == pytest.approx(commonest)
    assert accuracy.ci is not None
    assert accuracy.ci[0] <= accuracy.value <= accuracy.ci[1]
    assert set(accuracy.where) == {"dataset"}


@pytest.mark.parametrize("name", NAMES)
def test_the_cases_are_those_that_the_others_test(original: Path, name: str) -> None:
    """A part, all where folds test each, the official ones; and their truth is their own."""
    scope, data = opened(original), np.load(original / f"{name}.npz")
    cases = table(scope, f"test@{name}")
    places = np.array([int(case.removeprefix("case-")) for case in cases.id.tolist()])
    if name == "folded":
        assert sorted(places) == list(range(len(data["label"])))
    elif name == "parted":
        assert 0 < len(places) < len(data["label"]) / 2
    else:
        assert places.tolist() == np.flatnonzero(data["part"] == "test").tolist()
    assert [cases.classes[y] for y in cases.y_true] == data["label"][places].tolist()
    if name == "nameless":
        assert set(cases.subject.tolist()) == {""}  # type: ignore[union-attr]
    else:
        assert cases.subject is not None
        assert cases.subject.tolist() == data["subject"][places].tolist()


@pytest.mark.parametrize("name", NAMES)
def test_their_probabilities_are_what_the_file_says(original: Path, name: str) -> None:
    scope, data = opened(original), np.load(original / f"{name}.npz")
    cases = table(scope, f"test@{name}", CNN)
    places = [int(case.removeprefix("case-")) for case in cases.id.tolist()]
    images = data["image"][places][:, None].astype(np.float32) / np.float32(255)
    file = scope.folder(scope.runs[CNN]) / "model.onnx"
    session = onnxruntime.InferenceSession(str(file), providers=["CPUExecutionProvider"])
    by_hand = [session.run(None, {"image": images[k : k + 1]})[0][0, 0] for k in range(len(images))]
    np.testing.assert_allclose(cases.probability[:, 1], by_hand, atol=1e-6)


def test_subjects_are_counted_where_they_are_known(original: Path) -> None:
    record = line.record(opened(original))
    for name in NAMES:
        cases, found = table(opened(original), f"test@{name}"), row(record, "accuracy", name)
        assert cases.subject is not None
        people = len(set(cases.subject.tolist()))
        expected = (len(cases), "image") if name == "nameless" else (people, "subject")
        assert (found.n, found.over) == expected


def test_what_is_its_own_stays_as_it_was(original: Path, tmp_path: Path) -> None:
    """All rows but the added ones are those of a suite that tests nowhere else."""
    alone = tmp_path / "alone"
    shutil.copytree(original, alone, ignore=shutil.ignore_patterns("runs"))
    path = own.suite(alone, own.dataset("near", PARTED), own.bright(alone))
    scope, answer = measure(path, alone)
    assert answer.code == 0
    found = line.untimed(line.record(opened(original)))["measurements"]
    kept = [each for each in found if "dataset" not in each["where"]]
    assert line.untimed(line.record(scope))["measurements"] == kept
    assert {each["where"]["dataset"] for each in found if "dataset" in each["where"]} == {*NAMES}


def test_torch_is_held_against_its_own_cases_only(original: Path) -> None:
    scope = opened(original)
    record = line.record(scope, CNN)
    own_cases = len(table(scope, "test", CNN)) + len(table(scope, "val", CNN))
    for metric in ("parity_max_abs", "parity_flips"):
        found = record.find(metric)
        assert found is not None
        assert found.n == own_cases


# What is done again


def test_other_images_elsewhere_are_predicted_anew(here: Path) -> None:
    own.save(here / "parted.npz", **own.cases(25, 9))
    scope = opened(here)
    stale = {each["run"]: each["stale"] for each in planned(scope).data["runs"]}
    assert set(map(tuple, stale.values())) == {("predict", "score")}
    _, answer = measure(str(here / "own.toml"), here)
    assert answer.code == 0
    cases = table(scope, "test@parted")
    found = row(line.record(scope), "accuracy", "parted").value
    assert found == pytest.approx(sk.accuracy_score(cases.y_true, cases.decision))


def test_one_less_is_one_less(here: Path) -> None:
    path = Path(here / "own.toml")
    text = path.read_text(encoding="utf-8")
    path.write_text(text.replace('"folded", "official", ', ""), encoding="utf-8")
    scope, answer = measure(str(path), here)
    assert answer.code == 0
    wheres = [each.where for each in line.record(scope).measurements]
    assert {each["dataset"] for each in wheres if "dataset" in each} == {"parted", "nameless"}


# What is given


def test_all_images_are_brought_into_the_models_range(tmp_path: Path) -> None:
    elsewhere(tmp_path)
    text = own.dataset("near", f'{PARTED}\ntest_on = ["parted"]\ninput = {{ range = [0, 0.5] }}')
    text += own.dataset("parted", f"{PARTED}\ninput = {{ range = [5, 9] }}")
    own_range = own.bright(tmp_path, "wide") + "input = { range = [-1, 1] }\n"
    path = own.suite(tmp_path, text, own.bright(tmp_path) + own_range)
    scope, answer = measure(path, tmp_path)
    assert answer.code == 0, answer.text
    brightest = np.load(tmp_path / "parted.npz")["image"].max(axis=(1, 2, 3)) / 255
    for index, (low, high) in enumerate([(0, 0.5), (-1, 1)]):
        cases = table(scope, "test@parted", index)
        places = [int(case.removeprefix("case-")) for case in cases.id.tolist()]
        given = low + (high - low) * brightest[places]
        expected = 1 / (1 + np.exp(-(20 * given - 8.2)))
        np.testing.assert_allclose(cases.probability[:, 1], expected, atol=1e-6)


@pytest.mark.parametrize(
    ("changes", "more", "sentence"),
    [
        (
            {"label": ["benign", "ill"]},
            "",
            "test_on far must have classes ('benign', 'malignant') as near, got ('benign', 'ill')",
        ),
        (
            {"label": ["a", "b", "c"]},
            "",
            "test_on far must have classes ('benign', 'malignant') as near, got ('a', 'b', 'c')",
        ),
        (
            {"image": (2, 12, 13)},
            "",
            "test_on far must have shape (1, 2, 12, 12) as near, got (1, 2, 12, 13)",
        ),
        (
            {},
            ', kind = "multilabel"',
            "test_on far must have kind nominal as near, got multilabel",
        ),
        (
            {},
            ', kind = "ordinal", classes = ["benign", "malignant"]',
            "test_on far must have kind nominal as near, got ordinal",
        ),
    ],
)
def test_what_does_not_fit_is_a_failed_record(
    tmp_path: Path, changes: dict[str, Any], more: str, sentence: str
) -> None:
    own.save(tmp_path / "near.npz")
    far = own.cases(30, 1)
    if "label" in changes:
        far["label"] = np.resize(changes["label"], len(far["label"]))
    if "image" in changes:
        far["image"] = np.zeros((len(far["label"]), *changes["image"]), np.uint8)
    own.save(tmp_path / "far.npz", **far)
    text = own.dataset("near", f'{PARTED}\ntest_on = ["far"]') + own.dataset("far", PARTED, more)
    scope, answer = measure(own.suite(tmp_path, text, own.bright(tmp_path)), tmp_path)
    record = line.record(scope)
    assert (answer.code, record.status) == (2, "failed")
    assert record.error == sentence
    assert record.measurements == ()


def test_a_missing_file_elsewhere_is_said_before_anything_runs(here: Path) -> None:
    (here / "parted.npz").unlink()
    shutil.rmtree(here / "runs")
    with pytest.raises(HarnessError, match=r"^file must be an \.npz or \.csv .*parted\.npz; name "):
        measure(str(here / "own.toml"), here)
    assert not (here / "runs").exists()
