"""`report --to nnunet`: masks and summaries that score, nibabel and plain counting agree about."""

import inspect
import json
import math
import shutil
import sys
import weakref
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import line
import nibabel
import numpy as np
import onnx
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper
from PIL import Image

from harness import cli, extremes, reading, truth
from harness.baselines import accept
from harness.datasets import _labels as stored_labels
from harness.errors import HarnessError
from harness.formats import _labels, _masks, nnunet
from harness.segmented import Segmented
from harness.verbs._scope import ALL, open_scope
from harness.verbs.report import report
from harness.verbs.run import run as measure
from harness.volumes import Volumes

Labels = NDArray[np.uint8]

SHELL, TUMOUR, CORE = 2, 5, 9
"""Stored values; shell and core are the class organ."""
AXES = np.array([[0.0, 0.0, -1.0], [-2.0, 0.0, 0.0], [0.0, -3.0, 0.0]])
"""To the back, downwards, to the left: no axis is where RAS has it."""
TEMPLATE = """
title   = "Organ and tumour"
task    = "segment"
metrics = ["dice", "hd95", "volume_error_ml", "lesion_sensitivity"]

[datasets.d]
{data}

[models.levels]
onnx = "{model}.onnx"
link = "softmax"

[train]
loss = "dice_ce"

[latency]
backends = ["onnxruntime"]
seconds  = 0
samples  = 11
"""
VOLUMES = """
load  = "decathlon"
args  = { folder = "set", classes = ["tumour", "organ"], merge = { organ = ["shell", "core"] } }
input = { window = [-100, 100], size = [8, 8] }
"""
DIVIDED = VOLUMES + 'split = { by = "subject", test = 0.4, val = 0.2 }'
FOLDS = VOLUMES + "split = { folds = 3 }"
FLAT = """
load  = "pairs"
args  = { images = "cells", masks = "marks", labels = ["cell"] }
input = { window = [0, 255], size = [8, 8] }
split = { by = "subject", test = 0.4, val = 0.2 }
"""
RECIPE = 'title = "Demo"\nsuites = [{}]\nsections = ["leaderboard"]\nfrom = "{}"\n'
SUITES = {"divided": (DIVIDED, "volumes"), "folds": (FOLDS, "volumes"), "flat": (FLAT, "flat")}
KNOWN = "grand_challenge, measurements, mlflow, model_card"
COUNTS = ("TP", "FP", "FN", "TN", "n_pred", "n_ref")


def affine(angle: float = 0.15) -> NDArray[np.float64]:
    """Permuted, flipped and a little oblique."""
    found = np.eye(4)
    c, s = math.cos(angle), math.sin(angle)
    found[:3, :3] = np.array([[c, -s, 0], [s, c, 0], [0, 0, 1]]) @ AXES
    found[:3, 3] = 11, -7, 30.5
    return found


def volumes(folder: Path) -> None:
    """Ten of them whose intensities nearly say the class; in one no tumour is to be seen."""
    for part in ("imagesTr", "labelsTr"):
        (folder / "set" / part).mkdir(parents=True)
    for k in range(10):
        rng = np.random.default_rng(k)
        label = np.zeros((9, 8, 7), np.uint8)
        label[1:6, 1:5, 1:4] = np.array([SHELL, CORE, SHELL])
        label[6:, 4:7, 3:6] = TUMOUR if k else 0
        mean = np.select([label == 0, label == TUMOUR], [-60.0, 70.0], 0.0)
        image = rng.normal(mean, 22).astype(np.int16)
        for part, array in (("imagesTr", image), ("labelsTr", label)):
            made = nibabel.Nifti1Image(array, affine())
            nibabel.save(made, folder / f"set/{part}/c_{k}.nii.gz")
    about = {"0": "background", SHELL: "shell", TUMOUR: "tumour", CORE: "core"}
    text = json.dumps({"labels": about, "modality": {"0": "CT"}})
    (folder / "set/dataset.json").write_text(text, encoding="utf-8")


