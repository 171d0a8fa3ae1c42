"""`harness score`: predictions made elsewhere are measured, judged and compared like a model's."""

import dataclasses
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import line
import numpy as np
import own
import pandas as pd
import pytest
from sklearn import metrics as sk

from harness import cli, shelf
from harness.baselines import external, read
from harness.cases import SHIPPED
from harness.means import bearing
from harness.plan import Run, Selection, expand
from harness.predictions import Predictions
from harness.reading import load
from harness.record import Record, read_record
from harness.verbs._scope import ALL, open_scope
from harness.verbs.run import run

HOME = Path(__file__).parent.parent
RECIPE = """
title    = "What was found here"
suites   = ["line"]
sections = ["leaderboard", "groups", "classes", "latency", "conditions"]
from     = "runs"
"""


@dataclasses.dataclass(frozen=True)
class Outcome:
    code: int
    out: str
    err: str

    @property
    def data(self) -> Any:
        return json.loads(self.out.splitlines()[-1])

    @property
    def record(self) -> dict[str, Any]:
        [found] = self.data["records"]
        return dict(found)


Harness = Callable[..., Outcome]


@pytest.fixture(scope="module")
def original(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A user's folder: a suite with one finished file, measured, and its predictions as a CSV."""
    folder = tmp_path_factory.mktemp("user")
    for name in ("suites", "reports"):
        (folder / name).mkdir()
    line.onnx_file(folder / "bright.onnx")
    write_suite(folder)
    (folder / "reports/line.toml").write_text(RECIPE, encoding="utf-8")
    with pytest.MonkeyPatch.context() as patch, line.no_warm_up():
        patch.chdir(folder)
        line.measure("line", Path("runs"))
    shelf.load("formats", "csv").write(predicted(folder), folder, name="theirs")
    return folder


def write_suite(folder: Path, **changes: Any) -> None:
    line.suite(
        folder / "suites", **{"models": line.finished("bright", Path("bright.onnx")), **changes}
    )


@pytest.fixture
def home(original: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy of it, and we are there."""
    folder = Path(shutil.copytree(original, tmp_path / "home"))
    monkeypatch.chdir(folder)
    monkeypatch.delenv("HARNESS_DATA", raising=False)
    return folder


@pytest.fixture
def harness(
    home: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Harness:
    """The command, in this process."""

    def command(*words: str) -> Outcome:
        monkeypatch.setattr(sys, "argv", ["harness", *words])
        with pytest.raises(SystemExit) as leaving:
            cli.main()
        said = capsys.readouterr()
        return Outcome(int(leaving.value.code or 0), said.out, said.err)

    return command


def predicted(home: Path, split: str | None = None) -> Predictions:
    """What the finished file said of val and test."""
    [path] = home.glob("runs/line/phantom/bright/cpu/*/predictions.parquet")
    table = Predictions.from_parquet(path.read_bytes(), "it")
    mine = table.variant == SHIPPED
    return table.where(mine if split is None else mine & (table.split == split))


def trained(home: Path) -> Record:
    [path] = home.glob("runs/line/phantom/bright/cpu/*/record.json")
    return read_record(path)


def folders(home: Path, name: str = "theirs") -> list[str]:
    """Those that have a record."""
    found = home.glob(f"runs/line/phantom/{name}/external/*/record.json")
    return sorted(path.parent.name for path in found)


def answered(home: Path, right: bool, name: str = "theirs") -> Path:
    """The same cases, most of them answered rightly, or most of them wrongly."""
    frame = pd.read_csv(home / "theirs.csv")
    noise = np.random.default_rng(0).normal(0, 0.12, len(frame))
    frame["lesion"] = (0.35 + 0.3 * (frame["y_true"] == int(right)) + noise).clip(0, 1)
    frame["healthy"] = 1 - frame["lesion"]
    frame.to_csv(home / f"{name}.csv", index=False)
    return home / f"{name}.csv"


SCORE = ("score", "line", "--predictions", "theirs.csv", "--json")


class TestMeasured:
    """The record."""

    @pytest.mark.parametrize("form", ["csv", "parquet", "folder"])
    def test_its_numbers_are_those_of_the_model(
        self, harness: Harness, home: Path, form: str
    ) -> None:
        path = home / "theirs.csv"
        if form == "parquet":
            path = shelf.load("formats", form).write(predicted(home), home, name="theirs")
        if form == "folder":
            [path] = home.glob("runs/line/phantom/bright/cpu/*/predictions.parquet")
        found = harness("score", "line", "--predictions", str(path), "--name", "x", "--json")
        assert (found.code, found.err) == (0, "")
        record, theirs = read_record(Path(found.record["folder"]) / "record.json"), trained(home)
        assert bearing(record) == bearing(theirs)
        files = ("parity", "latency", "throughput", "parameters", "size")
        of_files = [
            row.metric.startswith(files) or "variant" in row.where for row in theirs.measurements
        ]
        wanted = [r for r, of in zip(theirs.measurements, of_files, strict=True) if not of]
        assert list(record.measurements) == wanted
        assert {"split": "val"} in [row.where for row in wanted]

    def test_its_numbers_are_those_of_scikit_learn(self, harness: Harness, home: Path) -> None:
        record = read_record(Path(harness(*SCORE).record["folder"]) / "record.json")
        frame = pd.read_csv(home / "theirs.csv").query("split == 'test'")
        positive, decided = frame["lesion"], frame["lesion"] > 0.5
        for metric, value in {
            "roc_auc": sk.roc_auc_score(frame["y_true"], positive),
            "accuracy": sk.accuracy_score(frame["y_true"], decided),
            "sensitivity": sk.recall_score(frame["y_true"], decided),
        }.items():
            row = record.find(metric)
            assert row is not None
            assert row.value == pytest.approx(value, abs=1e-12)
            assert (row.n, row.over) == (frame["subject"].nunique(), "subject")

    def test_it_says_what_is_not_known(self, harness: Harness, home: Path) -> None:
        found = harness(*SCORE)
        path = Path(found.record["folder"])
        record = read_record(path / "record.json")
        assert record.run["id"] == found.record["id"] == "line/phantom/theirs/external/s0"
        assert (record.selection["split"], record.selection["threshold"]) == ("unknown", 0.5)
        source = record.artifacts["source"]
        assert source["path"] == "theirs.csv"
        digest = subprocess.run(
            ["sha256sum", "theirs.csv"], capture_output=True, text=True, check=True
        )
        assert source["sha256"] == digest.stdout.split()[0]
        assert path.name == f"s0-{source['sha256'][:8]}"
        assert str(home) not in (path / "record.json").read_text(encoding="utf-8")

    def test_the_same_file_is_scored_once(
        self, harness: Harness, home: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        path = Path(harness(*SCORE).record["folder"]) / "record.json"
        before = path.read_bytes()
        with monkeypatch.context() as patch:
            patch.setattr("harness.foreign.measured", None)
            assert harness(*SCORE).code == 0
        assert path.read_bytes() == before
        for broken in (path, path.with_name("predictions.parquet")):
            broken.write_bytes(b"{")
            assert harness(*SCORE).code == 0
            again, first = read_record(path), json.loads(before)
            assert again.artifacts == first["artifacts"]

    def test_another_metric_or_policy_is_scored_anew(self, harness: Harness, home: Path) -> None:
        first = Path(harness(*SCORE).record["folder"])
        for changes in ({"metrics": ["roc_auc", "brier"]}, {"threshold": 0.25}):
            write_suite(home, **changes)
            again = Path(harness(*SCORE).record["folder"])
            assert again == first
            record = read_record(again / "record.json")
            assert record.run["metrics"] == changes.get(
                "metrics", ["roc_auc", "accuracy", "sensitivity"]
            )
            assert record.selection["threshold"] == changes.get("threshold", 0.5)

    def test_another_file_replaces_the_older(self, harness: Harness, home: Path) -> None:
        first = harness(*SCORE).record
        answered(home, right=False)
        found = harness(*SCORE[:-1])
        assert f"removed {first['folder']}, of another file" in found.out
        [name] = folders(home)
        assert name != Path(first["folder"]).name
        assert not Path(first["folder"]).exists()

    def test_a_file_that_is_refused_leaves_the_older(self, harness: Harness, home: Path) -> None:
        harness(*SCORE)
        before = folders(home)
        text = (home / "theirs.csv").read_text(encoding="utf-8")
        (home / "theirs.csv").write_text(text.rpartition("\ns")[0] + "\n", encoding="utf-8")
        found = harness(*SCORE)
        assert (found.code, found.out) == (2, "")
        assert "of phantom, got no prediction of 1, s" in found.err
        assert folders(home) == before

    def test_a_constant_predictor_is_warned_of(self, harness: Harness, home: Path) -> None:
        pd.read_csv(home / "theirs.csv").assign(healthy=1.0, lesion=0.0).to_csv("theirs.csv")
        found = harness(*SCORE)
        assert "constant-predictor" in [warning["code"] for warning in found.record["warnings"]]
        assert "warning: " in found.out

    def test_folds_are_as_they_are_joined(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, harness: Harness
    ) -> None:
        monkeypatch.chdir(tmp_path)
        own.save(tmp_path / "lesions.npz")
        models = own.bright(tmp_path)
        path = own.suite(tmp_path, own.dataset("lesions", "split = { folds = 3 }"), models)
        scope = open_scope(path, ALL, tmp_path, tmp_path / "runs", sets=())
        with line.no_warm_up():
            run(scope, fresh=False, quiet=True, debug=False)
        ours = scope.record(scope.runs[0])
        assert ours is not None
        table = scope.folder(scope.runs[0]) / "predictions.parquet"
        joined = Predictions.from_parquet(table.read_bytes(), "it").select("test")
        shuffled = joined.where(np.random.default_rng(0).permutation(len(joined)))
        file = shelf.load("formats", "csv").write(shuffled, tmp_path, name="theirs")
        words = ("--predictions", str(file), "--data", str(tmp_path), "--json")
        theirs = Path(harness("score", path, *words).record["folder"])
        record = read_record(theirs / "record.json")
        assert bearing(record) == bearing(ours)
        for row in record.measurements:
            if "split" not in row.where:
                assert row == ours.find(row.metric, **row.where)
        kept = Predictions.from_parquet((theirs / "predictions.parquet").read_bytes(), "it")
        np.testing.assert_array_equal(kept.id, joined.id)


class TestJudged:
    """Check, accept, compare and report."""

    CHECK = ("check", "line", "--device", "external", "--json")

    def statuses(self, found: Outcome) -> list[str]:
        return [verdict["status"] for verdict in found.data["verdicts"]]

    def test_it_is_accepted_and_gated(self, harness: Harness, home: Path) -> None:
        answered(home, right=True)
        harness(*SCORE)
        found = harness(*self.CHECK)
        assert (found.code, self.statuses(found)) == (0, ["new"])
        words = ("accept", "line", "--device", "external", "--allow-dirty", "--json")
        [path] = harness(*words).data["accepted"]
        assert path == str(Path("baselines/line/phantom/theirs@external/s0.json"))
        assert self.statuses(harness(*self.CHECK)) == ["ok"]
        answered(home, right=False)
        harness(*SCORE)
        found = harness(*self.CHECK)
        assert (found.code, self.statuses(found)) == (1, ["regressed"])
        assert found.data["verdicts"][0]["subject"] == "line/phantom/theirs/external"

    def test_what_was_accepted_and_is_gone_is_missing(self, harness: Harness, home: Path) -> None:
        harness(*SCORE)
        harness("accept", "line", "--model", "theirs", "--allow-dirty")
        shutil.rmtree(home / "runs/line/phantom/theirs")
        assert external(Path("baselines"), "line") == [one("theirs")]
        found = harness(*self.CHECK)
        assert (found.code, self.statuses(found)) == (1, ["missing"])

    def test_named_as_a_model_it_is_judged_by_what_is_accepted_of_it(
        self, harness: Harness, home: Path
    ) -> None:
        accepted = trained(home).find("roc_auc")
        assert accepted is not None
        harness("accept", "line", "--model", "bright", "--device", "cpu", "--allow-dirty")
        answered(home, right=False, name="w")
        values = []
        for file in ("theirs.csv", "w.csv"):
            harness("score", "line", "--predictions", file, "--name", "bright")
            [verdict] = harness(*self.CHECK).data["verdicts"]
            assert verdict["baseline"] == pytest.approx(accepted.value)
            values.append(verdict["current"])
        assert values[0] == pytest.approx(accepted.value)
        assert values[1] < 0.2
        harness("accept", "line", "--device", "external", "--allow-dirty")
        [verdict] = harness(*self.CHECK).data["verdicts"]
        assert (verdict["status"], verdict["baseline"]) == ("ok", values[1])

    def test_all_are_checked_where_no_device_is_named(self, harness: Harness, home: Path) -> None:
        harness(*SCORE)
        subjects = [each["subject"] for each in harness("check", "line", "--json").data["verdicts"]]
        assert sorted(subjects) == ["line/phantom/bright/cpu", "line/phantom/theirs/external"]
        found = harness("check", "line", "--device", "cpu", "--json")
        assert [each["subject"] for each in found.data["verdicts"]] == ["line/phantom/bright/cpu"]

    def test_it_is_compared_with_a_trained_model(self, harness: Harness, home: Path) -> None:
        answered(home, right=True, name="oracle")
        harness("score", "line", "--predictions", "oracle.csv")
        found = harness("compare", "line", "oracle", "bright", "--json")
        auc = next(each for each in found.data["differences"] if each["metric"] == "roc_auc")
        ours = trained(home).find("roc_auc")
        assert ours is not None
        assert auc["a"] > 0.8
        assert auc["b"] == pytest.approx(ours.value)

    def test_it_is_on_the_page(self, harness: Harness, home: Path) -> None:
        harness(*SCORE)
        found = harness("report", "line", "--out", "pages")
        assert found.code == 0, found.err
        page = (home / "pages/line.md").read_text(encoding="utf-8")
        assert "theirs" in page
        assert str(home) not in page

    def test_plan_and_run_know_nothing_of_it(self, harness: Harness, home: Path) -> None:
        harness(*SCORE)
        ids = [each["run"] for each in harness("plan", "line", "--json").data["runs"]]
        assert ids == ["line/phantom/bright/cpu/s0"]
        assert (
            "--model must match one of bright, got"
            in harness("run", "line", "--model", "theirs").err
        )
        found = harness("run", "line", "--device", "external")
        assert "--device must be auto, cpu or cuda, got 'external'" in found.err

    def test_two_records_of_one_name_are_refused(self, harness: Harness, home: Path) -> None:
        path = Path(harness(*SCORE).record["folder"])
        shutil.copytree(path, path.with_name("s0-00000000"))
        found = harness(*self.CHECK)
        assert found.code == 2
        assert f"must have one record, got s0-00000000 and {path.name}; delete one" in found.err
        assert harness(*SCORE).record["removed"] == [str(path.with_name("s0-00000000"))]
        assert harness(*self.CHECK).code == 0

    @pytest.mark.parametrize("words", [SCORE[:-1], CHECK[:-1]])
    def test_no_torch_is_imported(
        self, harness: Harness, home: Path, words: tuple[str, ...]
    ) -> None:
        harness(*SCORE)
        code = (
            "import sys\nsys.argv[0] = 'harness'\nfrom harness.cli import main\n"
            "try:\n    main()\nfinally:\n    print({'torch', 'onnxruntime'} & set(sys.modules))"
        )
        command = [sys.executable, "-c", code, *words]
        done = subprocess.run(command, cwd=home, capture_output=True, text=True, check=False)
        assert (done.returncode, done.stdout.splitlines()[-1]) == (0, "set()"), done.stderr


def one(name: str, dataset: str = "phantom") -> Run:
    return Run(suite="line", dataset=dataset, model=name, device="external", seed=0)


def test_a_selection_takes_those_beside_the_suite(home: Path) -> None:
    suite, beside = load("line"), [one("theirs"), one("others"), one("theirs", "elsewhere")]

    def names(**globs: Any) -> list[str]:
        found = expand(suite, Selection(**{"devices": ("cpu",), **globs}), beside)
        return [f"{each.model}/{each.device}" for each in found]

    assert names() == ["bright/cpu", "theirs/external", "others/external"]
    assert names(models=("theirs",)) == ["theirs/external"]
    assert names(models=("b*",), seeds=("0",)) == ["bright/cpu"]
    assert names(devices=()) == ["theirs/external", "others/external"]
    assert expand(suite, Selection(devices=("cpu",))) == expand(
        suite, Selection(devices=("cpu",)), []
    )


FAULTS = [
    ("score line", "Missing option '--predictions'"),
    ("score line --predictions absent.csv", "--predictions must be a file, got absent.csv"),
    ("score line --predictions suites", "--predictions must be a file, got suites"),
    (
        "score line --predictions bright.onnx",
        "bright.onnx must be in one of the formats csv, medmnist, parquet, and looks like none;",
    ),
    ("score line --predictions theirs.csv --format xml", "--format must be a file of formats/"),
    ("score line --predictions theirs.csv --name a/b", "'a/b'"),
    ("score line --predictions theirs.csv --dataset x", "--dataset must match one of phantom, got"),
    ("score line --predictions theirs.csv --out bright.onnx", "must be writable, got: Not a dir"),
    (
        "score line --predictions theirs.csv --format medmnist",
        "the name of a MedMNIST file must be",
    ),
    ("score line --predictions theirs.csv --format parquet", "must be a table in Parquet, got: "),
    ("check line --device external", "got no predictions made elsewhere of it in runs; harness s"),
    ("score two --predictions theirs.csv", "--dataset must say of which data theirs.csv is, got "),
]


@pytest.mark.parametrize(("words", "sentence"), FAULTS)
def test_a_fault_is_one_sentence(harness: Harness, home: Path, words: str, sentence: str) -> None:
    text = (home / "suites/line.toml").read_text(encoding="utf-8")
    more = '[datasets.more]\nload = "phantom"\n\n[train]'
    (home / "suites/two.toml").write_text(text.replace("[train]", more), encoding="utf-8")
    found = harness(*words.split())
    assert (found.code, found.out) == (2, "")
    assert found.err.count("\n") == 1
    assert sentence in found.err


@pytest.mark.parametrize(
    ("file", "name"),
    [
        ("breastmnist_test_[AUC]0.919_[ACC]0.859@res net.csv", "res-net"),
        ("my model (2).csv", "my-model-2-"),
        ("..csv", "external"),
    ],
)
def test_a_name_is_made_of_that_of_the_file(file: str, name: str) -> None:
    from harness.verbs.score import _name

    assert _name(Path(file)) == name


class TestUnread:
    """Data that is not here."""

    @pytest.fixture
    def path(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, harness: Harness) -> str:
        """A suite on arrays, a finished file measured on them, and what it said as theirs.csv."""
        monkeypatch.chdir(tmp_path)
        own.save(tmp_path / "lesions.npz")
        split = 'split = { by = "subject", test = 0.5, val = 0.2 }'
        path = own.suite(tmp_path, own.dataset("lesions", split), own.bright(tmp_path))
        with line.no_warm_up():
            assert harness("run", path, "--quiet", "--data", ".").code == 0
        [table] = tmp_path.glob("runs/own/lesions/bright/cpu/*/predictions.parquet")
        found = Predictions.from_parquet(table.read_bytes(), "it")
        shelf.load("formats", "csv").write(found, tmp_path, name="theirs")
        return path

    def test_labels_of_the_file_are_comparable_with_themselves_alone(
        self, harness: Harness, path: str, tmp_path: Path
    ) -> None:
        here = ("--data", ".", "--predictions", "theirs.csv", "--json")
        ours = read_record(Path(harness("score", path, *here).record["folder"]) / "record.json")
        (tmp_path / "elsewhere").mkdir()
        away = ("--data", "elsewhere", "--predictions", "theirs.csv", "--json")
        found = harness("score", path, *away, "--name", "away")
        assert [warning["code"] for warning in found.record["warnings"]] == ["data-unread"]
        theirs = read_record(Path(found.record["folder"]) / "record.json")
        assert str(tmp_path) not in json.dumps(dict(theirs.run))
        for row in ours.measurements:
            again = theirs.find(row.metric, **row.where)
            assert again is not None
            assert again.value == pytest.approx(row.value, abs=1e-12)
            assert again.n == row.n
        assert theirs.run["data"].startswith("labels-")
        assert bearing(theirs) != bearing(ours)
        harness("accept", path, "--model", "away", "--device", "external", "--allow-dirty")
        rows = pd.read_csv(tmp_path / "theirs.csv").sample(frac=1, random_state=0)
        rows.to_csv(tmp_path / "shuffled.csv", index=False)
        words = ("--data", "elsewhere", "--predictions", "shuffled.csv", "--name", "away")
        harness("score", path, *words)
        check = ("check", path, "--model", "away", "--device", "external", "--json")
        assert {each["status"] for each in harness(*check).data["verdicts"]} == {"ok"}
        harness("score", path, *here[:-1], "--name", "away")
        found = harness(*check)
        assert found.code == 4
        assert {each["status"] for each in found.data["verdicts"]} == {"not-comparable"}


@pytest.fixture
def data() -> Path:
    """The folder of MedMNIST's files, found before a test forgets the variable."""
    root = Path(os.environ.get("HARNESS_DATA") or ".")
    if not any((root / at / "breastmnist.npz").is_file() for at in ("", "medmnist")):
        pytest.skip("HARNESS_DATA names no folder with the MedMNIST files")
    return root.resolve()


@pytest.mark.parametrize("form", ["csv", "parquet", "medmnist", "accepted"])
def test_what_was_accepted_of_published_data_comes_back(
    data: Path, harness: Harness, home: Path, form: str
) -> None:
    """The accepted probabilities of BreastMNIST in every format, against the accepted record."""
    accepted = HOME / "baselines/medmnist2d/breast/resnet18@cpu/s0.json"
    record = read(accepted).record
    words = ("--dataset", "breast", "--data", str(data), "--json")
    path = accepted.with_suffix(".parquet")
    found = harness("score", "medmnist2d", "--predictions", str(path), *words)
    if form != "accepted":
        table = Predictions.from_parquet(
            (Path(found.record["folder"]) / "predictions.parquet").read_bytes(), "it"
        )
        named = {"flag": "breastmnist", "run": "m"} if form == "medmnist" else {"name": "m"}
        path = shelf.load("formats", form).write(table, home, **named)
        found = harness("score", "medmnist2d", "--predictions", str(path), *words)
        assert found.record["model"] == "m"
    again = read_record(Path(found.record["folder"]) / "record.json")
    assert bearing(again) == bearing(record)
    assert len(again.measurements) > 20
    for row in again.measurements:
        theirs = record.find(row.metric, **row.where)
        assert theirs is not None
        assert row.value == pytest.approx(theirs.value, abs=1e-12)
