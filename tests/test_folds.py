"""Folds of a seed: each case tested once, joined before any metric, and all or nothing."""

import hashlib
import json
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import line
import numpy as np
import own
import pytest
from sklearn import metrics as sk

from harness import folds, plan, predict
from harness.cases import SHIPPED
from harness.errors import HarnessError
from harness.predictions import Predictions
from harness.record import Record, read_record
from harness.verbs import run as verb
from harness.verbs._against import Asked
from harness.verbs._scope import ALL, Answer, Scope, open_scope
from harness.verbs.accept import accept
from harness.verbs.check import check
from harness.verbs.compare import compare
from harness.verbs.plan import planned
from harness.verbs.report import report
from harness.verbs.run import run

RECIPE = """
title    = "Folds"
suites   = ["own"]
sections = ["leaderboard", "groups", "classes", "latency", "conditions"]
from     = "runs"
"""
BRIGHT, CNN = 0, 1
STEPS = ["fit", "export", "predict", "score", "time"]


@pytest.fixture(scope="module", autouse=True)
def hasty() -> Iterator[None]:
    with line.no_warm_up():
        yield


@pytest.fixture(scope="module")
def original(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a finished file and a trained model, both measured over three folds."""
    folder = tmp_path_factory.mktemp("original")
    own.save(folder / "lesions.npz")
    write(folder)
    assert measure(folder).code == 0
    return folder


@pytest.fixture
def here(original: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy of it for a test to change, and we are there."""
    folder = Path(shutil.copytree(original, tmp_path / "copy"))
    monkeypatch.chdir(folder)
    return folder


def write(folder: Path, split: str = "{ folds = 3 }", **changes: Any) -> None:
    data = own.dataset("lesions", f"split = {split}")
    own.bright(folder)
    models = line.finished("bright", Path("bright.onnx")) + own.CNN
    own.suite(folder, data, models, **changes)


def opened(folder: Path, models: Any = None) -> Scope:
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        globs = (None, models, *ALL[2:])
        scope = open_scope("own.toml", globs, folder, folder / "runs")
        for whole in scope.runs:
            for each in (whole, *plan.folds(scope.suite, whole)):
                scope.digests(each)
        return scope


def measure(folder: Path, models: Any = None) -> Answer:
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        return run(opened(folder, models), fresh=False, quiet=True, debug=False)


def parts(scope: Scope, index: int) -> list[Path]:
    """The folders of the folds of a Run."""
    return [scope.folder(each) for each in plan.folds(scope.suite, scope.runs[index])]


def table(folder: Path, split: str = "test", variant: str = SHIPPED) -> Predictions:
    path = folder / "predictions.parquet"
    return Predictions.from_parquet(path.read_bytes(), str(path)).select(split, variant)


def value(record: Record, metric: str, **where: str) -> float:
    row = record.find(metric, **where)
    assert row is not None
    assert row.value is not None
    return row.value


def states(folder: Path) -> dict[Path, tuple[int, str]]:
    files = [file for file in folder.rglob("*") if file.is_file() and file.name != ".lock"]
    return {
        file: (file.stat().st_mtime_ns, hashlib.sha256(file.read_bytes()).hexdigest())
        for file in files
    }


# What is joined


@pytest.mark.parametrize("index", [BRIGHT, CNN])
def test_a_joined_value_is_of_all_cases_at_once(original: Path, index: int) -> None:
    scope = opened(original)
    tables = [table(place) for place in parts(scope, index)]
    right = [np.asarray(each.decision == each.y_true) for each in tables]
    truth = np.concatenate([each.y_true for each in tables])
    p = np.concatenate([each.probability[:, 1] for each in tables])
    record = line.record(scope, index)
    assert value(record, "accuracy") == pytest.approx(np.concatenate(right).mean())
    assert value(record, "roc_auc") == pytest.approx(sk.roc_auc_score(truth, p))
    of_folds = np.mean([each.mean() for each in right])
    areas = np.mean([sk.roc_auc_score(each.y_true, each.probability[:, 1]) for each in tables])
    assert value(record, "roc_auc") != pytest.approx(areas, abs=1e-9)
    if index == BRIGHT:
        assert value(record, "accuracy") != pytest.approx(of_folds, abs=1e-9)


def test_each_subject_is_tested_once(original: Path) -> None:
    data, scope = np.load(original / "lesions.npz"), opened(original)
    people = [set(table(place).subject.tolist()) for place in parts(scope, CNN)]  # type: ignore[union-attr]
    assert sum(map(len, people)) == len(set().union(*people)) == len(set(data["subject"].tolist()))
    whole = table(scope.folder(scope.runs[CNN]))
    assert sorted(whole.id) == sorted(f"case-{k}" for k in range(len(data["label"])))
    named = {f"case-{k}": label for k, label in enumerate(data["label"].tolist())}
    assert [whole.classes[y] for y in whole.y_true] == [named[i] for i in whole.id.tolist()]


def test_who_is_validated_or_tested_was_not_trained_on(original: Path) -> None:
    scope = opened(original)
    for place in parts(scope, CNN):
        val, test = (set(table(place, split).subject.tolist()) for split in ("val", "test"))  # type: ignore[union-attr]
        assert val
        assert test
        assert not val & test


def test_rows_are_counted_in_subjects_and_images(original: Path) -> None:
    data, record = np.load(original / "lesions.npz"), line.record(opened(original), CNN)
    row, flips = record.find("accuracy"), record.find("parity_flips")
    assert row is not None
    assert (row.n, row.over) == (len(set(data["subject"].tolist())), "subject")
    assert row.ci is not None
    assert flips is not None
    assert flips.n == 2 * len(data["label"])
    women = data["sex"] == "F"
    grouped = record.find("accuracy", **{"group.sex": "F"})
    assert grouped is not None
    assert grouped.n == len(set(data["subject"][women].tolist()))


def test_a_joined_record_is_of_the_seed(original: Path) -> None:
    scope = opened(original)
    record, first = line.record(scope, CNN), read_record(parts(scope, CNN)[0] / "record.json")
    assert record.run["id"] == "own/lesions/cnn/cpu/s0"
    assert first.run["id"] == "own/lesions/cnn/cpu/s0f0"
    assert "fold" not in record.run
    assert record.run["split"]["folds"] == 3
    assert record.selection["folds"] == 3
    assert record.selection["fold_epochs"] == [1, 1, 1]
    assert "fold_epochs" not in line.record(scope, BRIGHT).selection
    for metric in ("parameters_trainable", "size_bytes"):
        assert value(record, metric) == value(first, metric)
    timed = {json.dumps(row.where, sort_keys=True) for row in record.measurements if row.samples}
    assert len(timed) == 1
    seconds = [read_record(place / "record.json").seconds["fit"] for place in parts(scope, CNN)]
    assert record.seconds["fit"] == pytest.approx(sum(seconds), abs=1e-3)


def test_no_two_rows_are_the_same(original: Path) -> None:
    rows = line.record(opened(original), CNN).measurements
    keys = [(row.metric, json.dumps(row.where, sort_keys=True)) for row in rows]
    assert len(keys) == len(set(keys))


# What is done again


def test_a_second_run_redoes_nothing(here: Path) -> None:
    before = states(here)
    assert measure(here).code == 0
    assert states(here) == before
    rows = planned(opened(here)).data["runs"]
    assert [row["run"].rpartition("/")[2] for row in rows] == ["s0f0", "s0f1", "s0f2"] * 2
    assert all(row["stale"] == [] for row in rows)


def test_an_added_metric_is_joined_anew(here: Path) -> None:
    write(here, metrics='["accuracy", "brier"]')
    assert {tuple(row["stale"]) for row in planned(opened(here)).data["runs"]} == {("score",)}
    assert measure(here).code == 0
    scope = opened(here)
    tables = [table(place) for place in parts(scope, CNN)]
    p = np.concatenate([each.probability[:, 1] for each in tables])
    truth = np.concatenate([each.y_true for each in tables])
    found = value(line.record(scope, CNN), "brier")
    assert found == pytest.approx(sk.brier_score_loss(truth, p))


def test_a_changed_image_redoes_all_folds(here: Path) -> None:
    with np.load(here / "lesions.npz") as arrays:
        columns = dict(arrays)
    columns["image"][0, 0, 0, 0] += 1
    own.save(here / "lesions.npz", **columns)
    scope = opened(here)
    assert {tuple(row["stale"]) for row in planned(scope).data["runs"]} == {tuple(STEPS)}
    assert [scope.record(each) for each in scope.runs] == [None, None]


@pytest.mark.parametrize("split", ["{ folds = 4 }", "{ folds = 3, seed = 1 }"])
def test_other_folds_are_other_trainings(here: Path, split: str) -> None:
    before = opened(here)
    write(here, split)
    after = opened(here)
    assert not {*parts(before, CNN)} & {*parts(after, CNN)}
    assert after.record(after.runs[CNN]) is None


@pytest.mark.parametrize(
    ("file", "text"),
    [
        ("record.json", None),
        ("record.json", "{"),
        ("record.json", '{"schema": "harness.record/0"}'),
        ("predictions.parquet", None),
        ("predictions.parquet", "PAR1"),
    ],
)
def test_what_is_lost_of_the_joined_is_joined_anew(here: Path, file: str, text: str | None) -> None:
    scope = opened(here)
    folder = scope.folder(scope.runs[BRIGHT])
    before = (folder / file).read_bytes()
    (folder / file).unlink()
    if text is not None:
        (folder / file).write_text(text, encoding="utf-8")
    assert measure(here).code == 0
    assert (folder / file).read_bytes() == before


# All or nothing


def test_a_fold_that_fails_leaves_no_joined_record(here: Path) -> None:
    """The second fold is lost, and its step after export cannot be repeated."""
    scope = opened(here)
    shutil.rmtree(parts(scope, BRIGHT)[1])
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(predict, "onnx_model", fail)
        answer = measure(here)
    assert answer.code == 2
    statuses = {row["id"]: (row["status"], row["error"]) for row in answer.data["records"]}
    assert statuses == {
        "own/lesions/bright/cpu/s0f1": ("failed", "the disk must turn, got none"),
        "own/lesions/cnn/cpu/s0": ("ok", None),
    }
    assert scope.record(scope.runs[BRIGHT]) is None
    refused(here, "bright")
    assert measure(here).code == 0
    assert line.record(scope, BRIGHT).status == "ok"


def fail(path: Path) -> None:
    raise HarnessError("the disk must turn, got none")


def refused(folder: Path, model: str) -> None:
    """Of the model nothing is accepted, judged or compared."""
    only = opened(folder, [model])
    with pytest.raises(HarnessError, match="accept must find a record in "):
        accept(only, folder / "baselines", allow_dirty=True)
    (folder / "baselines").mkdir()
    [fault] = check(only, Asked(baselines=folder / "baselines")).faults
    assert fault.message.startswith(f"own/lesions/{model}/cpu must be measured first")
    with pytest.raises(HarnessError, match="must share a dataset and seed"):
        compare(opened(folder), "cnn", "bright")


def test_a_missing_fold_is_no_seed(here: Path) -> None:
    scope = opened(here)
    places = parts(scope, CNN)
    shutil.rmtree(places[2])
    whole, several = scope.runs[CNN], plan.folds(scope.suite, scope.runs[CNN])
    pairs = list(zip(several, places, strict=True))
    joined = folds.join(scope.suite, whole, scope.digests(whole), pairs, scope.folder(whole))
    assert joined is None
    refused(here, "cnn")


def test_ctrl_c_between_folds_leaves_no_seed(here: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    scope, real = opened(here), verb.execute
    shutil.rmtree(here / "runs")
    done: list[str] = []

    def leave(*words: Any, **options: Any) -> Any:
        done.append(words[1].id)
        if len(done) == 3:
            raise KeyboardInterrupt
        return real(*words, **options)

    monkeypatch.setattr(verb, "execute", leave)
    answer = run(opened(here), fresh=False, quiet=True, debug=False)
    assert (answer.code, answer.data["records"]) == (130, [])
    assert [scope.record(each) for each in scope.runs] == [None, None]
    assert [(place / "record.json").is_file() for place in parts(scope, BRIGHT)] == [1, 1, 0]


@pytest.mark.parametrize("fresh", [True, False])
def test_while_a_fold_is_redone_there_is_no_joined_record(
    here: Path, monkeypatch: pytest.MonkeyPatch, fresh: bool
) -> None:
    """Not even after a kill in the middle; a fresh run would otherwise end in the old record."""
    scope, real = opened(here, ["bright"]), verb.execute
    before = scope.record(scope.runs[0])
    assert before is not None
    if not fresh:
        (parts(scope, BRIGHT)[2] / "predictions.parquet").unlink()
    there: list[bool] = []

    def watch(*words: Any, **options: Any) -> Any:
        there.append((scope.folder(scope.runs[0]) / "record.json").is_file())
        return real(*words, **options)

    monkeypatch.setattr(verb, "execute", watch)
    assert run(scope, fresh=fresh, quiet=True, debug=False).code == 0
    assert there == [False, False, False]
    after = scope.record(scope.runs[0])
    assert after is not None
    assert after.measurements[0] == before.measurements[0]


# Afterwards


def test_accepted_and_checked_as_one_seed(here: Path) -> None:
    scope, baselines = opened(here), here / "baselines"
    found = accept(scope, baselines, allow_dirty=True).data["accepted"]
    assert [Path(path).name for path in found] == ["s0.json", "s0.json"]
    assert sorted(file.name for file in baselines.rglob("s*")) == 2 * ["s0.json"] + 2 * [
        "s0.parquet"
    ]
    found = check(scope, Asked(baselines=baselines))
    assert (found.code, [each.status for each in found.verdicts]) == (0, ["ok", "ok"])


def test_other_folds_are_not_comparable(here: Path) -> None:
    accept(opened(here), here / "baselines", allow_dirty=True)
    write(here, "{ folds = 3, seed = 1 }")
    assert measure(here, ["bright"]).code == 0
    (here / "baselines").mkdir(exist_ok=True)
    found = check(opened(here, ["bright"]), Asked(baselines=here / "baselines"))
    [verdict] = found.verdicts
    assert (found.code, verdict.status) == (4, "not-comparable")
    assert verdict.reason.startswith("split differs: accepted {'by': 'subject'")


def test_models_are_compared_over_all_folds(here: Path) -> None:
    scope = opened(here)
    found = compare(scope, "bright", "cnn").data["differences"][0]
    accuracies = [value(line.record(scope, index), "accuracy") for index in (BRIGHT, CNN)]
    assert [found["a"], found["b"]] == pytest.approx(accuracies)
    folders = [str(scope.folder(each)) for each in scope.runs]
    assert compare(scope, *folders).data["differences"][0]["effect"] == found["effect"]


def test_a_page_shows_the_seed_and_no_fold(here: Path) -> None:
    Path("suites").mkdir()
    Path("own.toml").rename("suites/own.toml")
    Path("folds.toml").write_text(RECIPE, encoding="utf-8")
    report("folds.toml", here, here / "runs", here / "baselines", here / "pages")
    page = Path("pages/folds.md").read_text(encoding="utf-8")
    whole = open_scope("own", ALL, here, here / "runs")
    accuracy = value(line.record(whole, CNN), "accuracy")
    [row] = [text for text in page.splitlines() if "cnn" in text and " [" in text][:1]
    assert f" {accuracy:.3f} [" in row
    assert "s0f1" not in page
