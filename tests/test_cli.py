"""The command line: what each verb prints, how it ends, and what it says when it cannot."""

import dataclasses
import hashlib
import io
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import line
import numpy as np
import pytest
from serving import Site, published

from harness import cli, shelf
from harness.cases import SHIPPED
from harness.datasets import _medmnist_files
from harness.predictions import Predictions
from harness.record import read_record
from harness.verbs import _ending

VERBS = (
    *("list", "plan", "run", "score", "check", "accept", "compare", "audit"),
    *("report", "doctor", "data"),
)
RECIPE = """
title    = "What was found here"
suites   = ["line"]
sections = ["leaderboard", "groups", "classes", "latency", "conditions"]
from     = "{source}"
"""
PUBLISHED = """
title   = "Sets that somebody publishes"
task    = "classify"
metrics = ["accuracy"]

[datasets]
breast    = { load = "medmnist", args = { flag = "breastmnist" } }
pneumonia = { load = "medmnist", args = { flag = "pneumoniamnist" }, test_on = ["breast"] }
phantom   = { load = "phantom", args = { dim = 2, size = 28, subjects = 60 } }

[models.flat]
onnx = "flat.onnx"
link = "sigmoid"

[latency]
backends = ["onnxruntime"]
seconds  = 0
samples  = 11
"""


def npz() -> bytes:
    """Twenty gray images of each split, of two classes."""
    rng, made = np.random.default_rng(0), {}
    for split in ("train", "val", "test"):
        made[f"{split}_images"] = rng.integers(0, 256, (20, 28, 28), dtype=np.uint8)
        made[f"{split}_labels"] = (np.arange(20, dtype=np.uint8) % 2)[:, None]
    buffer = io.BytesIO()
    np.savez_compressed(buffer, **made)
    return buffer.getvalue()


def table(url: str) -> dict[str, dict[str, Any]]:
    """As the package's, of two sets with the same contents; `url` has a place for the flag."""
    row = {"MD5": hashlib.md5(npz()).hexdigest(), "task": "binary-class", "n_channels": 1}
    row |= {"label": {"0": "no", "1": "yes"}}
    flags = ("breastmnist", "pneumoniamnist")
    return {flag: row | {"url": url.format(flag)} for flag in flags}


@dataclasses.dataclass(frozen=True)
class Outcome:
    code: int
    out: str
    err: str

    @property
    def data(self) -> Any:
        return json.loads(self.out.splitlines()[-1])


Harness = Callable[..., Outcome]


@pytest.fixture(scope="module", autouse=True)
def hasty() -> Iterator[None]:
    with line.no_warm_up():
        yield