def pictures(folder: Path) -> None:
    """Grey ones with a bright cell each."""
    for part in ("cells", "marks"):
        (folder / part).mkdir()
    for k in range(6):
        rng = np.random.default_rng(k)
        mark = np.zeros((11, 9), bool)
        mark[k : k + 4, 2:6] = True
        grey = np.clip(rng.normal(np.where(mark, 170, 60), 40), 0, 255).astype(np.uint8)
        Image.fromarray(grey).save(folder / f"cells/p{k}.png")
        Image.fromarray(mark * np.uint8(255)).save(folder / f"marks/p{k}.png")


def network(path: Path, scale: list[float], shift: list[float]) -> None:
    """Logits of a pixel alone: `scale` times its value and `shift`, an output each."""
    n = len(scale)
    arrays = {"w": np.array(scale).reshape(n, 1, 1, 1), "b": np.array(shift)}
    graph = helper.make_graph(
        [helper.make_node("Conv", ["image", "w", "b"], ["logits"])],
        "levels",
        [helper.make_tensor_value_info("image", TensorProto.FLOAT, ["batch", 1, 8, 8])],
        [helper.make_tensor_value_info("logits", TensorProto.FLOAT, ["batch", n, 8, 8])],
        [numpy_helper.from_array(a.astype(np.float32), name) for name, a in arrays.items()],
    )
    opset = [helper.make_opsetid("", 20)]
    onnx.save(helper.make_model(graph, opset_imports=opset, ir_version=10), path)


