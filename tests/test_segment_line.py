"""From a suite of masks to its record: what is in it, and what becomes of files that are broken."""

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import line
import mask_line
import numpy as np
import onnx
import onnxruntime
import pytest
from numpy.typing import NDArray
from PIL import Image

from harness.cases import SHIPPED
from harness.datasets import _folder, decathlon, phantom_lesions
from harness.digests import prepared_digest
from harness.errors import HarnessError
from harness.job import Job
from harness.progress import Progress
from harness.record import Measurement, Record, read_record
from harness.segmented import Segmented
from harness.tasks import segment
from harness.verbs._scope import Scope
from harness.verbs.accept import accept
from harness.verbs.plan import planned
from harness.volumes import Case, Volumes

STEPS = ["fit", "export", "predict", "score", "time"]
FILES = ("weights.safetensors", "model.onnx", "predictions.parquet", "record.json")
ON_DISK: dict[str, Any] = {"datasets": mask_line.STORED}
INVENTED: dict[str, Any] = {
    "datasets": mask_line.SEVERAL,
    "models": mask_line.DEEP,
    "epochs": 8,
}

Masks = NDArray[np.uint8]


@pytest.fixture(scope="module", autouse=True)
def hasty(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    with line.no_warm_up(), pytest.MonkeyPatch.context() as patch:
        patch.setenv("HARNESS_CACHE", str(tmp_path_factory.mktemp("cache")))
        yield


@pytest.fixture(scope="module")
def stored(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Slices of one class, from files: a folder with the data, the suite and its one Run."""
    folder = tmp_path_factory.mktemp("stored")
    mask_line.stored(folder)
    scope, answer = mask_line.measure(folder, **ON_DISK)
    assert answer.code == 0, answer.text
    shutil.copy(only_folder(scope) / "model.onnx", folder / "model.onnx")
    return folder


@pytest.fixture(scope="module")
def invented(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Boxes of two classes, from a phantom."""
    folder = tmp_path_factory.mktemp("invented")
    assert mask_line.measure(folder, **INVENTED)[1].code == 0
    return folder


@pytest.fixture(scope="module")
def broken(stored: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The same as `stored` after a file of training, one of val and one of test were cut off."""
    folder = Path(shutil.copytree(stored, tmp_path_factory.mktemp("broken") / "copy"))
    for part in ("train", "val", "test"):
        cut_off(folder, part)
    assert mask_line.measure(folder, **ON_DISK)[1].code == 2
    return folder


@pytest.fixture
def here(stored: Path, tmp_path: Path) -> Path:
    """A copy of `stored` for a test to change."""
    return Path(shutil.copytree(stored, tmp_path / "copy"))


@pytest.fixture
def harmed(broken: Path, tmp_path: Path) -> Path:
    """A copy of `broken` for a test to change."""
    return Path(shutil.copytree(broken, tmp_path / "copy"))


def names(folder: Path, part: str) -> list[str]:
    """The cases of a part."""
    found: list[str] = json.loads((folder / "split.json").read_text(encoding="utf-8"))[part]
    return found


def cut_off(folder: Path, part: str) -> Path:
    """Half of the image of the second case of a part is lost."""
    path = mask_line.image_of(folder, names(folder, part)[1])
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    return path


def only_folder(scope: Scope) -> Path:
    return scope.folder(scope.runs[0])


def states(folder: Path) -> dict[str, int]:
    """When each file was written."""
    files = [file for file in folder.rglob("*") if file.is_file() and file.name != ".lock"]
    return {str(file.relative_to(folder)): file.stat().st_mtime_ns for file in files}


def rewritten(scope: Scope, before: dict[str, int]) -> set[str]:
    """Which of the files that are worth looking at were written since."""
    after = states(only_folder(scope))
    return {name for name in FILES if before[name] != after[name]}


def sentences(record: Record) -> list[str]:
    """What it says of cases that could not be read."""
    return [each["message"] for each in record.warnings if each["code"] == "unread-case"]


def row(record: Record, metric: str, **where: str) -> Measurement:
    found = record.find(metric, **where)
    assert found is not None, (metric, where)
    return found


# --- what is in the record --------------------------------------------------------------------


def by_hand(session: Any, case: Case, flat: bool) -> Masks:
    """What the file finds in a case that is as large as its window: one call, no stitching."""
    image = (np.clip(case.image.astype(np.float64), -200, 250) + 200) / 450
    batch = np.moveaxis(image, -1, 0) if flat else image[None]
    said = session.run(None, {"image": batch.astype(np.float32)})[0]
    probability = np.moveaxis(said, 0, -1) if flat else said[0]
    found = probability[0] > 0.5 if len(probability) == 1 else probability.argmax(axis=0)
    return np.asarray(found, dtype=np.uint8)


def cell_by_hand(metric: str, truth: NDArray[Any], found: NDArray[Any], case: Case) -> float:
    """Of a class of a case; NaN where the policy leaves it out."""
    voxels = {"both": (truth & found).sum(), "either": (truth | found).sum()}
    missed = float(found.any() < truth.any())
    wrong = found[~truth].any() if not truth.any() else np.nan
    litres = np.prod(case.spacing) / 1e6 * abs(int(truth.sum()) - int(found.sum()))
    with np.errstate(invalid="ignore"):
        return float(
            {
                "dice": 2 * voxels["both"] / np.float64(truth.sum() + found.sum()),
                "iou": voxels["both"] / np.float64(voxels["either"]),
                "volume_error_ml": litres * 1000 if voxels["either"] else np.nan,
                "pixel_accuracy": (truth == found).mean(),
                "background_rate": 1 - truth.mean(),
                "missed_cases": missed if truth.any() else np.nan,
                "false_alarm_cases": wrong,
            }[metric]
        )


def value_by_hand(row: Measurement, cases: list[Case], found: list[Masks], k: int) -> float:
    """The mean over the cases of class k that count; NaN where none does."""
    cells = [
        cell_by_hand(row.metric, case.mask == k, mask == k, case)  # type: ignore[arg-type]
        for case, mask in zip(cases, found, strict=True)
    ]
    counted = [cell for cell in cells if not np.isnan(cell)]
    return float(np.mean(counted)) if counted else float("nan")


def read_all(volumes: Volumes) -> list[Case]:
    return [volumes.read(name) for name in volumes.ids.tolist()]


def check(folder: Path, found: Record, cases: dict[str, list[Case]], *, flat: bool) -> set[str]:
    """Each value of a whole split is what the file says; the metrics that were looked at."""
    path = str(folder / "model.onnx")
    session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
    masks = {part: [by_hand(session, case, flat) for case in each] for part, each in cases.items()}
    classes, seen = list(found.run["classes"]), set()
    for each in found.measurements:
        part, wanted = each.where.get("split", "test"), each.where.get("class")
        if each.where.keys() - {"split", "class"} or part not in cases or each.kind != "value":
            continue
        if each.metric == "windows_per_case":
            assert each.value == (cases["test"][0].image.shape[-1] if flat else 1)
            continue
        if each.over is None or each.metric.startswith("parity"):
            continue
        which = [wanted] if wanted else classes
        values = [
            value_by_hand(each, cases[part], masks[part], 1 + classes.index(name)) for name in which
        ]
        expected = float(np.mean(values))
        assert each.value == (None if np.isnan(expected) else pytest.approx(expected, abs=1e-6)), (
            each
        )
        seen.add(f"{each.metric} {part} {wanted or ''}".strip())
    return seen


def test_slices_of_one_class_are_measured_as_the_file_finds_them(stored: Path) -> None:
    scope = mask_line.scope(stored, **ON_DISK)
    volumes = decathlon.load("all", stored, folder="msd")
    parts = ("train", "val", "test")
    cases = {part: [volumes.read(name) for name in names(stored, part)] for part in parts}
    found = line.record(scope)
    assert found.status == "ok"
    seen = check(only_folder(scope), found, cases, flat=True)
    metrics = ("dice", "iou", "volume_error_ml", "pixel_accuracy")
    assert {f"{metric} {part}" for metric in metrics for part in ("train", "test")} <= seen
    assert row(found, "dice").n == len(cases["test"])


def test_boxes_of_several_classes_are_measured_as_the_file_finds_them(invented: Path) -> None:
    scope = mask_line.scope(invented, **INVENTED)
    args = {**mask_line.DATA, "organ": True}
    cases = {
        part: read_all(phantom_lesions.load(part, None, **args))
        for part in ("train", "val", "test")
    }
    found = line.record(scope)
    assert found.status == "ok"
    seen = check(only_folder(scope), found, cases, flat=False)
    classes = ("organ", "lesion")
    assert {f"{m} test {c}" for m in ("dice", "missed_cases") for c in classes} <= seen
    assert row(found, "dice", **{"class": "organ"}).value > 0.3  # type: ignore[operator]


def test_the_export_changed_no_voxel(stored: Path, invented: Path) -> None:
    for folder, changes in ((stored, ON_DISK), (invented, INVENTED)):
        found = line.record(mask_line.scope(folder, **changes))
        assert row(found, "parity_flips").value == 0
        assert row(found, "parity_max_abs").value < 1e-4  # type: ignore[operator]


def test_cases_are_told_apart_by_their_size(invented: Path) -> None:
    found = line.record(mask_line.scope(invented, **INVENTED))
    bands = {row.where["group.size"] for row in found.measurements if "group.size" in row.where}
    assert bands
    assert bands <= {"<0.3", "0.3-0.6", ">=0.6", "unknown"}


@pytest.mark.parametrize(("which", "shape"), [("stored", (16, 16)), ("invented", (16, 16, 8))])
def test_the_file_tells_how_it_is_used(
    which: str, shape: tuple[int, ...], request: pytest.FixtureRequest
) -> None:
    changes = ON_DISK if which == "stored" else INVENTED
    scope = mask_line.scope(request.getfixturevalue(which), **changes)
    model = onnx.load(str(only_folder(scope) / "model.onnx"))
    told = {entry.key: json.loads(entry.value) for entry in model.metadata_props}
    assert told["harness.task"] == "segment"
    assert told["harness.window"] == [-200, 250]
    assert told["harness.size"] == list(shape)
    assert told["harness.layout"] == ("NCXY" if len(shape) == 2 else "NCXYZ")
    assert told["harness.axes"] == "RAS"
    given = [
        dim.dim_value or dim.dim_param for dim in model.graph.input[0].type.tensor_type.shape.dim
    ]
    assert given == ["batch", 1, *shape]


def test_no_mask_is_kept_and_no_place_is_named(stored: Path) -> None:
    scope = mask_line.scope(stored, **ON_DISK)
    places = [str(stored), str(Path.home()), sys.prefix]
    for file in only_folder(scope).iterdir():
        assert not [place for place in places if place.encode() in file.read_bytes()], file.name
    assert (only_folder(scope) / "predictions.parquet").stat().st_size < 50_000


# --- what is done again -----------------------------------------------------------------------


def test_a_second_run_does_nothing(here: Path) -> None:
    before = states(here / "runs")
    assert mask_line.measure(here, **ON_DISK)[1].code == 0
    assert states(here / "runs") == before


def test_another_metric_is_asked_of_the_same_model(here: Path) -> None:
    """What is counted of a mask is counted while it is there: cases are predicted again."""
    changes = {**ON_DISK, "metrics": '["dice", { name = "nsd", tolerance = 2.0 }]'}
    scope = mask_line.scope(here, **changes)
    assert planned(scope).data["runs"][0]["stale"] == ["predict", "score"]
    before = states(only_folder(scope))
    assert mask_line.measure(here, **changes)[1].code == 0
    assert rewritten(scope, before) == {"predictions.parquet", "record.json"}
    known = row(line.record(scope), "nsd").value
    wider = {**ON_DISK, "metrics": '["dice", { name = "nsd", tolerance = 9.0 }]'}
    assert mask_line.measure(here, **wider)[1].code == 0
    assert row(line.record(scope), "nsd").value > known  # type: ignore[operator]


@pytest.mark.parametrize(
    "change",
    [
        {"positive": "natural"},
        {"loss": "dice"},
        {"datasets": mask_line.STORED.replace("250]", "249]")},
        {"datasets": mask_line.STORED + "train_subjects = 3"},
        {"datasets": mask_line.STORED + "\n[policy]\nthreshold = 0.9"},
        {"models": mask_line.FLAT + "input = { window = [-200, 250], size = [16, 32] }"},
    ],
    ids=["sampler", "loss", "window", "dose", "threshold", "size"],
)
def test_what_is_taught_otherwise_is_taught_anew(here: Path, change: dict[str, Any]) -> None:
    asked = planned(mask_line.scope(here, **{**ON_DISK, **change}))
    assert asked.data["runs"][0]["stale"] == STEPS


def test_another_division_is_taught_anew(here: Path) -> None:
    parts = {part: names(here, part) for part in ("train", "val", "test")}
    parts["train"].append(parts["test"].pop())
    (here / "split.json").write_text(json.dumps(parts), encoding="utf-8")
    assert planned(mask_line.scope(here, **ON_DISK)).data["runs"][0]["stale"] == STEPS


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork and SIGKILL")
def test_a_run_that_is_killed_goes_on_where_it_was(tmp_path: Path) -> None:
    mask_line.suite(tmp_path, datasets=mask_line.GENERATED)
    script = Path(__file__).with_name("mask_line.py")
    done = subprocess.run(
        [sys.executable, str(script), str(tmp_path)],
        capture_output=True,
        text=True,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
        check=False,
        timeout=600,
    )
    assert done.returncode == 0, done.stderr
    whole, between = json.loads(done.stdout.splitlines()[-1])
    assert (whole["code"], between["code"], between["twice"]) == (0, 0, [])
    assert between["kills"] >= 4
    [one], [other] = (
        (tmp_path / name).glob("runs/**/record.json") for name in ("whole", "between")
    )
    assert line.untimed(read_record(other)) == line.untimed(read_record(one))
    assert not list((tmp_path / "between").rglob("*.tmp"))


# --- files that are broken --------------------------------------------------------------------


def test_a_broken_case_is_named_and_the_others_go_on(broken: Path) -> None:
    found = line.record(mask_line.scope(broken, **ON_DISK))
    assert found.status == "partial"
    said = sentences(found)
    for part, text in zip(("train", "val", "test"), sorted(said, key=len), strict=False):
        assert text.count("\n") == 0, part
    for part in ("train", "val", "test"):
        name = names(broken, part)[1]
        path = f"msd/imagesTr/{name}.nii.gz"
        [text] = [each for each in said if each.startswith(f"{part} case {name} was not read: ")]
        assert f": {path} must be a whole NIfTI file, got: " in text
    assert len(said) == 3


def test_a_case_that_cannot_be_read_is_the_worst_there_is(broken: Path, stored: Path) -> None:
    scope = mask_line.scope(broken, **ON_DISK)
    found, whole = line.record(scope), names(broken, "test")
    data = (only_folder(scope) / "predictions.parquet").read_bytes()
    table = Segmented.from_parquet(data, "it").select("test", SHIPPED)
    assert table.id.tolist() == [name for name in table.id.tolist() if name in whole]
    assert sorted(table.id.tolist()) == sorted(whole)
    dice = dict(zip(table.id.tolist(), table.columns["dice"][:, 0].tolist(), strict=True))
    assert dice[whole[1]] == 0
    assert row(found, "dice").n == row(found, "missed_cases").n == len(whole)
    assert row(found, "dice").value == pytest.approx(sum(dice.values()) / len(whole))
    assert row(found, "pixel_accuracy").value <= (len(whole) - 1) / len(whole)  # type: ignore[operator]
    before = line.record(mask_line.scope(stored, **ON_DISK))
    assert row(before, "dice").n == row(found, "dice").n


def test_a_training_case_that_cannot_be_read_is_not_one_of_those_asked(broken: Path) -> None:
    scope = mask_line.scope(broken, **ON_DISK)
    data = (only_folder(scope) / "predictions.parquet").read_bytes()
    known, lost = names(broken, "train"), names(broken, "train")[1]
    table = Segmented.from_parquet(data, "it").select("train", SHIPPED)
    assert sorted(table.id.tolist()) == sorted(set(known) - {lost})
    assert row(line.record(scope), "dice", split="train").n == len(known) - 1


def test_nothing_that_is_kept_of_broken_files_names_a_place(broken: Path) -> None:
    for file in only_folder(mask_line.scope(broken, **ON_DISK)).iterdir():
        assert str(broken).encode() not in file.read_bytes(), file.name


def test_a_partial_run_is_tried_again_and_says_so_each_time(
    harmed: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    scope = mask_line.scope(harmed, **ON_DISK)
    before, known = states(only_folder(scope)), line.record(scope)
    for _ in range(2):
        _, answer = mask_line.measure(harmed, **ON_DISK)
        assert answer.code == 2
        assert " partial " in answer.text
        said = capsys.readouterr().err.splitlines()
        assert said == [f"harness: {scope.runs[0].id} is partial: {s}" for s in sentences(known)]
    assert rewritten(scope, before) == {"record.json"}
    assert line.untimed(line.record(scope)) == line.untimed(known)


def test_mended_files_make_a_whole_record(harmed: Path, stored: Path) -> None:
    for part in ("train", "val", "test"):
        name = names(harmed, part)[1]
        shutil.copy(mask_line.image_of(stored, name), mask_line.image_of(harmed, name))
    scope, answer = mask_line.measure(harmed, **ON_DISK)
    assert answer.code == 0
    found = line.record(scope)
    assert (found.status, sentences(found)) == ("ok", [])
    assert line.untimed(found) == line.untimed(line.record(mask_line.scope(stored, **ON_DISK)))


@pytest.mark.parametrize(
    ("step", "part", "files"),
    [
        ("fit", "train", set(FILES)),
        ("predict", "test", {"predictions.parquet", "record.json"}),
    ],
)
def test_what_could_not_be_read_for_a_while_is_read_now(
    here: Path, step: str, part: str, files: set[str]
) -> None:
    """As where a disk was away: the contents are the same, and so are all digests."""
    scope = mask_line.scope(here, **ON_DISK)
    folder, known = only_folder(scope), line.record(scope)
    state = json.loads((folder / "run.json").read_text(encoding="utf-8"))
    lost = {"id": names(here, part)[0], "split": part, "message": "it was away"}
    state["steps"][step]["unread"] = [lost]
    (folder / "run.json").write_text(json.dumps(state), encoding="utf-8")
    (folder / "record.json").unlink()
    before = {**states(folder), "record.json": 0}
    assert mask_line.measure(here, **ON_DISK)[1].code == 0
    assert rewritten(scope, before) == files
    assert line.untimed(line.record(scope)) == line.untimed(known)


def test_what_still_cannot_be_read_is_not_taught_again(
    here: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A file whose contents are there, but whose case is refused: a test case, then none."""
    lost, read = names(here, "test")[0], _folder.read

    def refuse(data: _folder.Folder, name: str) -> Case:
        if name == lost:
            raise HarnessError(f"{name} is away")
        return read(data, name)

    scope = mask_line.scope(here, **ON_DISK)
    (only_folder(scope) / "predictions.parquet").unlink()
    before = {**states(only_folder(scope)), "predictions.parquet": 0}
    with monkeypatch.context() as patch:
        patch.setattr(_folder, "read", refuse)
        for _ in range(2):
            assert mask_line.measure(here, **ON_DISK)[1].code == 2
            found = line.record(scope)
            assert sentences(found) == [f"test case {lost} was not read: {lost} is away"]
    assert rewritten(scope, before) == {"predictions.parquet", "record.json"}
    assert mask_line.measure(here, **ON_DISK)[1].code == 0
    assert line.record(scope).status == "ok"
    assert "weights.safetensors" not in rewritten(scope, before)


def test_a_partial_record_is_not_accepted(broken: Path, tmp_path: Path) -> None:
    scope = mask_line.scope(broken, **ON_DISK)
    with pytest.raises(HarnessError) as caught:
        accept(scope, tmp_path / "baselines", allow_dirty=True)
    said = (
        f"{scope.runs[0].id} must be ok, got partial: train case {names(broken, 'train')[1]} was "
    )
    assert str(caught.value).startswith(said)
    assert not (tmp_path / "baselines").exists()


@pytest.mark.parametrize("part", ["train", "val"])
def test_a_part_of_which_nothing_can_be_read_fails_the_run(here: Path, part: str) -> None:
    for name in names(here, part):
        mask_line.image_of(here, name).write_bytes(b"")
    scope, answer = mask_line.measure(here, **ON_DISK)
    assert answer.code == 2
    found = line.record(scope)
    assert found.status == "failed"
    said = "a split must have a case that can be read, got none; the first: msd/imagesTr/"
    assert str(found.error).startswith(said)


def test_a_label_that_is_none_of_the_declared_is_named(here: Path) -> None:
    """With a finished file, which is not taught: its test cases are as bad as others'."""
    name = names(here, "test")[0]
    path = here / "msd" / "labelsTr" / f"{name}.nii.gz"
    shutil.copy(mask_line.image_of(here, name), path)
    scope, answer = mask_line.measure(here, **ON_DISK, models=finished(here))
    assert answer.code == 2
    [said] = sentences(line.record(scope))
    assert said.startswith(
        f"test case {name} was not read: msd/labelsTr/{name}.nii.gz must have la"
    )


def finished(folder: Path) -> str:
    return line.finished("done", folder / "model.onnx", link=None)


@pytest.mark.parametrize(
    ("link", "sentence"),
    [
        ("identity", "must be finite and within [0, 1]"),
        ("softmax", "must give 1 or 2 outputs a voxel, the background and lesion, got 3"),
    ],
)
def test_a_finished_file_of_logits_or_of_other_classes_is_refused(
    here: Path, link: str, sentence: str
) -> None:
    path = here / "theirs.onnx"
    outputs = 1 if link == "identity" else 3
    onnx.save(voxelwise(outputs), path)
    _, answer = mask_line.measure(here, **ON_DISK, models=line.finished("done", path, link))
    assert answer.code == 2
    [found] = (here / "runs" / "line" / "stored" / "done").rglob("record.json")
    record = read_record(found)
    assert record.status == "failed"
    assert sentence in str(record.error)


def voxelwise(outputs: int) -> onnx.ModelProto:
    """A file that says 4 x - 2 of every voxel x, for each of its outputs."""
    helper, kind = onnx.helper, onnx.TensorProto.FLOAT
    weight = helper.make_tensor("weight", kind, [outputs, 1, 1, 1], [4.0] * outputs)
    bias = helper.make_tensor("bias", kind, [outputs], [-2.0] * outputs)
    nodes = [helper.make_node("Conv", ["image", "weight", "bias"], ["answer"])]
    ends = [
        helper.make_tensor_value_info(name, kind, ["batch", channels, 16, 16])
        for name, channels in (("image", 1), ("answer", outputs))
    ]
    graph = helper.make_graph(nodes, "g", ends[:1], ends[1:], [weight, bias])
    opsets = [helper.make_opsetid("", 20)]
    return helper.make_model(graph, opset_imports=opsets, ir_version=10)


def test_a_threshold_is_for_one_class(tmp_path: Path) -> None:
    changes = {**INVENTED, "datasets": mask_line.SEVERAL + "\n[policy]\nthreshold = 0.3\n"}
    scope, answer = mask_line.measure(tmp_path, **changes)
    assert answer.code == 2
    said = "policy.threshold must be 0.5 where a voxel is of one of 2 classes"
    assert said in str(line.record(scope).error)


PNG = """
[datasets.png]
load   = "pairs"
args   = { images = "png/images", masks = "png/masks", labels = ["spot"] }
split  = { test = 0.3, val = 0.2, seed = 0 }
input  = { size = [16, 16] }
"""


@pytest.mark.parametrize("part", ["train", "test"])
def test_an_image_that_does_not_fit_the_others_is_one_that_cannot_be_read(
    tmp_path: Path, part: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of 16 bits among 8, which a range of 0 to 255 is not for; nor is it trained on for ever."""
    monkeypatch.setattr(segment, "TRAIN_VOLUMES", 1)
    rng = np.random.default_rng(0)
    for k in range(12):
        spot = rng.random((16, 16)) > 0.7
        for kind, array in (("images", spot * 120 + 40), ("masks", spot * 1)):
            path = tmp_path / "png" / kind / f"case{k:02}.png"
            path.parent.mkdir(parents=True, exist_ok=True)
            Image.fromarray(array.astype(np.uint8)).save(path)
    changes = {"datasets": PNG}
    opened = mask_line.scope(tmp_path, **changes)
    cases = Job(opened.suite, opened.runs[0], {}, tmp_path, tmp_path, Progress(quiet=True))
    lost = str(cases.cases(part).ids[-1])
    wide = rng.integers(0, 60_000, (16, 16)).astype(np.uint16)
    Image.fromarray(wide).save(tmp_path / "png" / "images" / f"{lost}.png")
    before: dict[str, int] = {}
    for _ in range(3):
        scope, answer = mask_line.measure(tmp_path, **changes)
        assert answer.code == 2
        [said] = sentences(line.record(scope))
        assert said.startswith(f"{part} case {lost} was not read: ")
        assert "uint16" in said
        if before:
            assert "weights.safetensors" not in rewritten(scope, before)
        before = states(only_folder(scope))


def test_models_that_see_other_windows_share_what_was_prepared(tmp_path: Path) -> None:
    wider = "input = { window = [-500, 500], size = [8, 8], overlap = 0.5 }"
    models = mask_line.FLAT + mask_line.FLAT.replace("flat", "wide") + wider
    scope = mask_line.scope(tmp_path, models=models)
    a, b = (prepared_digest(scope.suite, run, None) for run in scope.runs)
    assert a == b
    other = mask_line.scope(tmp_path, datasets=mask_line.GENERATED.replace("300.0", "301.0"))
    assert prepared_digest(other.suite, other.runs[0], None) != a


def test_a_finished_file_finds_what_it_found(here: Path) -> None:
    scope, answer = mask_line.measure(here, **ON_DISK, models=finished(here))
    assert answer.code == 0, answer.text
    ours, every = line.record(mask_line.scope(here, **ON_DISK)), line.record(scope).measurements
    of_test = [m for m in every if m.over not in (None, "call") and "split" not in m.where]
    assert {"dice", "iou", "missed_cases"} <= {each.metric for each in of_test}
    for each in of_test:
        assert row(ours, each.metric, **each.where) == each


def test_folds_with_a_broken_case_are_one_partial_record(here: Path) -> None:
    """Each case is tested once, also that one."""
    cut_off(here, "test")
    lost = names(here, "test")[1]
    data = mask_line.STORED.replace('file = "split.json"', "folds = 3")
    scope, answer = mask_line.measure(here, datasets=data, models=finished(here))
    assert answer.code == 2
    whole = line.record(scope)
    assert whole.status == "partial"
    assert row(whole, "dice").n == 10
    said = sentences(whole)
    assert [text for text in said if text.startswith(f"test case {lost} was not read: ")]
    assert len(said) == len(set(said)) == 2  # in one fold of test, in another of val
    shutil.copy(
        here / "msd" / "imagesTr" / f"{names(here, 'val')[0]}.nii.gz",
        mask_line.image_of(here, lost),
    )
    scope, answer = mask_line.measure(here, datasets=data, models=finished(here))
    assert answer.code == 0, answer.text
    assert line.record(scope).status == "ok"
