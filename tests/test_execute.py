"""From suite to record: what is in it, what is done again, and what becomes of a faulty Run."""

import dataclasses
import functools
import hashlib
import json
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import line
import numpy as np
import onnx
import onnxruntime
import pytest
from onnx import TensorProto
from sklearn import metrics as sk

from harness import disk, execute, job, predict
from harness.cases import SHIPPED
from harness.datasets import phantom
from harness.models import liquid, slice_cnn
from harness.predictions import Predictions
from harness.record import Measurement, Record, as_json
from harness.samples import Samples
from harness.verbs._scope import Scope
from harness.verbs.plan import planned

STEPS = ["fit", "export", "predict", "score", "time"]


@pytest.fixture(scope="module", autouse=True)
def hasty() -> Iterator[None]:
    with line.no_warm_up():
        yield


@pytest.fixture(scope="module")
def original(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a suite and the one run of it that all tests start from."""
    folder = tmp_path_factory.mktemp("original")
    line.measure(line.suite(folder), folder / "runs")
    return folder


@pytest.fixture
def here(original: Path, tmp_path: Path) -> Path:
    """A copy of it for a test to change."""
    return Path(shutil.copytree(original, tmp_path / "copy"))


def opened(folder: Path, **changes: Any) -> Scope:
    return line.scope(line.suite(folder, **changes), folder / "runs")


def again(folder: Path, **changes: Any) -> tuple[Scope, list[str]]:
    """Run the suite of `folder` with `changes`; and the steps that this did."""
    before = opened(folder, **changes)
    todo = planned(before).data["runs"][0]["stale"]
    _, answer = line.measure(line.suite(folder, **changes), folder / "runs")
    assert answer.code == 0, answer.text
    assert planned(before).data["runs"][0]["stale"] == []
    return before, todo


def only_folder(scope: Scope) -> Path:
    return scope.folder(scope.runs[0])


def states(folder: Path) -> dict[str, tuple[int, str]]:
    """Of each file: when it was written, and what it holds."""
    files = [file for file in folder.rglob("*") if file.is_file() and file.name != ".lock"]
    return {
        str(file.relative_to(folder)): (
            file.stat().st_mtime_ns,
            hashlib.sha256(file.read_bytes()).hexdigest(),
        )
        for file in files
    }


def changed(before: dict[str, Any], after: dict[str, Any]) -> set[str]:
    """The names of the files that were written in between."""
    assert before.keys() == after.keys()
    return {Path(name).name for name in before if before[name] != after[name]}


def by_hand(file: Path) -> dict[str, tuple[Samples, np.ndarray[Any, Any]]]:
    """Cases of test and val, with what ONNX Runtime says of each, one image at a time."""
    session = onnxruntime.InferenceSession(str(file), providers=["CPUExecutionProvider"])
    found = {}
    for split in ("test", "val"):
        cases = phantom.load(split, None, **line.DATA)
        images = cases.pixels.astype(np.float32) / np.float32(255)
        answers = [session.run(None, {"image": images[i : i + 1]})[0] for i in range(len(images))]
        found[split] = cases, np.concatenate(answers)[:, 0].astype(np.float64)
    return found


OF_DECISIONS: Mapping[str, Callable[[Any, Any], Any]] = {
    "accuracy": lambda y, said: (said == y).mean(),
    "balanced_accuracy": sk.balanced_accuracy_score,
    "mcc": sk.matthews_corrcoef,
    "majority_rate": lambda y, _: max(y.mean(), 1 - y.mean()),
    "prevalence": lambda y, _: y.mean(),
}
"""Those that are defined wherever there is a case, of what was measured here."""


def value_by_hand(row: Measurement, cases: Samples, p: np.ndarray[Any, Any]) -> float | None:
    y, said, member = cases.targets, p > 0.5, np.ones(len(p), bool)
    if row.where.get("class") == "healthy":
        y, p, said = 1 - y, 1 - p, ~said
    groups = [key for key in row.where if key.startswith("group.")]
    for each in [cases.groups[key.removeprefix("group.")] == row.where[key] for key in groups]:
        member &= each
    y, p, said = y[member], p[member], said[member]
    match row.metric:
        case "roc_auc":
            return float(sk.roc_auc_score(y, p)) if len(set(y.tolist())) > 1 else None
        case "sensitivity":
            return float(said[y == 1].mean()) if (y == 1).any() else None
    return float(OF_DECISIONS[row.metric](y, said))


def test_every_quality_row_is_what_the_file_says(original: Path) -> None:
    scope = opened(original)
    found = line.record(scope)
    answers = by_hand(only_folder(scope) / "model.onnx")
    quality = [row for row in found.measurements if row.over in ("subject", "image")]
    gaps = [row for row in quality if "gap" in row.where]
    plain = [
        row
        for row in quality
        if row.kind == "value" and not row.metric.startswith("parity") and row not in gaps
    ]
    assert {key for row in plain for key in row.where} >= {"class", "split", "group.sex"}
    for row in plain:
        expected = value_by_hand(row, *answers[row.where.get("split", "test")])
        if row.reason and "groups_min_n" in row.reason:
            continue
        assert row.value == (None if expected is None else pytest.approx(expected, abs=1e-6)), row
    test, _ = answers["test"]
    assert found.find("roc_auc").n == len(set(test.subjects.tolist()))  # type: ignore[union-attr]


def test_parity_rows_are_what_torch_says(original: Path) -> None:
    import torch
    from safetensors.torch import load_file

    folder = only_folder(opened(original))
    module = liquid.build(line.SHAPE, 1, **line.LTC_ARGS).eval()
    module.load_state_dict(load_file(folder / "weights.safetensors"))
    apart, flips = 0.0, 0
    for cases, p in by_hand(folder / "model.onnx").values():
        with torch.inference_mode():
            twin = module(torch.from_numpy(cases.batch(slice(None)))).sigmoid().double().numpy()
        apart = max(apart, float(np.abs(twin[:, 0] - p).max()))
        flips += int(((twin[:, 0] > 0.5) != (p > 0.5)).sum())
    found = line.record(opened(original))
    assert found.find("parity_max_abs").value == pytest.approx(apart, abs=1e-6)  # type: ignore[union-attr]
    assert found.find("parity_flips").value == flips  # type: ignore[union-attr]


def test_the_record_names_what_it_was_made_of(original: Path) -> None:
    scope = opened(original)
    folder, found = only_folder(scope), line.record(scope)
    assert found.status == "ok"
    assert found.digests == scope.digests(scope.runs[0])
    assert set(found.seconds) == set(STEPS)
    assert found.artifacts.keys() == {"weights", "onnx", "predictions", "history"}
    for artifact in found.artifacts.values():
        data = (folder / artifact["path"]).read_bytes()
        assert artifact["sha256"] == hashlib.sha256(data).hexdigest()
    size = (folder / "model.onnx").stat().st_size
    assert found.find("size_bytes").value == size  # type: ignore[union-attr]
    count = sum(p.numel() for p in liquid.build(line.SHAPE, 1, **line.LTC_ARGS).parameters())
    assert found.find("parameters_total").value == count  # type: ignore[union-attr]
    assert found.selection["split"] == "val"


def test_nothing_that_is_kept_names_a_place(tmp_path: Path) -> None:
    """Neither do the files of torch's exporter, which tells of every line that it came by."""
    scope, answer = line.measure(line.suite(tmp_path, models=line.CNN), tmp_path / "runs")
    assert answer.code == 0
    places = [str(tmp_path), str(Path.home()), str(execute.shelf.PACKAGE), sys.prefix]
    for file in only_folder(scope).iterdir():
        assert not [place for place in places if place.encode() in file.read_bytes()], file.name


def test_the_file_tells_how_it_is_used(original: Path) -> None:
    model = onnx.load(str(only_folder(opened(original)) / "model.onnx"))
    said = {entry.key: json.loads(entry.value) for entry in model.metadata_props}
    assert said["harness.link"] == "sigmoid"
    assert said["harness.classes"] == ["healthy", "lesion"]
    assert said["harness.layout"] == "NCDHW"
    assert said["harness.size"] == [12, 12, 12]
    assert said["harness.threshold"] == 0.5
    assert [value.name for value in (*model.graph.input, *model.graph.output)] == [
        "image",
        "probability",
    ]


def test_run_again_does_nothing_and_needs_no_torch(here: Path) -> None:
    before = states(here)
    code = (
        "import sys\nsys.argv = ['harness', 'run', 'line.toml', '--json']\n"
        "from harness.cli import main\n"
        "try:\n    main()\nexcept SystemExit as leaving:\n    assert not leaving.code\n"
        "print({'torch', 'onnx', 'onnxruntime', 'sklearn'} & set(sys.modules))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=here, capture_output=True, text=True, check=True
    )
    assert done.stdout.splitlines()[-1] == "set()"
    assert states(here) == before


def test_a_comment_changes_nothing(here: Path) -> None:
    before, path = states(here / "runs"), Path(line.suite(here))
    path.write_text("# a thought\n" + path.read_text(encoding="utf-8"), encoding="utf-8")
    assert line.measure(str(path), here / "runs")[1].code == 0
    assert states(here / "runs") == before


@pytest.mark.parametrize(
    ("change", "steps", "files"),
    [
        ({"metrics": ["roc_auc", "brier"]}, ["score"], set()),
        ({"batch_sizes": [1, 2]}, ["time"], set()),
        ({"threshold": 0.4}, STEPS[1:], {"model.onnx", "predictions.parquet"}),
    ],
)
def test_what_is_stale_is_redone_and_no_more(
    here: Path, change: dict[str, Any], steps: list[str], files: set[str]
) -> None:
    before = states(here / "runs")
    scope, done = again(here, **change)
    assert done == steps
    assert changed(before, states(here / "runs")) == {"run.json", "record.json", *files}
    assert line.record(scope).digests == scope.digests(scope.runs[0])


def test_what_changes_no_number_redoes_nothing(here: Path) -> None:
    before = states(here / "runs")
    _, done = again(here, inconclusive="fail")
    assert done == []
    assert states(here / "runs") == before


def test_an_added_metric_is_in_the_record(here: Path) -> None:
    scope, _ = again(here, metrics=[*line.DEFAULTS["metrics"], "brier"])
    cases, p = by_hand(only_folder(scope) / "model.onnx")["test"]
    expected = pytest.approx(float(((p - cases.targets) ** 2).mean()), abs=1e-6)
    assert line.record(scope).find("brier").value == expected  # type: ignore[union-attr]


@pytest.mark.parametrize(
    ("file", "steps"),
    [
        ("predictions.parquet", ["predict", "score"]),
        ("model.onnx", STEPS[1:]),
        ("record.json", ["record"]),
        ("run.json", STEPS),
    ],
)
def test_a_lost_file_is_made_again(here: Path, file: str, steps: list[str]) -> None:
    scope = opened(here)
    before = line.untimed(line.record(scope))
    (only_folder(scope) / file).unlink()
    assert again(here)[1] == steps
    assert line.untimed(line.record(scope)) == before


@pytest.mark.parametrize("text", ["", "{", '{"schema": "harness.record/0"}', "[]"])
def test_a_broken_record_is_written_anew(here: Path, text: str) -> None:
    scope = opened(here)
    before = as_json(line.record(scope))
    (only_folder(scope) / "record.json").write_text(text, encoding="utf-8")
    assert again(here)[1] == ["record"]
    assert as_json(line.record(scope)) == before


def test_another_learning_rate_is_another_folder(here: Path) -> None:
    first, second = opened(here), opened(here, lr=0.02)
    assert only_folder(first).parent == only_folder(second).parent
    assert only_folder(first) != only_folder(second)
    assert planned(second).data["runs"][0]["stale"] == STEPS
    assert second.record(second.runs[0]) is None


def test_fresh_redoes_all_and_finds_the_same(here: Path) -> None:
    scope = opened(here)
    found = line.record(scope)
    before = states(only_folder(scope))
    (only_folder(scope) / "checkpoint.pt").write_bytes(b"of another training")
    line.measure(line.suite(here), here / "runs", fresh=True)
    after = states(only_folder(scope))
    assert changed(before, after) == set(before)
    for file in ("weights.safetensors", "model.onnx", "predictions.parquet"):
        assert before[file][1] == after[file][1]
    assert line.untimed(line.record(scope)) == line.untimed(found)


def test_what_is_tried_is_kept_apart(here: Path) -> None:
    before = states(here / "runs")
    changes = {"sets": ["models.ltc.args.layers=[[4, 1]]"], "smoke": True}
    scope, answer = line.measure(line.suite(here), here / "runs", **changes)
    assert answer.code == 0
    [tried] = [folder for folder in (here / "runs").iterdir() if folder.name != "line"]
    assert tried.name == scope.suite.name
    assert tried.name.startswith("line+")
    assert len(tried.name) == len("line+") + 8
    assert line.record(scope).selection["epochs_run"] == 1
    assert states(here / "runs").items() >= before.items()


def test_latency_is_of_the_machine_that_was_timed(
    here: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    there = line.record(opened(here)).environment
    monkeypatch.setattr(job, "environment", lambda: {**there, "cpu": "another", "dirty": None})
    scope, _ = again(here, metrics=["roc_auc"])
    assert line.record(scope).environment["cpu"] == there["cpu"]
    scope, _ = again(here, metrics=["roc_auc"], batch_sizes=[2])
    assert line.record(scope).environment["cpu"] == "another"


@pytest.mark.parametrize(
    ("steps", "whole"),
    [
        ([False, False, False, False, False], False),
        ([True, False, None, False, False], True),
        ([False, False, None, False, False], None),
    ],
)
def test_one_dirty_step_makes_a_dirty_record(
    here: Path, steps: list[bool | None], whole: bool | None
) -> None:
    scope = opened(here)
    path = only_folder(scope) / "run.json"
    facts = json.loads(path.read_text(encoding="utf-8"))
    for step, dirty in zip(STEPS, steps, strict=True):
        facts["steps"][step]["environment"]["dirty"] = dirty
    path.write_text(json.dumps(facts), encoding="utf-8")
    (path.parent / "record.json").unlink()
    again(here)
    assert line.record(scope).environment["dirty"] is whole


def test_a_failed_run_does_not_stop_the_others(here: Path) -> None:
    endless = '[models.endless]\nbuild = "slice_cnn"\ntrain = { lr = 1e30 }'
    refused = '[models.refused]\nbuild = "slice_cnn"\nargs = { hidden = [0] }'
    path = line.suite(here, models=f"{endless}\n{refused}\n{line.LTC}")
    scope, answer = line.measure(path, here / "runs")
    assert answer.code == 2
    first, second, third = (line.record(scope, index) for index in range(3))
    assert (first.status, second.status, third.status) == ("failed", "failed", "ok")
    assert str(first.error).startswith("the training loss must be finite, got ")
    assert "lower train.lr (now 1e+30)" in str(first.error)
    assert second.error == "hidden must be positive numbers of units, got [0]"
    assert first.run["metrics"] == third.run["metrics"]
    assert not first.measurements


def test_a_failed_run_is_tried_again(
    here: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def refuse(path: Path) -> Any:
        raise RuntimeError(f"{path} is cursed\nand more of it")

    scope = opened(here)
    before = line.untimed(line.record(scope))
    (only_folder(scope) / "predictions.parquet").unlink()
    with monkeypatch.context() as patch:
        patch.setattr(predict, "onnx_model", refuse)
        _, answer = line.measure(line.suite(here), here / "runs")
    assert answer.code == 2
    found = line.record(scope)
    assert (found.status, found.error) == ("failed", "RuntimeError: model.onnx is cursed")
    assert capsys.readouterr().err == (
        f"harness: {scope.runs[0].id} failed: RuntimeError: model.onnx is cursed\n"
    )
    assert again(here)[1] == ["predict", "score"]
    assert line.untimed(line.record(scope)) == before


def test_an_old_record_goes_before_its_files_do(
    here: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupt(path: Path) -> Any:
        raise KeyboardInterrupt

    scope = opened(here)
    (only_folder(scope) / "predictions.parquet").unlink()
    monkeypatch.setattr(predict, "onnx_model", interrupt)
    assert line.measure(line.suite(here), here / "runs")[1].code == 130
    assert scope.record(scope.runs[0]) is None


def test_a_full_disk_is_no_failed_run(here: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(path: Path, data: object) -> None:
        raise disk.Unwritable(f"{path} must be writable, got: No space left on device")

    scope = opened(here)
    (only_folder(scope) / "predictions.parquet").unlink()
    monkeypatch.setattr(disk, "write", refuse)
    with pytest.raises(disk.Unwritable, match="No space left"):
        line.measure(line.suite(here), here / "runs")
    assert scope.record(scope.runs[0]) is None


def test_logits_that_do_not_fit_are_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    build = slice_cnn.build
    monkeypatch.setattr(slice_cnn, "build", lambda shape, outputs, **args: build(shape, 3, **args))
    scope, answer = line.measure(line.suite(tmp_path, models=line.CNN), tmp_path / "runs")
    assert answer.code == 2
    expected = "models.cnn must give (2, 1) logits for 2 images, got (2, 3)"
    assert line.record(scope).error == expected


def test_classes_by_cross_entropy_are_linked_by_softmax(here: Path) -> None:
    models = line.LTC.replace("[6, 1]", "[6, 2]") + '\ntrain = { loss = "cross_entropy" }'
    scope, answer = line.measure(line.suite(here, models=models), here / "runs")
    assert answer.code == 0, answer.text
    model = onnx.load(str(only_folder(scope) / "model.onnx"))
    assert model.graph.node[-1].op_type == "Softmax"
    data = (only_folder(scope) / "predictions.parquet").read_bytes()
    table = Predictions.from_parquet(data, "it").select("test")
    assert (table.decision == table.probability.argmax(axis=1)).all()
    cases = phantom.load("test", None, **line.DATA)
    right = (table.decision == cases.targets).mean()
    assert line.record(scope).find("accuracy").value == right  # type: ignore[union-attr]


def test_one_logit_is_for_two_classes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    load = phantom.load

    @functools.wraps(load)
    def three(split: str, root: Path | None, **args: Any) -> Samples:
        return dataclasses.replace(load(split, root, **args), classes=("a", "b", "c"))

    monkeypatch.setattr(phantom, "load", three)
    scope, _ = line.measure(line.suite(tmp_path), tmp_path / "runs")
    assert line.record(scope).error == "train.loss bce must have 2 classes, got 3; cross_entropy"


def test_deterministic_algorithms_are_for_training_only(original: Path) -> None:
    import torch

    assert not torch.are_deterministic_algorithms_enabled()


class TestFinishedFile:
    """Models that are an ONNX file."""

    def measured(self, folder: Path, models: str) -> tuple[Record, Path]:
        scope, _ = line.measure(line.suite(folder, models=models), folder / "runs")
        return line.record(scope), only_folder(scope)

    def error(self, folder: Path, models: str) -> str:
        found, _ = self.measured(folder, models)
        assert found.status == "failed"
        return str(found.error)

    def test_its_metadata_says_the_link(self, here: Path) -> None:
        scope = opened(here)
        source, file = line.record(scope), here / "taken.onnx"
        shutil.copy(only_folder(scope) / "model.onnx", file)
        found, folder = self.measured(here, line.finished("taken", file, link=None))
        assert found.status == "ok", found.error
        for row in source.measurements:
            if (
                row.over in ("subject", "image")
                and row.kind == "value"
                and "parity" not in row.metric
            ):
                assert found.find(row.metric, **row.where) == row
        assert found.selection["rule"] == "a finished file"
        assert found.find("parity_flips") is None
        one, other = (onnx.load(str(path)) for path in (file, folder / "model.onnx"))
        assert one == other

    @pytest.mark.parametrize(
        ("link", "columns"), [("sigmoid", 1), ("softmax", 2), ("identity", 1), ("softmax", 1)]
    )
    def test_a_bare_file_needs_its_link(self, tmp_path: Path, link: str, columns: int) -> None:
        shrink = {"scale": 1.0, "shift": 0.0} if link == "identity" else {}
        file = line.onnx_file(tmp_path / "bare.onnx", columns=columns, **shrink)
        found, folder = self.measured(tmp_path, line.finished("bare", file, link))
        if (link, columns) == ("softmax", 1):
            assert found.error == (
                f"link of {file} must be sigmoid, as it has one output, got softmax"
            )
            return
        assert found.status == "ok", found.error
        brightest = phantom.load("test", None, **line.DATA).pixels.reshape(24, -1).max(axis=1) / 255
        logits = brightest if link == "identity" else 20 * brightest - 8.2
        if link == "softmax":
            logits = (40 * brightest - 8.2) - logits
        expected = brightest if link == "identity" else 1 / (1 + np.exp(-logits))
        data = (folder / "predictions.parquet").read_bytes()
        table = Predictions.from_parquet(data, "it").select("test", SHIPPED)
        assert table.probability[:, 1] == pytest.approx(expected, abs=1e-5)

    def test_without_link_it_is_refused(self, tmp_path: Path) -> None:
        file = line.onnx_file(tmp_path / "bare.onnx")
        error = self.error(tmp_path, line.finished("bare", file, link=None))
        assert error.startswith(f"{file} must say its link in its metadata, got none; set link")

    def test_logits_are_no_probabilities(self, tmp_path: Path) -> None:
        file = line.onnx_file(tmp_path / "bare.onnx")
        error = self.error(tmp_path, line.finished("bare", file, link="identity"))
        assert error.startswith("probabilities must be finite and in [0, 1], got others in ")

    @pytest.mark.parametrize("data", [b"", b"no ONNX at all", b"\x08\x09"])
    def test_another_file_is_refused(self, tmp_path: Path, data: bytes) -> None:
        file = tmp_path / "text.onnx"
        file.write_bytes(data)
        assert self.error(tmp_path, line.finished("text", file)).startswith(f"{file} must ")

    @pytest.mark.parametrize(
        ("wrong", "error"),
        [
            ({"shape": (1, 12, 12)}, "the input of the ONNX file must be ['batch', 1, 12, 12, 12]"),
            ({"outputs": 2}, "the ONNX file must have one output, got 2"),
            ({"columns": 3}, "the model must have an output for each of 2 classes, got 3"),
            ({"kind": TensorProto.FLOAT16}, "the input of the ONNX file must be float32, got"),
            ({"columns": 2}, "probabilities of a case must sum to 1, got others in "),
            ({"domain": "none.such"}, "model.onnx must run in onnxruntime, got: "),
            (
                {"domain": "ai.onnx.ml"},
                "the ONNX file must be valid, got: No Op registered for Add",
            ),
        ],
    )
    def test_a_file_that_does_not_fit_is_refused(
        self, tmp_path: Path, wrong: dict[str, Any], error: str
    ) -> None:
        link = "softmax" if wrong.get("columns") == 3 else "sigmoid"
        file = line.onnx_file(tmp_path / "wrong.onnx", **wrong)
        assert self.error(tmp_path, line.finished("wrong", file, link)).startswith(error)

    def test_other_classes_are_refused(self, here: Path) -> None:
        file = here / "taken.onnx"
        model = onnx.load(str(only_folder(opened(here)) / "model.onnx"))
        [entry] = [each for each in model.metadata_props if each.key == "harness.classes"]
        entry.value = json.dumps(["lesion", "healthy"])
        onnx.save(model, str(file))
        error = self.error(here, line.finished("taken", file, link=None))
        assert error == (
            f"{file} must be of classes ['healthy', 'lesion'], got ['lesion', 'healthy']"
        )

    def test_a_missing_file_is_said_before_anything_runs(self, tmp_path: Path) -> None:
        lost = line.finished("lost", tmp_path / "lost.onnx")
        with pytest.raises(Exception, match=r"lost\.onnx must be a readable file"):
            line.measure(line.suite(tmp_path, models=f"{line.CNN}\n{lost}"), tmp_path / "runs")
        assert not (tmp_path / "runs").exists()

    def test_torch_is_not_timed(self, tmp_path: Path) -> None:
        file = line.onnx_file(tmp_path / "bare.onnx")
        models, backends = line.finished("bare", file), ["onnxruntime", "torch"]
        path = line.suite(tmp_path, models=models, backends=backends)
        scope, _ = line.measure(path, tmp_path / "runs")
        found = line.record(scope)
        assert {row.where.get("backend") for row in found.measurements} == {None, "onnxruntime"}
        assert "backend-skipped" in {warning["code"] for warning in found.warnings}

    def test_one_answer_for_all_is_doubted(self, tmp_path: Path) -> None:
        file = line.onnx_file(tmp_path / "bare.onnx", scale=0.0)
        found, _ = self.measured(tmp_path, line.finished("bare", file))
        assert found.status == "ok"
        assert "constant-predictor" in {warning["code"] for warning in found.warnings}


class TestWeights:
    """Models that are a builder and a file of weights."""

    def models(self, file: Path, layers: str = "[[6, 1]]") -> str:
        args = f'args = {{ wiring = "autoncp", layers = {layers} }}'
        return f'[models.mine]\nbuild = "liquid"\n{args}\nweights = "{file.as_posix()}"\n'

    def source(self, here: Path) -> Path:
        return only_folder(opened(here)) / "weights.safetensors"

    def test_it_is_as_good_as_where_it_comes_from(self, here: Path) -> None:
        source = line.record(opened(here))
        file = Path(shutil.copy(self.source(here), here / "mine.safetensors"))
        scope, _ = line.measure(line.suite(here, models=self.models(file)), here / "runs")
        found = line.record(scope)
        assert found.status == "ok", found.error
        assert line.untimed(found)["measurements"] == line.untimed(source)["measurements"]
        assert found.artifacts["weights"]["sha256"] == source.artifacts["weights"]["sha256"]
        assert found.selection == {
            "split": "none",
            "rule": "weights as given",
            "threshold": 0.5,
        }

    @pytest.mark.parametrize(
        ("fault", "error"),
        [
            ("garbage", "must be a safetensors file, got: "),
            ("shape", "tensor layers.0.rnn_cell.cm must be of shape (5,), got shape (6,)"),
            ("missing", "tensor layers.0.rnn_cell.cm must be of shape (6,), got none"),
            ("unknown", "tensor extra must be absent, got shape (6,)"),
        ],
    )
    def test_what_does_not_fit_is_refused(self, here: Path, fault: str, error: str) -> None:
        from safetensors.torch import load_file, save_file

        file, name = here / "mine.safetensors", "layers.0.rnn_cell.cm"
        tensors = load_file(self.source(here))
        if fault == "missing":
            del tensors[name]
        if fault == "unknown":
            tensors["extra"] = tensors[name].clone()
        save_file(tensors, file)
        if fault == "garbage":
            file.write_bytes(b"not safetensors")
        models = self.models(file, "[[5, 1]]" if fault == "shape" else "[[6, 1]]")
        scope, answer = line.measure(line.suite(here, models=models), here / "runs")
        assert answer.code == 2
        found = line.record(scope)
        assert found.status == "failed"
        assert error in str(found.error)
        assert str(file) in str(found.error)


def test_a_folder_is_waited_for(here: Path) -> None:
    """Another process has the lock: one is told so, once, and goes on when it is given back."""
    said: list[str] = []
    scope = opened(here)
    folder = only_folder(scope)
    code = (
        "import sys, time\nfrom pathlib import Path\nfrom harness.disk import locked\n"
        "with locked(Path(sys.argv[1]), lambda: None):\n"
        "    print('mine', flush=True)\n    time.sleep(0.5)"
    )
    command = [sys.executable, "-c", code, str(folder)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as other:
        assert other.stdout is not None
        assert other.stdout.readline() == "mine\n"
        progress = dataclasses.make_dataclass("Progress", [])()
        progress.say = said.append
        found = execute.execute(
            scope.suite,
            scope.runs[0],
            scope.digests(scope.runs[0]),
            root=None,
            runs=here / "runs",
            progress=progress,
        )
    assert found.status == "ok"
    assert said == [f"{scope.runs[0].id}  waiting for another process"]