@pytest.fixture(scope="module")
def original(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A folder with data and suites, all of them run: volumes, the same in folds, flat images."""
    folder = tmp_path_factory.mktemp("to")
    for name in ("suites", "reports"):
        (folder / name).mkdir()
    volumes(folder)
    pictures(folder)
    network(folder / "volumes.onnx", [0, 45, 20], [0, -22, -6])
    network(folder / "flat.onnx", [0, 20], [0, -9])
    with pytest.MonkeyPatch.context() as patch, line.no_warm_up():
        patch.chdir(folder)
        patch.setenv("HARNESS_CACHE", str(folder / "cache"))
        for name, (data, model) in SUITES.items():
            text = TEMPLATE.format(data=data, model=model)
            (folder / f"suites/{name}.toml").write_text(text, encoding="utf-8")
            recipe(folder, name)
            answer = measure(
                open_scope(name, ALL, folder, Path("runs")), fresh=False, quiet=True, debug=True
            )
            assert answer.code == 0, answer.text
        yield folder


@pytest.fixture
def home(original: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy of it, and we are there."""
    folder = Path(shutil.copytree(original, tmp_path / "home"))
    monkeypatch.chdir(folder)
    monkeypatch.setenv("HARNESS_DATA", str(folder))
    return folder


def recipe(folder: Path, *suites: str, name: str = "", source: str = "runs") -> None:
    listed = ", ".join(f'"{each}"' for each in suites)
    path = folder / f"reports/{name or suites[0]}.toml"
    path.write_text(RECIPE.format(listed, source), encoding="utf-8")


def harness(*words: str) -> int:
    """The exit code of the command, in this process."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sys, "argv", ["harness", *words])
        with pytest.raises(SystemExit) as leaving:
            cli.main()
    return int(leaving.value.code or 0)


def exported(suite: str, code: int = 0) -> Path:
    """The folder of the one model of a suite, written by the command."""
    assert harness("report", suite, "--to", "nnunet") == code
    return Path(f"reports/{suite}-nnunet/{suite}-d-levels-cpu-s0")


def cases(suite: str) -> Volumes:
    found: Volumes = truth.cases(reading.load(suite).datasets["d"], "test", Path())
    return found


def table(pattern: str) -> Segmented:
    """The test cases of a folder of runs/."""
    found = [
        path for path in Path("runs").glob(pattern) if "f" not in path.parent.name.split("-")[0]
    ]
    [path] = found
    return Segmented.from_parquet(path.read_bytes(), str(path)).select("test")


def array(path: Path) -> Labels:
    loaded: Any = nibabel.load(path)
    return np.asarray(loaded.dataobj)


def files(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir()}


@pytest.mark.parametrize("suite", SUITES)
@pytest.mark.parametrize("what", ["", "summary.json"])
def test_what_is_written_scores_as_what_was_measured(home: Path, suite: str, what: str) -> None:
    """Of each case: Dice, volumes, distances, lesions; of a summary what counts tell."""
    folder = exported(suite)
    words = ("--predictions", str(folder / what), "--name", "back")
    assert harness("score", suite, *words) == 0
    then, now = table(f"{suite}/d/levels/cpu/*/*.parquet"), table(f"{suite}/d/back/**/*.parquet")
    assert now.same_cases(then)
    assert now.columns.keys() == then.columns.keys()
    beyond = ("hd95", "diagonal", "lesion") if what else ()
    for name in then.columns:
        if not name.startswith(beyond or "nothing"):
            for a, b in zip(then.columns[name].flat, now.columns[name].flat, strict=True):
                np.testing.assert_allclose(b, a, rtol=0, atol=1e-6, err_msg=name)
    assert 0.3 < np.nanmean(then.columns["dice"]) < 0.99
    assert np.isfinite(then.columns["hd95"]).any()


@pytest.mark.parametrize("suite", ["divided", "folds"])
def test_masks_are_where_images_are_stored(home: Path, suite: str) -> None:
    """As nibabel, which knows nothing of us, reads both."""
    folder, ids = exported(suite), cases(suite).ids.tolist()
    assert {path.name for path in folder.iterdir()} == {
        "summary.json",
        *(f"{id}.nii.gz" for id in ids),
    }
    seen = set()
    for id in ids:
        mask: Any = nibabel.load(folder / f"{id}.nii.gz")
        image: Any = nibabel.load(home / f"set/imagesTr/{id}.nii.gz")
        assert mask.shape == image.shape
        np.testing.assert_array_equal(mask.affine, image.affine)
        assert mask.get_data_dtype() == np.uint8
        found, seen_by = np.asarray(mask.dataobj), np.asarray(image.dataobj)
        seen |= set(np.unique(found).tolist())
        assert seen_by[found == TUMOUR].min() > seen_by[found == SHELL].max() - 1
        assert seen_by[found == SHELL].min() > seen_by[found == 0].max() - 1
    assert seen == {0, SHELL, TUMOUR}
    assert len(ids) == (10 if suite == "folds" else 4)


def test_flat_images_have_one_slice(home: Path) -> None:
    folder = exported("flat")
    for id in cases("flat").ids.tolist():
        mask: Any = nibabel.load(folder / f"{id}.nii.gz")
        grey = np.asarray(Image.open(home / f"cells/{id}.png"))
        assert mask.shape == (9, 11, 1)
        np.testing.assert_array_equal(np.diag(mask.affine), [-1, -1, 1, 1])
        # the network's border is where its two logits are one
        np.testing.assert_array_equal(np.asarray(mask.dataobj)[..., 0].T, grey > 0.45 * 255)


def test_the_summary_is_of_the_written_masks(home: Path) -> None:
    """In nnU-Net's own layout; counted here with numpy alone."""
    folder = exported("divided")
    about = json.loads((folder / "summary.json").read_text(encoding="utf-8"))
    assert set(about) == {"metric_per_case", "mean", "foreground_mean"}
    names = sorted(f"{id}.nii.gz" for id in cases("divided").ids.tolist())
    assert sorted(each["prediction_file"] for each in about["metric_per_case"]) == names
    dices: dict[str, list[float]] = {str(SHELL): [], str(TUMOUR): []}
    for each in about["metric_per_case"]:
        assert set(each) == {"metrics", "prediction_file", "reference_file"}
        assert set(each["metrics"]) == {str(SHELL), str(TUMOUR)}
        mask, label = (
            array(place / each["prediction_file"]) for place in (folder, home / "set/labelsTr")
        )
        for key, parts in ((SHELL, (SHELL, CORE)), (TUMOUR, (TUMOUR,))):
            p, t = mask == key, np.isin(label, parts)
            counts = [(p & t), (p & ~t), (~p & t), ~(p | t), p, t]
            told = each["metrics"][str(key)]
            assert [told[name] for name in COUNTS] == [int(count.sum()) for count in counts]
            both = int(p.sum() + t.sum())
            dice = 2 * int((p & t).sum()) / both if both else math.nan
            np.testing.assert_allclose(told["Dice"], dice, atol=1e-12)
            np.testing.assert_allclose(told["IoU"], dice / (2 - dice), atol=1e-12)
            dices[str(key)].append(dice)
    for key, values in dices.items():
        assert about["mean"][key]["Dice"] == pytest.approx(np.nanmean(values))
    mean = np.mean([np.nanmean(values) for values in dices.values()])
    assert about["foreground_mean"]["Dice"] == pytest.approx(mean)


@given(st.data())
def test_a_class_is_written_with_the_least_of_its_labels(data: st.DataObject) -> None:
    """Whatever is merged, left out and reordered; and is read by that label."""
    numbers = data.draw(st.lists(st.integers(1, 255), min_size=1, max_size=6, unique=True))
    stored = {f"l{value}": value for value in sorted(numbers)}
    owners = {name: data.draw(st.sampled_from("abc")) for name in stored}
    merge = {owner: [n for n in stored if owners[n] == owner] for owner in set(owners.values())}
    order = data.draw(st.permutations(sorted(merge)))
    kept = order[: data.draw(st.integers(1, len(order)))]
    classes, values = stored_labels.chosen(stored, kept, merge)
    found = _labels.written(values, classes)
    for k, (name, label) in enumerate(zip(classes, found, strict=True), 1):
        assert label == min(stored[each] for each in merge[name])
        assert values[label] == k
        assert _labels.key(values, k, list(map(str, found))) == str(label)


def test_a_region_of_a_summary_is_known_from_its_least_label() -> None:
    values = {1: 1, 2: 2, 3: 1}
    assert _labels.key(values, 1, ["(1, 3)", "2"]) == "(1, 3)"
    assert _labels.key(values, 1, ["1", "2", "3"]) == "(1, 3)"
    assert _labels.key(values, 1, ["1", "2"]) == "1"
    with pytest.raises(HarnessError, match="must be at most 255, got 500; nnU-Net numbers"):
        _labels.written({1: 1, 500: 2}, ("a", "b"))


def test_a_case_that_cannot_be_read_is_named(
    home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The others are written; a folder that has it from before has not any more."""
    bad, rest = exported("divided"), cases("divided").ids.tolist()
    path = home / f"set/imagesTr/{rest[1]}.nii.gz"
    path.write_bytes(path.read_bytes()[:-9])
    shutil.rmtree("runs/divided")
    assert harness("run", "divided", "--quiet") == 2
    capsys.readouterr()
    assert exported("divided", code=2) == bad
    said = capsys.readouterr().out.splitlines()
    assert said[0] == str(bad)
    [line] = said[1:]
    assert line.startswith(
        f"no mask of case {rest[1]} by divided/d/levels/cpu/s0: {path} must be a whole NIfTI file"
    )
    kept = {f"{id}.nii.gz" for id in rest if id != rest[1]}
    assert set(files(bad)) == {*kept, "summary.json"}
    about = json.loads((bad / "summary.json").read_text(encoding="utf-8"))
    assert {each["prediction_file"] for each in about["metric_per_case"]} == kept


def test_where_no_case_can_be_read_nothing_is_written(
    home: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def read(*_: Any) -> Any:
        raise HarnessError("it must be whole, got half")

    monkeypatch.setattr("harness.datasets._folder.read", read)
    folder = exported("divided", code=2)
    assert capsys.readouterr().out.count("it must be whole, got half") == 4
    assert not folder.exists()


def test_a_second_time_replaces_all(home: Path) -> None:
    first = exported("divided")
    before = files(first)
    (first / "gone.nii.gz").write_bytes(b"of another time")
    (first.parent / f".{first.name}.1.tmp").mkdir()
    assert files(exported("divided")) == before
    assert {path.name for path in first.parent.iterdir()} == {first.name, ".lock"}


def test_what_is_not_ours_is_left(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = exported("divided")
    (folder / "notes.txt").write_text("mine", encoding="utf-8")
    assert exported("divided", code=2) == folder
    assert "must hold masks alone to be replaced, got notes.txt; move it" in capsys.readouterr().err
    assert (folder / "notes.txt").is_file()


@pytest.mark.parametrize("error", [RuntimeError, KeyboardInterrupt])
def test_what_breaks_off_leaves_what_was_there(
    home: Path, monkeypatch: pytest.MonkeyPatch, error: type[BaseException]
) -> None:
    folder = exported("divided")
    before, write, calls = files(folder), _masks.write_mask, iter(range(9))

    def second_fails(*args: Any) -> None:
        if next(calls):
            raise error
        write(*args)

    monkeypatch.setattr(_masks, "write_mask", second_fails)
    exported("divided", code=130 if error is KeyboardInterrupt else 2)
    assert files(folder) == before
    assert {path.name for path in folder.parent.iterdir()} == {folder.name, ".lock"}


def test_one_case_is_in_memory_at_a_time(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from harness.datasets import _folder

    right, alive = _folder.read, []

    def read(data: Any, id: str) -> Any:
        assert [each for each in alive if each() is not None] == []
        case = right(data, id)
        alive.append(weakref.ref(case.image))
        return case

    monkeypatch.setattr(_folder, "read", read)
    exported("folds")
    assert len(alive) == 10


def test_progress_is_told(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    exported("folds")
    assert "folds/d/levels/cpu/s0  10 of 10 masks written" in capsys.readouterr().err


def test_other_masks_than_those_that_were_measured_are_said(
    home: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """And a summary is of those that are there."""
    right, bad = extremes.Again.mask, cases("divided").ids[2]

    def one_more(self: Any, case: Any) -> Labels:
        mask = right(self, case)
        mask[0, 0, 0] = (mask[0, 0, 0] + (case.id == bad)) % 3
        return mask

    monkeypatch.setattr(extremes.Again, "mask", one_more)
    folder = exported("divided")
    said = "1 of 4 masks of divided/d/levels/cpu/s0 are not those that were measured, "
    assert said + bad in capsys.readouterr().out
    suite = reading.load("divided")
    assert nnunet.read(folder / "summary.json", suite, home).columns["tp"].shape == (4, 2)


def test_a_model_without_a_run_is_named(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """And where there is none at all, nothing is written."""
    for name in ("divided", "flat"):
        opened = open_scope(name, ALL, home, Path("runs"))
        [run] = opened.runs
        accept(opened.folder(run), run, home / "baselines", allow_dirty=True)
    recipe(home, "divided", "flat", name="both", source="baselines")
    shutil.rmtree("runs/divided")
    assert harness("report", "both", "--to", "nnunet", "--json") == 0
    said = capsys.readouterr().out.splitlines()
    flat = "reports/both-nnunet/flat-d-levels-cpu-s0"
    why = "no masks of divided/d/levels/cpu/s0: runs has no such Run"
    assert said[:2] == [flat, why]
    assert json.loads(said[2]) == {"written": [flat], "notes": [why], "missing": [], "code": 0}
    shutil.rmtree("runs/flat")
    assert harness("report", "both", "--to", "nnunet", "--out", "none") == 2
    assert capsys.readouterr().err == (
        f"harness: --to nnunet must have a model whose Run is at hand; {why}\n"
    )
    assert not Path("none").exists()


def test_predictions_made_elsewhere_have_no_masks(
    home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = exported("flat")
    assert harness("score", "flat", "--predictions", str(folder), "--name", "back") == 0
    assert exported("flat") == folder
    assert "no masks of flat/d/back/external/s0: its masks were made els" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ("--to csv", f"--to must be one of {KNOWN}, nnunet, got 'csv'"),
        ("--to nnunet --video", "--to nnunet must go without --pictures and --video"),
        ("--to nnunet --model nobody", "--model must match one of levels, got 'nobody'"),
        ("--to nnunet --out volumes.onnx", "must be writable, got: "),
    ],
)
def test_what_cannot_be_written_is_refused(
    home: Path, capsys: pytest.CaptureFixture[str], words: str, said: str
) -> None:
    assert harness("report", "divided", *words.split()) == 2
    assert said in capsys.readouterr().err


def test_formats_that_can_be_written_are_found_on_the_shelf(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One function of a module makes it one."""
    from harness.formats import parquet
    from harness.formats._report import Report, Written

    def export(report: Report, folder: Path) -> Written:
        folder.mkdir()
        path = folder / "ids.txt"
        path.write_text("\n".join(str(each.record.run["id"]) for each in report.entries), "utf-8")
        return Written(paths=[path])

    monkeypatch.setattr(parquet, "export", export, raising=False)
    known = f"--to must be one of {KNOWN}, nnunet, parquet, got 'csv'"
    with pytest.raises(HarnessError, match=known):
        report("divided", home, Path("runs"), home / "baselines", Path("out"), to="csv")
    told = report("divided", home, Path("runs"), home / "baselines", home, to="parquet")
    assert told.text == str(home / "divided-parquet/ids.txt")
    assert Path(told.text).read_text(encoding="utf-8") == "divided/d/levels/cpu/s0"
    assert list(inspect.signature(nnunet.export).parameters) == ["report", "folder"]


def test_two_models_of_one_folder_are_refused(home: Path) -> None:
    """Names have the sign that stands between them."""
    for name, data in (("a", "b-d"), ("a-b", "d")):
        text = TEMPLATE.format(data=FLAT, model="flat").replace("sets.d]", f"sets.{data}]")
        Path(f"suites/{name}.toml").write_text(text, encoding="utf-8")
        assert harness("run", name, "--quiet") == 0
    recipe(home, "a", "a-b", name="two")
    with pytest.raises(HarnessError, match="must be of one model, got a/b-d/levels/cpu/s0 and a-b"):
        report("two", home, Path("runs"), home / "baselines", home, to="nnunet")


def test_a_case_that_is_no_file_name_is_refused(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import dataclasses

    right = extremes.Again.cases.func

    def nested(self: Any) -> Volumes:
        found: Volumes = right(self)
        return dataclasses.replace(found, ids=np.char.add("deep/", found.ids.astype(str)))

    monkeypatch.setattr(extremes.Again, "cases", property(nested))
    with pytest.raises(HarnessError, match="must be named as a file may be, got 'deep/"):
        report("divided", home, Path("runs"), home / "baselines", home, to="nnunet")
    assert [path.name for path in (home / "divided-nnunet").iterdir()] == [".lock"]


def test_a_record_of_runs_has_what_its_model_said_of_each_case(home: Path) -> None:
    assert harness("report", "divided", "--to", "grand_challenge") == 0
    path = Path("reports/divided-grand_challenge/divided-d-levels-cpu-s0/metrics.json")
    found = json.loads(path.read_text(encoding="utf-8"))
    wanted = table("divided/d/levels/cpu/*/*.parquet")
    for k, name in enumerate(wanted.classes):
        column = wanted.columns["dice"][:, k].tolist()
        told = found["case"][f"dice_{name}"]
        assert list(told) == [str(row) for row in range(len(wanted))]
        for a, b in zip(told.values(), column, strict=True):
            assert (a is None and math.isnan(b)) or a == b
    assert harness("report", "divided", "--to", "measurements") == 0