@pytest.fixture(scope="module")
def original(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A user's repository with a suite of two finished files, both measured."""
    folder = tmp_path_factory.mktemp("user")
    for name in ("suites", "reports"):
        (folder / name).mkdir()
    line.onnx_file(folder / "bright.onnx")
    line.onnx_file(folder / "dull.onnx", scale=-3.0, shift=1.2)
    write_suite(folder)
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        line.measure("line", Path("runs"))
    return folder


def write_suite(folder: Path, **changes: Any) -> None:
    files = [line.finished(name, Path(f"{name}.onnx")) for name in ("bright", "dull")]
    line.suite(folder / "suites", models="\n".join(files), **changes)


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

    def run(*words: str) -> Outcome:
        monkeypatch.setattr(sys, "argv", ["harness", *words])
        with pytest.raises(SystemExit) as leaving:
            cli.main()
        said = capsys.readouterr()
        return Outcome(int(leaving.value.code or 0), said.out, said.err)

    return run


def python(code: str, *words: str, **options: Any) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-c", code, *words]
    return subprocess.run(
        command, capture_output=True, text=True, check=False, timeout=300, **options
    )


def run_folder(home: Path, model: str = "bright") -> Path:
    [path] = home.glob(f"runs/line/phantom/{model}/cpu/s0-*/record.json")
    return path.parent


def rewrite(folder: Path, score: Callable[[Predictions], np.ndarray[Any, Any]]) -> None:
    """Put other scores of the test cases into a run's folder, as another model would give them."""
    path = folder / "predictions.parquet"
    table = Predictions.from_parquet(path.read_bytes(), "it")
    asked = (table.split == "test") & (table.variant == SHIPPED)
    p = table.probability.copy()
    p[asked, 1] = score(table.where(asked))
    p[asked, 0] = 1 - p[asked, 1]
    decision = np.where(asked, p[:, 1] > 0.5, table.decision).astype(np.int64)
    changed = dataclasses.replace(table, probability=p, decision=decision)
    path.write_bytes(changed.to_parquet())


def right(cases: Predictions) -> np.ndarray[Any, Any]:
    return 0.1 + 0.8 * cases.y_true


def wrong(cases: Predictions) -> np.ndarray[Any, Any]:
    return 1 - right(cases)


def wrong_about(number: int) -> Callable[[Predictions], np.ndarray[Any, Any]]:
    """Right but for one ill subject."""

    def score(cases: Predictions) -> np.ndarray[Any, Any]:
        assert cases.subject is not None
        ill = np.unique(cases.subject[cases.y_true == 1])
        return np.where(cases.subject == ill[number], 0.05, right(cases))

    return score


class TestHelp:
    """What is said before anything is done."""

    def test_no_words_are_answered_with_help(self, harness: Harness) -> None:
        found = harness()
        assert found.code == 2
        assert all(f"  {verb} " in found.out for verb in VERBS)

    @pytest.mark.parametrize("verb", [*VERBS[:-1], "data fetch", "data verify"])
    def test_every_verb_has_help(self, harness: Harness, verb: str) -> None:
        found = harness(*verb.split(), "--help")
        assert (found.code, found.err) == (0, "")
        assert {"--json", "--debug"} <= set(found.out.split())
        assert f"Usage: harness {verb}" in found.out

    @pytest.mark.parametrize(("words", "code"), [("data", 2), ("data --help", 0)])
    def test_data_alone_is_answered_with_its_verbs(
        self, harness: Harness, words: str, code: int
    ) -> None:
        found = harness(*words.split())
        assert (found.code, found.err) == (code, "")
        assert found.out.startswith("Usage: harness data ")
        assert "  fetch " in found.out
        assert "  verify " in found.out

    @pytest.mark.parametrize("words", [["--help"], ["list"], ["list", "backends"]])
    def test_little_is_imported(self, words: list[str], home: Path) -> None:
        code = (
            "import sys\nsys.argv[0] = 'harness'\nfrom harness.cli import main\n"
            "heavy = {'torch', 'pandas', 'rich', 'pyarrow', 'onnx', 'onnxruntime', 'scipy'}\n"
            "try:\n    main()\nfinally:\n    print(heavy & set(sys.modules))"
        )
        done = python(code, *words)
        assert (done.returncode, done.stdout.splitlines()[-1]) == (0, "set()"), done.stderr

    def test_list_knows_all_shelves(self, harness: Harness) -> None:
        found = harness("list", "--json")
        assert found.data["suites"] == [
            *("brain-tumour", "breast-cell", "hippocampus", "line", "liquid3d", "liver-tumour"),
            *("lung-tumour", "lung-vessel"),
            *("medmnist2d", "medmnist3d", "phantom-lesions", "quickstart"),
        ]
        assert found.data.keys() == {"suites", *shelf.SHELVES}
        for name in found.data:
            described = harness("list", name, "--json").data
            assert list(described) == found.data[name]
            assert all(described.values())

    def test_doctor_says_what_it_found(self, harness: Harness) -> None:
        found = harness("doctor", "--json")
        assert found.code == 0
        assert found.data["backends"]["fake"].startswith("unavailable: ")
        assert found.data["backends"]["onnxruntime"] == "available"
        assert found.data["environment"]["cores"] >= 1
        assert "cpu " in found.out


class TestFaults:
    """Exit code 2, and one sentence on stderr."""

    @pytest.mark.parametrize(
        ("words", "sentence"),
        [
            ("frobnicate", f"the verb must be one of {', '.join(VERBS)}, got 'frobnicate'"),
            ("run", "Missing argument 'SUITE'; see harness run --help"),
            ("run line --zzz", "No such option: --zzz; see harness run --help"),
            ("data frobnicate", "the verb must be one of fetch, verify, got 'frobnicate'"),
            ("data fetch", "Missing argument 'SUITE'; see harness data fetch --help"),
            ("data verify nosuch", "suites/nosuch.toml must exist, got no such file; known: b"),
            ("data fetch line --dataset x*", "--dataset must match one of phantom, got 'x*'"),
            ("data verify line --data nowhere", "HARNESS_DATA must be a folder, got nowhere"),
            ("data fetch liquid3d --data .", "adrenalmnist3d.npz must have MD5 "),
            ("list planets", "the shelf must be one of suites, models, datasets, metrics,"),
            ("run nosuch", "suites/nosuch.toml must exist, got no such file; known: brain-tu"),
            ("run no/such.toml", "no/such.toml must be a readable file, got: No such file"),
            ("plan line --dataset x*", "--dataset must match one of phantom, got 'x*'"),
            ("run line --model x", "--model must match one of bright, dull, got 'x'"),
            ("check line --seed 7", "--seed must match "),
            ("plan line --device tpu", "--device must be auto, cpu or cuda, got 'tpu'"),
            ("plan line --set epochs", "--set must be KEY=VALUE such as train.epochs=3, got 'ep"),
            ("plan line --set =3", "--set must be KEY=VALUE"),
            ("plan line --set train.epochs=many", "train.epochs must be an integer, got 'many'"),
            ("plan line --set train.epochs=1.5", "train.epochs must be an integer, got 1.5"),
            ("plan line --set train.lr=true", "train.lr must be a number, got True"),
            ("plan line --set train.lr=-1", "train.lr must be above 0, got -1"),
            (
                "plan line --set train.frob=1",
                "train: unknown key 'frob'; known: augment, batch_size, ",
            ),
            ('plan line --set metrics=["frob"]', "'frob'; known: accuracy, average_precision"),
            ("plan line --set name=x", "unknown key 'name'"),
            ("plan line --set datasets=3 --set train.lr=1", "datasets must be a table, got 3"),
            ("plan line --set datasets.phantom.args.frob=1", "unknown argument 'frob'; known: "),
            ("run line --data nowhere", "--data or HARNESS_DATA must be a folder, got nowhere"),
            ("run liquid3d --data .", "adrenalmnist3d.npz must have MD5 "),
            ("compare line bright frob", "a model must be one of bright, dull, or a run folder,"),
            ("compare line suites reports", "suites/record.json must be a readable record, got"),
            ("report nosuch", "reports/nosuch.toml must exist, got no such file; known: leader"),
            ("report leaderboard", "a report must have records, got none of liquid3d, "),
            ("check line --runs empty", "line/phantom/bright/cpu must be measured first, got no"),
            ("accept line --runs empty", "accept must find a record in empty, got none; "),
            ("compare line bright dull --runs empty", "bright and dull must share a dataset"),
            ("run line --quiet --out bright.onnx", "must be writable, got: Not a directory; "),
        ],
    )
    def test_one_sentence(self, harness: Harness, home: Path, words: str, sentence: str) -> None:
        (home / "adrenalmnist3d.npz").write_bytes(b"cut short")
        found = harness(*words.split())
        assert (found.code, found.out) == (2, "")
        assert found.err.startswith("harness: ")
        assert found.err.count("\n") == 1
        assert found.err.endswith("\n")
        assert sentence in found.err

    def test_a_gpu_that_is_not_there(
        self, harness: Harness, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr("harness.environment.gpus", list)
        found = harness("run", "line", "--device", "cuda")
        assert (found.code, found.out) == (2, "")
        assert found.err == (
            "harness: device must be one of this machine's, got 'cuda'; use --device cpu\n"
        )

    def test_a_traceback_only_where_it_is_asked_for(self, harness: Harness) -> None:
        assert "Traceback" not in harness("run", "nosuch").err
        found = harness("run", "nosuch", "--debug")
        assert found.code == 2
        assert found.err.startswith("Traceback")
        assert found.err.splitlines()[-1].startswith("harness: suites/nosuch.toml must exist")

    def test_a_fault_of_ours_is_no_traceback_either(
        self, harness: Harness, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def fail() -> None:
            raise ZeroDivisionError("one\ntwo")

        monkeypatch.setattr("harness.verbs.doctor.environment", fail)
        found = harness("doctor")
        assert found.code == 2
        assert found.err == "harness: ZeroDivisionError: one; --debug shows where\n"

    def test_debug_stops_at_the_first_failed_run(self, harness: Harness, home: Path) -> None:
        (home / "bright.onnx").write_bytes(b"not ONNX")
        found = harness("run", "line", "--quiet", "--debug")
        assert (found.code, found.out) == (2, "")
        assert found.err.startswith("Traceback")
        assert found.err.splitlines()[-1].startswith("harness: bright.onnx must be an ONNX file")

    def test_ctrl_c_anywhere_is_130(
        self, harness: Harness, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def interrupt() -> None:
            raise KeyboardInterrupt

        monkeypatch.setattr("harness.verbs.doctor.environment", interrupt)
        assert harness("doctor") == Outcome(130, "", "")

    @pytest.mark.skipif(getattr(os, "geteuid", lambda: 0)() == 0, reason="root may write anywhere")
    def test_a_folder_that_is_read_only(self, harness: Harness, home: Path) -> None:
        (home / "kept").mkdir(mode=0o500)
        found = harness("run", "line", "--out", "kept", "--quiet")
        assert (found.code, found.out) == (2, "")
        assert "must be writable, got: Permission denied" in found.err

    @pytest.mark.skipif(not hasattr(os, "fork"), reason="needs limits of Unix")
    @pytest.mark.parametrize("limit", [1_500, 6_000])
    def test_a_disk_that_is_full_in_the_middle(
        self, harness: Harness, home: Path, limit: int
    ) -> None:
        code = (
            "import resource, sys\n"
            f"resource.setrlimit(resource.RLIMIT_FSIZE, ({limit}, {limit}))\n"
            "sys.argv[0] = 'harness'\nfrom harness.cli import main\nmain()"
        )
        words = ("run", "line", "--quiet", "--out", "again")
        done = python(code, *words)
        assert (done.returncode, done.stdout) == (2, "")
        assert done.stderr.count("\n") == 1
        assert done.stderr.startswith("harness: again/line/phantom/bright/cpu/s0-")
        assert "must be writable, got: File too large; free space or choose " in done.stderr
        left = [file.name for file in (home / "again").rglob("*") if file.is_file()]
        assert "run.json" in left
        assert not [name for name in left if name == "record.json" or name.endswith(".tmp")]
        assert harness(*words).code == 0
        [found] = home.glob("again/line/phantom/bright/cpu/*/record.json")
        before = line.untimed(read_record(run_folder(home) / "record.json"))
        assert line.untimed(read_record(found)) == before

    @pytest.mark.skipif(sys.platform == "win32", reason="needs signals of Unix")
    def test_ctrl_c_is_130(self, home: Path) -> None:
        words = ["run", "line", "--model", "bright", "--out", "again", "--json"]
        words += ["--set", "latency.seconds=600"]
        command = [sys.executable, "-m", "harness", *words]
        pipes: Any = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
        # A background job of a shell ignores SIGINT, and so would what it starts.
        pipes["preexec_fn"] = lambda: signal.signal(signal.SIGINT, signal.SIG_DFL)
        with subprocess.Popen(command, cwd=home, **pipes) as process:
            assert process.stderr is not None
            while not process.stderr.readline().endswith("  time\n"):
                assert process.poll() is None
            process.send_signal(signal.SIGINT)
            out, err = process.communicate(timeout=300)
        assert process.returncode == 130
        assert err == "harness: interrupted; the same command goes on where it stopped\n"
        assert json.loads(out) == {"records": [], "code": 130}
        assert list(home.glob("again/**/predictions.parquet"))
        assert not list(home.glob("again/**/record.json"))

    @pytest.mark.skipif(sys.platform == "win32", reason="needs a shell of Unix")
    @pytest.mark.parametrize("words", ["list", "--help", "run line --quiet"])
    def test_a_closed_pipe_is_no_fault(self, home: Path, words: str) -> None:
        piped = f'("{sys.executable}" -m harness {words}; echo $? >code) | true'
        done = subprocess.run(
            ["sh", "-c", piped], cwd=home, capture_output=True, text=True, check=True
        )
        assert done.stderr == ""
        assert int((home / "code").read_text(encoding="utf-8")) == _ending.BROKEN_PIPE

    def test_a_run_goes_on_where_nobody_listens(self, home: Path) -> None:
        code = (
            "import os, sys\nsys.argv[0] = 'harness'\nfrom harness.cli import main\n"
            "read, write = os.pipe()\nos.close(read)\nos.dup2(write, 2)\nmain()"
        )
        done = python(code, "run", "line", "--out", "again", "--model", "bright")
        assert done.returncode == 0
        assert "line/phantom/bright/cpu/s0  ok" in done.stdout


class TestRun:
    """Plan and run."""

    def test_plan_says_what_is_to_do(self, harness: Harness, home: Path) -> None:
        assert [run["stale"] for run in harness("plan", "line", "--json").data["runs"]] == [[], []]
        write_suite(home, batch_sizes=[2])
        found = harness("plan", "line", "--model", "dull", "--json")
        assert found.data["runs"] == [{"run": "line/phantom/dull/cpu/s0", "stale": ["time"]}]
        assert found.out.splitlines()[0] == "line/phantom/dull/cpu/s0  to do: time"
        found = harness("plan", "line", "--runs", "elsewhere")
        assert found.out.count("to do: fit, export, predict, score, time") == 2
        assert not (home / "elsewhere").exists()

    def test_run_says_what_it_found_and_what_comes_next(self, harness: Harness, home: Path) -> None:
        found = harness("run", "line", "--json")
        assert found.code == 0
        table, place = found.out.splitlines()[:3], found.out.splitlines()[3]
        assert [row.split()[:2] for row in table[1:]] == [
            ["line/phantom/bright/cpu/s0", "ok"],
            ["line/phantom/dull/cpu/s0", "ok"],
        ]
        assert place == f"records in {Path('runs') / 'line'}"
        assert found.err.splitlines()[-1] == "next: harness check line"
        folder = found.data["records"][0]["folder"]
        assert (home / folder / "record.json").is_file()
        assert not Path(folder).is_absolute()

    def test_next_is_the_report_of_the_same_name(self, harness: Harness, home: Path) -> None:
        (home / "reports" / "line.toml").write_text(RECIPE.format(source="runs"), encoding="utf-8")
        shutil.copytree("runs", "elsewhere")
        found = harness("run", "line", "--out", "elsewhere", "--data", ".")
        assert found.err.splitlines()[-1] == ("next: harness report line --runs elsewhere --data .")

    def test_what_is_tried_is_said_to_be_apart(self, harness: Harness) -> None:
        words = ("run", "line", "--model", "bright", "--set", 'metrics=["roc_auc"]')
        found = harness(*words, "--json")
        assert found.code == 0
        assert "is kept apart: check, accept, compare and report do not read" in found.err
        assert found.data["records"][0]["id"].startswith("line+")

    def test_quiet_is_quiet(self, harness: Harness) -> None:
        assert harness("run", "line", "--quiet").err == ""

    def test_a_failed_run_is_2(self, harness: Harness, home: Path) -> None:
        (home / "dull.onnx").write_bytes(b"not ONNX")
        found = harness("run", "line", "--quiet", "--json")
        assert found.code == 2
        assert [each["status"] for each in found.data["records"]] == ["ok", "failed"]
        assert found.err.startswith("harness: line/phantom/dull/cpu/s0 failed: dull.onnx must be")
        assert found.err.count("\n") == 1
        refused = harness("check", "line")
        assert refused.code == 2
        assert "line/phantom/dull/cpu/s0 must be ok, got failed: dull.onnx must" in refused.err
        assert harness("accept", "line", "--allow-dirty").code == 2
        assert not (home / "baselines").exists()
        assert harness("compare", "line", "bright", "dull").code == 2
        (home / "reports" / "line.toml").write_text(RECIPE.format(source="runs"), encoding="utf-8")
        assert harness("report", "line").code == 0
        assert "failed" in (home / "reports" / "line.md").read_text(encoding="utf-8")


class TestData:
    """Published files, fetched and verified; a server on this machine has them."""

    @pytest.fixture
    def site(self, home: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Site]:
        """What the suite `pub` needs; `data` is a root, and the user's home is empty."""
        (home / "data").mkdir()
        line.onnx_file(home / "flat.onnx", shape=(1, 28, 28))
        (home / "suites" / "pub.toml").write_text(PUBLISHED, encoding="utf-8")
        monkeypatch.setattr(Path, "home", lambda: home / "user")
        with published(npz()) as found:
            monkeypatch.setattr(_medmnist_files, "table", lambda: table(found.url("{}.npz")))
            yield found

    def rows(self, found: Outcome) -> list[tuple[str, str]]:
        return [(row["dataset"], row["status"]) for row in found.data["files"]]

    def test_what_is_missing_is_fetched_once(
        self, harness: Harness, home: Path, site: Site
    ) -> None:
        words = ("pub", "--data", "data", "--dataset", "breast", "--dataset", "phantom", "--json")
        found = harness("data", "verify", *words)
        assert (found.code, found.err, site.asked) == (2, "", [])
        none, phantom = ("breast", "missing"), ("phantom", "no file needed")
        assert self.rows(found) == [none, phantom]
        assert found.out.splitlines()[0].split()[-1] == site.url("breastmnist.npz")
        found = harness("data", "fetch", *words)
        assert found.code == 0
        assert self.rows(found) == [("breast", "fetched"), phantom]
        assert found.err.splitlines()[-1].startswith("breastmnist.npz  ")
        assert found.err.splitlines()[-1].endswith("  100%")
        assert [file.name for file in (home / "data").iterdir()] == ["breastmnist.npz"]
        for verb in ("fetch", "verify"):
            found = harness("data", verb, *words)
            assert (found.code, found.err) == (0, "")
            assert self.rows(found) == [("breast", "ok"), phantom]
        assert site.asked == [None]

    def test_a_dataset_brings_those_that_it_is_tested_on(
        self, harness: Harness, home: Path, site: Site
    ) -> None:
        found = harness("data", "fetch", "pub", "--dataset", "pneumonia", "--json", "--quiet")
        assert (found.code, found.err) == (0, "")
        assert self.rows(found) == [("pneumonia", "fetched"), ("breast", "fetched")]
        assert site.paths == ["/pneumoniamnist.npz", "/breastmnist.npz"]
        kept = home / "user" / ".medmnist"
        assert {file.name for file in kept.iterdir()} == {path[1:] for path in site.paths}
        assert harness("data", "fetch", "pub", "--data", "data").code == 0
        assert (len(site.asked), [*(home / "data").iterdir()]) == (2, [])

    @pytest.mark.parametrize("folder", ["data/medmnist", "data"])
    def test_a_wrong_file_is_said_to_be_wrong_and_kept(
        self, harness: Harness, home: Path, site: Site, folder: str
    ) -> None:
        (home / "data" / "medmnist").mkdir()
        assert harness("data", "fetch", "pub", "--data", "data").code == 0
        assert (home / "data" / "medmnist" / "breastmnist.npz").is_file()
        wrong = home / folder / "breastmnist.npz"
        wrong.write_bytes(b"mine")
        found = harness("data", "verify", "pub", "--data", "data", "--json")
        assert (found.code, found.data["code"]) == (2, 2)
        assert dict(self.rows(found))["breast"] == "wrong"
        [said] = [line for line in found.out.splitlines() if "instead of" in line]
        both = [hashlib.md5(each).hexdigest() for each in (b"mine", npz())]
        assert said.endswith(f"{folder}/breastmnist.npz has MD5 {both[0]} instead of {both[1]}")
        found = harness("data", "fetch", "pub", "--data", "data")
        assert (found.code, found.out, found.err.count("\n")) == (2, "", 1)
        assert f"must have MD5 {both[1]}, got {both[0]}; replace it by" in found.err
        assert wrong.read_bytes() == b"mine"

    def test_the_same_command_goes_on(self, harness: Harness, home: Path, site: Site) -> None:
        site.cuts = [500]
        words = ("data", "fetch", "pub", "--dataset", "breast", "--quiet")
        found = harness(*words)
        assert (found.code, found.out, found.err.count("\n")) == (2, "", 1)
        assert "bytes before the connection ended; try again, or put the file into" in found.err
        assert "missing" in harness("data", "verify", "pub", "--dataset", "breast").out
        assert harness(*words).code == 0
        assert site.asked == [None, "bytes=500-"]

    @pytest.mark.skipif(sys.platform == "win32", reason="needs signals of Unix")
    def test_ctrl_c_is_130_and_the_same_command_goes_on(
        self, harness: Harness, home: Path, site: Site
    ) -> None:
        site.halt = 500
        site.gate.clear()
        code = (
            "import pathlib, signal, sys\n"
            "signal.signal(signal.SIGINT, signal.default_int_handler)\n"
            "from harness import cli\nfrom harness.datasets import _medmnist_files\n"
            "_medmnist_files.table = lambda: TABLE\ncli.main()"
        ).replace("TABLE", repr(table(site.url("{}.npz"))))
        words = ("data", "fetch", "pub", "--dataset", "breast", "--data", "data", "--json")
        command = [sys.executable, "-c", code, *words]
        pipes: Any = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
        with subprocess.Popen(command, cwd=home, **pipes) as process:
            part = home / "data" / "breastmnist.npz.part"
            while not part.is_file() or part.stat().st_size < 500:
                assert process.poll() is None
                time.sleep(0.01)
            process.send_signal(signal.SIGINT)
            out, err = process.communicate(timeout=300)
        assert process.returncode == 130
        said = "harness: interrupted; the same command goes on where it stopped"
        assert err.splitlines()[-1] == said
        assert json.loads(out) == {"files": [], "code": 130}
        site.gate.set()
        assert harness(*words).code == 0
        assert site.asked == [None, "bytes=500-"]

    def test_a_run_fetches_before_it_begins(self, harness: Harness, home: Path, site: Site) -> None:
        words = ("run", "pub", "--dataset", "breast", "--data", "data", "--out", "again")
        site.status = 503
        found = harness(*words)
        assert (found.code, found.out, found.err.count("\n")) == (2, "", 1)
        assert f"at {site.url('breastmnist.npz')}, got HTTP 503 Service Unavailable" in found.err
        assert not (home / "again").exists()
        site.status = None
        found = harness(*words)
        assert (found.code, len(site.asked)) == (0, 2), found.err
        first = found.err.splitlines()[:3]
        assert [each.split()[0] for each in first] == [*["breastmnist.npz"] * 2, "[1/1]"]
        (home / "data" / "breastmnist.npz").unlink()
        assert harness(*words).code == 0
        assert len(site.asked) == 2
        assert harness(*words, "--fresh").code == 0
        assert len(site.asked) == 3


class TestVerdicts:
    """Check and accept."""

    def accept(self, harness: Harness) -> None:
        assert harness("accept", "line", "--allow-dirty").code == 0

    def statuses(self, found: Outcome) -> list[str]:
        return [verdict["status"] for verdict in found.data["verdicts"]]

    def test_nothing_accepted_is_new(self, harness: Harness) -> None:
        found = harness("check", "line", "--json")
        assert (found.code, self.statuses(found)) == (0, ["new", "new"])

    def test_the_same_is_ok(self, harness: Harness, home: Path) -> None:
        found = harness("accept", "line", "--allow-dirty", "--json")
        paths = [home / path for path in found.data["accepted"]]
        assert [path.name for path in paths] == ["s0.json", "s0.json"]
        assert all(path.with_suffix(".parquet").is_file() for path in paths)
        found = harness("check", "line", "--json")
        assert (found.code, self.statuses(found)) == (0, ["ok", "ok"])

    @pytest.mark.parametrize(
        ("then", "now", "policy", "status", "code"),
        [
            (right, wrong, "pass", "regressed", 1),
            (wrong, right, "pass", "improved", 0),
            (wrong_about(0), wrong_about(1), "pass", "inconclusive", 0),
            (wrong_about(0), wrong_about(1), "fail", "inconclusive", 3),
        ],
    )
    def test_a_difference_is_judged(
        self,
        harness: Harness,
        home: Path,
        then: Any,
        now: Any,
        policy: str,
        status: str,
        code: int,
    ) -> None:
        write_suite(home, inconclusive=policy)
        assert harness("run", "line", "--quiet").code == 0
        rewrite(run_folder(home), then)
        self.accept(harness)
        rewrite(run_folder(home), now)
        found = harness("check", "line", "--json")
        assert found.code == code, found.out
        assert found.data["code"] == code
        by_subject = {each["subject"]: each["status"] for each in found.data["verdicts"]}
        assert by_subject["line/phantom/bright/cpu"] == status
        first = found.data["verdicts"][0]["subject"]
        assert first.endswith("dull/cpu" if status == "improved" else "bright/cpu") or code == 0

    def test_other_data_is_not_comparable(self, harness: Harness, home: Path) -> None:
        self.accept(harness)
        write_suite(home, seed=1)
        assert harness("run", "line", "--quiet").code == 0
        found = harness("check", "line", "--json")
        assert (found.code, self.statuses(found)) == (4, ["not-comparable"] * 2)
        assert found.data["verdicts"][0]["reason"].startswith("data differs: ")

    def test_a_regression_is_worse_than_other_data(self, harness: Harness, home: Path) -> None:
        self.accept(harness)
        record = home / "baselines/line/phantom/dull@cpu/s0.json"
        text = record.read_text(encoding="utf-8")
        record.write_text(text.replace('"healthy"', '"well"'), encoding="utf-8")
        assert harness("check", "line").code == 4
        rewrite(run_folder(home), wrong)
        found = harness("check", "line", "--json")
        assert (found.code, self.statuses(found)) == (1, ["regressed", "not-comparable"])

    def test_a_record_under_another_policy_is_not_judged(
        self, harness: Harness, home: Path
    ) -> None:
        self.accept(harness)
        write_suite(home, threshold=0.4)
        found = harness("check", "line")
        assert (found.code, found.out) == (2, "")
        assert "must be measured under the suite's policy, got a record under an" in found.err

    def test_no_seed_in_common_is_missing(self, harness: Harness, home: Path) -> None:
        self.accept(harness)
        for file in (home / "baselines").rglob("s0.*"):
            file.rename(file.with_stem("s7"))
        found = harness("check", "line", "--json")
        assert (found.code, self.statuses(found)) == (1, ["missing", "missing"])
        assert "accepted [7], measured [0]" in found.out

    def test_what_was_accepted_but_not_measured_is_missing(
        self, harness: Harness, home: Path
    ) -> None:
        self.accept(harness)
        shutil.rmtree(run_folder(home, "dull"))
        found = harness("check", "line", "--json")
        assert (found.code, self.statuses(found)) == (1, ["missing", "ok"])

    @pytest.mark.parametrize(
        ("gates", "sentence"),
        [
            (
                '[[gates]]\nmetric = "roc_auc"\nmargin = 0.1\nwhere = { class = "frob" }',
                "gate roc_auc[class=frob] must select a row of line/phantom/bright/cpu, got none",
            ),
            (
                '[[gates]]\nmetric = "latency_p50"\nratio = 1.1',
                "check must judge at least one gate, got none; add a quality gate",
            ),
            ("", "check must judge at least one gate, got none; add a quality gate"),
        ],
    )
    def test_nothing_judged_is_2(
        self, harness: Harness, home: Path, gates: str, sentence: str
    ) -> None:
        self.accept(harness)
        write_suite(home, gates=gates)
        found = harness("check", "line")
        assert (found.code, found.out) == (2, "")
        assert sentence in found.err

    @pytest.mark.parametrize(("dirty", "code"), [(True, 2), (False, 0), (None, 0)])
    def test_uncommitted_code_is_accepted_only_if_asked(
        self, harness: Harness, home: Path, dirty: bool | None, code: int
    ) -> None:
        for name in ("bright", "dull"):
            path = run_folder(home, name) / "record.json"
            record = json.loads(path.read_text(encoding="utf-8"))
            record["environment"]["dirty"] = dirty
            path.write_text(json.dumps(record), encoding="utf-8")
        found = harness("accept", "line")
        assert found.code == code
        assert (home / "baselines").exists() is (code == 0)
        if code:
            assert "got uncommitted changes; commit and run again, or pass --al" in found.err

    def test_only_what_is_selected_is_accepted(self, harness: Harness, home: Path) -> None:
        found = harness("accept", "line", "--model", "dull", "--allow-dirty", "--json")
        assert [Path(path).parent.name for path in found.data["accepted"]] == ["dull@cpu"]


class TestCompare:
    """Two models, or two folders."""

    def test_models_on_the_same_cases(self, harness: Harness) -> None:
        found = harness("compare", "line", "bright", "dull", "--json")
        assert found.code == 0
        by_metric = {each["metric"]: each for each in found.data["differences"]}
        assert by_metric.keys() == set(line.DEFAULTS["metrics"])
        auc = by_metric["roc_auc"]
        assert auc["effect"] == pytest.approx(auc["a"] - auc["b"])
        assert auc["effect"] > 0.5
        assert auc["ci"][0] > 0
        assert found.out.splitlines()[0].split() == [
            *("on", "metric", "bright", "dull", "gain", "interval"),
            *("p", "adjusted", "detectable", "n", "method"),
        ]

    def test_folders_as_the_models_that_they_are_of(self, harness: Harness, home: Path) -> None:
        folders = [str(run_folder(home, name)) for name in ("bright", "dull")]
        by_folder = harness("compare", "line", *folders, "--json").data["differences"]
        by_model = harness("compare", "line", "bright", "dull", "--json").data["differences"]
        assert [{**each, "on": ""} for each in by_folder] == [
            {**each, "on": ""} for each in by_model
        ]

    def test_a_folder_without_a_separator_is_one_too(self, harness: Harness, home: Path) -> None:
        for name in ("a", "b"):
            shutil.copytree(run_folder(home), home / name)
        found = harness("compare", "line", "a", "b", "--json")
        assert {each["effect"] for each in found.data["differences"]} == {0.0}

    def test_folders_of_other_cases_are_refused(self, harness: Harness, home: Path) -> None:
        write_suite(home, seed=1)
        harness("run", "line", "--out", "other", "--quiet")
        [other] = home.glob("other/line/phantom/dull/cpu/*")
        found = harness("compare", "line", str(run_folder(home)), str(other))
        assert found.code == 2
        assert "must be of the same data and policy, got: data differs" in found.err


class TestReport:
    """Pages."""

    @pytest.mark.parametrize("source", ["runs", "baselines"])
    def test_both_pages_are_written(self, harness: Harness, home: Path, source: str) -> None:
        (home / "reports/line.toml").write_text(RECIPE.format(source=source), encoding="utf-8")
        harness("accept", "line", "--allow-dirty")
        if source == "baselines":
            shutil.rmtree(home / "runs")
        found = harness("report", "line", "--out", "pages", "--json")
        assert found.code == 0, found.err
        first, of_models = found.data["pages"][:2], found.data["pages"][2:]
        assert first == [str(Path("pages") / f"line.{end}") for end in ("md", "html")]
        models = ("bright", "dull")
        ends = [f"line-{name}.{end}" for name in models for end in ("md", "html")]
        assert sorted(of_models) == sorted(str(Path("pages/line") / end) for end in ends)
        for page in first:
            text = Path(page).read_text(encoding="utf-8")
            assert "What was found here" in text
            assert "bright" in text
            assert str(home) not in text

    def test_a_page_that_cannot_be_written(self, harness: Harness, home: Path) -> None:
        (home / "reports/line.toml").write_text(RECIPE.format(source="runs"), encoding="utf-8")
        found = harness("report", "line", "--out", "bright.onnx")
        assert (found.code, found.out) == (2, "")
        assert "must be writable, got: " in found.err

    def test_a_recipe_is_a_path_too(self, harness: Harness, home: Path) -> None:
        (home / "mine.toml").write_text(RECIPE.format(source="runs"), encoding="utf-8")
        assert harness("report", "mine.toml").code == 0
        assert (home / "reports/mine.html").is_file()


@pytest.mark.parametrize(
    "words",
    [
        *("list", "doctor", "plan line", "run line", "check line", "accept line --allow-dirty"),
        *("compare line bright dull", "report mine.toml", "data fetch line", "data verify line"),
    ],
)
def test_json_is_the_last_line(harness: Harness, home: Path, words: str) -> None:
    (home / "mine.toml").write_text(RECIPE.format(source="runs"), encoding="utf-8")
    plain, as_json = harness(*words.split()), harness(*words.split(), "--json")
    assert plain.code == as_json.code == 0
    assert isinstance(as_json.data, dict)
    *text, _ = as_json.out.splitlines()
    assert len(text) == len(plain.out.splitlines())
