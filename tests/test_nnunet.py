"""nnU-Net's prediction folders and summaries, against masks that we made and counts by hand."""

import dataclasses
import json
import math
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import masks
import nibabel
import numpy as np
import pytest
from numpy.typing import NDArray

from harness import cli, reading, truth
from harness.datasets._nifti import write_mask
from harness.errors import HarnessError
from harness.formats import nnunet
from harness.record import Measurement, Record, read_record
from harness.segmented import Segmented
from harness.suite import Suite
from harness.volumes import Case, Volumes

SUITE = """
title   = "Lesions"
task    = "segment"
metrics = [
  "dice", "iou", "hd95", { name = "nsd", tolerance = 2.0 }, "volume_error_ml",
  "volume_error_percent", "pixel_accuracy", "lesion_sensitivity", "lesion_false_positives",
]

[datasets.phantom]
load   = "phantom_lesions"
groups = { size = [1.5, 4.6] }
input  = { window = [-200, 250], size = [16, 16] }
[datasets.phantom.args]
shape       = [20, 24, 10]
spacing     = [1.5, 1.0, 2.5]
subjects    = 40
radii_mm    = [2.5, 4.0]
tumour_free = 0.25
organ       = true

[models.unet]
build = "unet"

[train]
loss = "dice_ce"

[[gates]]
metric = "dice"
margin = 0.10
"""
Mask = NDArray[np.uint8]
Change = Callable[[Mask], Mask]


def same(mask: Mask) -> Mask:
    return mask


def shifted(mask: Mask) -> Mask:
    """Half right: moved along the first axis by one voxel."""
    return np.roll(mask, 1, axis=0)


@pytest.fixture
def suite(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Suite:
    """A suite of phantoms in a folder of its own, and we are there."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("HARNESS_DATA", raising=False)
    (tmp_path / "suites").mkdir()
    (tmp_path / "suites/lesions.toml").write_text(SUITE, encoding="utf-8")
    return reading.load("lesions")


def cases(suite: Suite) -> Volumes:
    found: Volumes = truth.cases(suite.datasets["phantom"], "test", None)
    return found


def predict(suite: Suite, folder: Path, change: Change = same, end: str = ".nii.gz") -> Path:
    """A folder of masks as nnU-Net writes it, with what it writes beside them."""
    folder.mkdir(exist_ok=True)
    volumes = cases(suite)
    for name in volumes.ids.tolist():
        case = volumes.read(name)
        assert case.mask is not None
        write_mask(folder / f"{name}{end}", change(case.mask), case)
    for name in ("dataset.json", "plans.json", "predict_from_raw_data_args.json"):
        (folder / name).write_text("{}", encoding="utf-8")
    (folder / f"{volumes.ids[0]}.npz").write_bytes(b"")
    (folder / ".DS_Store").write_bytes(b"")
    return folder


def score(*words: str) -> int:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sys, "argv", ["harness", *words])
        with pytest.raises(SystemExit) as leaving:
            cli.main()
    return int(leaving.value.code or 0)


def scored(path: Path, code: int = 0) -> Record:
    """The record of `harness score`."""
    assert score("score", "lesions", "--predictions", str(path), "--name", path.stem) == code
    [record] = Path("runs/lesions/phantom").glob(f"{path.stem}/external/*/record.json")
    return read_record(record)


def value(record: Record, metric: str, **where: str) -> float:
    row = record.find(metric, **where)
    assert row is not None
    assert row.value is not None
    return row.value


def codes(record: Record) -> list[str]:
    return [each["code"] for each in record.warnings]


class TestFolder:
    """Masks."""

    @pytest.mark.parametrize("end", [".nii.gz", ".nii"])
    def test_the_truth_is_perfect(self, suite: Suite, tmp_path: Path, end: str) -> None:
        record = scored(predict(suite, tmp_path / "truth", end=end))
        best = {"dice": 1, "iou": 1, "hd95": 0, "nsd": 1, "volume_error_ml": 0, "pixel_accuracy": 1}
        best |= {"lesion_sensitivity": 1, "lesion_false_positives": 0, "missed_cases": 0}
        assert {name: value(record, name) for name in best} == best
        assert value(record, "dice", **{"class": "lesion"}) == 1
        assert value(record, "false_alarm_cases", **{"class": "lesion"}) == 0
        assert (record.status, record.warnings) == ("ok", ())
        assert record.selection["split"] == "unknown"
        assert record.run["device"] == "external"
        assert record.artifacts["source"]["path"] == "truth"
        assert str(tmp_path) not in json.dumps(record.run)

    def test_numbers_are_those_of_the_masks(self, suite: Suite, tmp_path: Path) -> None:
        table = nnunet.read(predict(suite, tmp_path / "p", shifted), suite, None)
        volumes = cases(suite)
        for row, name in enumerate(volumes.ids.tolist()):
            case = volumes.read(name)
            assert case.mask is not None
            for k in range(2):
                a, b = case.mask == k + 1, shifted(case.mask) == k + 1
                both = 2 * (a & b).sum() / (a.sum() + b.sum()) if a.any() or b.any() else math.nan
                np.testing.assert_allclose(table.columns["dice"][row, k], both, atol=1e-12)
        assert np.isnan(table.columns["dice"][:, 1]).sum() == 2
        assert set(table.groups["size"].tolist()) == {"1.5-4.6", ">=4.6"}
        assert 0 < np.nanmin(table.columns["dice"]) < 0.9

    def test_a_case_that_is_not_there_is_the_worst(self, suite: Suite, tmp_path: Path) -> None:
        folder = predict(suite, tmp_path / "p")
        volumes = cases(suite)
        ill = next(n for n in volumes.ids.tolist() if np.any(mask_of(volumes.read(n)) == 2))
        (folder / f"{ill}.nii.gz").unlink()
        record = scored(folder)
        n = len(volumes)
        assert (record.status, codes(record)) == ("ok", ["missing-prediction"])
        assert f"no prediction of 1 of {n} test cases, {ill}: " in record.warnings[0]["message"]
        organ = {"class": "organ"}
        assert value(record, "missed_cases", **organ) == pytest.approx(1 / n)
        assert value(record, "missed_cases", **{"class": "lesion"}) == pytest.approx(1 / (n - 2))
        assert value(record, "dice", **organ) == pytest.approx((n - 1) / n)
        assert value(record, "hd95", **organ) == pytest.approx(math.hypot(30, 24, 25) / n)
        row = record.find("dice", **organ)
        assert row is not None
        assert (row.n, row.excluded) == (n, 0)

    def test_a_mask_is_turned_as_its_case_is(self, tmp_path: Path) -> None:
        """A data set in LAS whose labels the suite puts into other classes."""
        suite = decathlon(tmp_path)
        [volumes] = [truth.cases(suite.datasets["d"], "test", tmp_path)]
        (tmp_path / "p").mkdir()
        for name in volumes.ids.tolist():
            label = tmp_path / f"set/labelsTr/{name}.nii.gz"
            (tmp_path / f"p/{name}.nii.gz").write_bytes(label.read_bytes())
        table = nnunet.read(tmp_path / "p", suite, tmp_path)
        assert table.classes == ("tumour", "organ")
        np.testing.assert_array_equal(table.columns["dice"], 1.0)
        np.testing.assert_allclose(table.columns["tp"], [[8, 5 * 12]] * len(table))

    @pytest.mark.parametrize("change", ["shape", "affine", "label", "broken"])
    def test_a_mask_of_another_grid_is_refused(
        self, suite: Suite, tmp_path: Path, change: str
    ) -> None:
        folder, name = predict(suite, tmp_path / "p"), cases(suite).ids[1]
        path = folder / f"{name}.nii.gz"
        image = nibabel.load(path)
        array, affine = np.asarray(image.dataobj).copy(), image.affine.copy()
        if change == "shape":
            array = array[:-1]
        if change == "affine":
            affine[0, 3] += 1
        if change == "label":
            array[0, 0, 0] = 9
        nibabel.save(nibabel.Nifti1Image(array, affine), path)
        if change == "broken":
            path.write_bytes(path.read_bytes()[:-20])
        must = {"shape": "the shape", "affine": "the affine", "label": "labels of 0, 1, 2, got 9"}
        with pytest.raises(HarnessError, match=rf"{path.name} must .*{must.get(change, 'whole')}"):
            nnunet.read(folder, suite, None)

    @pytest.mark.parametrize("name", ["other.nii.gz", "other.npz", "notes.txt", "s1.mha"])
    def test_what_is_of_no_case_is_named(self, suite: Suite, tmp_path: Path, name: str) -> None:
        folder = predict(suite, tmp_path / "p")
        (folder / name).write_bytes(b"")
        with pytest.raises(HarnessError, match=f"p must hold masks .* got 1 other files: {name};"):
            nnunet.read(folder, suite, None)

    def test_an_empty_folder_and_two_of_a_case_are_refused(
        self, suite: Suite, tmp_path: Path
    ) -> None:
        (tmp_path / "none").mkdir()
        with pytest.raises(HarnessError, match=r"none must hold masks, as .*, got none"):
            nnunet.read(tmp_path / "none", suite, None)
        folder = predict(suite, tmp_path / "p")
        first = cases(suite).ids[0]
        (folder / f"{first}.nii").write_bytes(b"")
        with pytest.raises(HarnessError, match=f"one mask of a case, got 2 of {first}"):
            nnunet.read(folder, suite, None)

    def test_a_case_that_cannot_be_read_is_the_worst(
        self, suite: Suite, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """The record is partial, and the next time it is tried again."""
        folder, volumes = predict(suite, tmp_path / "p"), cases(suite)
        bad = str(volumes.ids[0])

        def read(name: str) -> Case:
            if name == bad:
                raise HarnessError(f"{tmp_path}/data/{name} must be whole, got half")
            return volumes.read(name)

        broken = dataclasses.replace(volumes, read=read)
        with monkeypatch.context() as patch:
            patch.setattr(truth, "cases", lambda *_: broken)
            patch.setenv("HARNESS_DATA", str(tmp_path))
            record = scored(folder, code=2)
        [said] = [each for each in record.warnings if each["code"] == "unread-case"]
        assert (
            said["message"] == f"test case {bad} was not read: data/{bad} must be whole, got half"
        )
        assert record.status == "partial"
        assert value(record, "dice", **{"class": "organ"}) == pytest.approx(1 - 1 / len(volumes))
        assert value(scored(folder), "dice") == 1


class TestSummary:
    """Counts."""

    def test_it_comes_back_as_it_was(self, suite: Suite, tmp_path: Path) -> None:
        before = nnunet.read(predict(suite, tmp_path / "p", shifted), suite, None)
        after = nnunet.read(nnunet.write(before, tmp_path), suite, None)
        assert after.same_cases(before)
        assert after.columns.keys() == before.columns.keys()
        beyond = {"hd95", "diagonal", "nsd", "false_positive_lesions"}
        for name in before.columns.keys() - beyond - {"lesion_ml", "lesion_found"}:
            np.testing.assert_array_equal(after.columns[name], before.columns[name], name)
        for name in beyond:
            assert np.isnan(after.columns[name]).all()
        np.testing.assert_array_equal(after.facts["voxels"], before.facts["voxels"])

    def test_what_counts_do_not_tell_is_undefined(self, suite: Suite, tmp_path: Path) -> None:
        table = nnunet.read(predict(suite, tmp_path / "p", shifted), suite, None)
        record = scored(nnunet.write(table, tmp_path, name="theirs"))
        masks = scored(tmp_path / "p")
        [said] = record.warnings
        assert said["code"] == "not-measured"
        assert said["message"].startswith(
            "hd95, nsd, lesion_sensitivity, lesion_false_positives must be measured on masks"
        )
        for row in record.measurements:
            if row.metric in said["message"]:
                assert row.status == "undefined"
            else:
                assert row == same_row(masks, row)
        assert value(record, "dice") < 1

    def test_missing_cases_are_the_worst(self, suite: Suite, tmp_path: Path) -> None:
        table = nnunet.read(predict(suite, tmp_path / "p"), suite, None)
        path = nnunet.write(table, tmp_path)
        about = json.loads(path.read_text(encoding="utf-8"))
        lost = about["metric_per_case"].pop(0)["prediction_file"].removesuffix(".nii.gz")
        path.write_text(json.dumps(about), encoding="utf-8")
        record = scored(path)
        assert codes(record) == ["missing-prediction", "not-measured"]
        assert lost in record.warnings[0]["message"]
        missed = value(record, "missed_cases", **{"class": "organ"})
        assert missed == pytest.approx(1 / len(table))

    def test_paths_of_another_system_are_cases(self, suite: Suite, tmp_path: Path) -> None:
        table = nnunet.read(predict(suite, tmp_path / "p"), suite, None)
        path = nnunet.write(table, tmp_path)
        about = json.loads(path.read_text(encoding="utf-8"))
        for each in about["metric_per_case"]:
            each["prediction_file"] = "D:\\nnUNet\\" + each["prediction_file"]
        path.write_text(json.dumps(about), encoding="utf-8")
        assert nnunet.read(path, suite, None).alike(nnunet.read(path, suite, None), 0)

    FAULTS: tuple[tuple[str, Callable[[Any], Any], str], ...] = (
        ("text", lambda _: "metric_per_case", "must be a summary of nnU-Net, got"),
        ("list", lambda _: {"metric_per_case": [1]}, "must be a summary of nnU-Net, got"),
        ("twice", lambda s: doubled(s), "must have each case once"),
        ("stray", lambda s: edited(s, "prediction_file", "x.nii.gz"), "1 others: x"),
        ("empty", lambda s: {**s, "metric_per_case": []}, "got none"),
        ("label", lambda s: edited(s, "metrics", {"7": {}}), "of label '1' of .* got labels '7'"),
        ("other", lambda s: counted(s, "n_ref", "TN"), "must be of the masks of the data, got"),
        ("ratio", lambda s: counted(s, "Dice"), "must have ratios of its own counts"),
        ("sums", lambda s: counted(s, "n_pred"), "must have ratios of its own counts"),
    )

    @pytest.mark.parametrize(("name", "change", "match"), FAULTS, ids=[f[0] for f in FAULTS])
    def test_what_is_wrong_is_refused(
        self, suite: Suite, tmp_path: Path, name: str, change: Callable[[Any], Any], match: str
    ) -> None:
        path = nnunet.write(nnunet.read(predict(suite, tmp_path / "p"), suite, None), tmp_path)
        about = change(json.loads(path.read_text(encoding="utf-8")))
        path.write_text(json.dumps(about), encoding="utf-8")
        with pytest.raises(HarnessError, match=match) as refused:
            nnunet.read(path, suite, None)
        assert str(refused.value).startswith(str(path))


class TestWritten:
    """As nnU-Net's own evaluation writes it."""

    def test_means_are_nnu_nets(self, tmp_path: Path) -> None:
        """Three cases by hand; of the second label one has no voxel in either mask."""
        tp, fp, fn = (np.array(x, float) for x in (COUNTED["tp"], COUNTED["fp"], COUNTED["fn"]))
        about = written(tmp_path, tp, fp, fn)
        first = about["metric_per_case"][0]
        assert first["prediction_file"] == "case-0.nii.gz"
        found = {"TP": 6, "FP": 2, "FN": 2, "TN": 990, "n_pred": 8, "n_ref": 8}
        assert first["metrics"]["1"] == {**found, "Dice": 0.75, "IoU": 0.6}
        empty = about["metric_per_case"][1]["metrics"]["2"]
        assert math.isnan(empty["Dice"])
        assert math.isnan(empty["IoU"])
        assert (empty["TN"], empty["n_pred"], empty["n_ref"]) == (1000, 0, 0)
        mean = about["mean"]
        assert mean["1"]["Dice"] == pytest.approx((0.75 + 0 + 1) / 3)
        assert mean["2"]["Dice"] == pytest.approx((0.5 + 0) / 2)
        assert mean["2"]["TP"] == pytest.approx(1 / 3)
        wanted = ((0.75 + 0 + 1) / 3 + (0.5 + 0) / 2) / 2
        assert about["foreground_mean"]["Dice"] == pytest.approx(wanted)
        assert about["foreground_mean"]["n_ref"] == pytest.approx((21 / 3 + 5 / 3) / 2)

    def test_a_label_without_a_number_has_no_mean(self, tmp_path: Path) -> None:
        nothing = np.array([[1.0, 0.0]] * 3)
        about = written(tmp_path, nothing, nothing * 0, nothing * 0)
        assert about["mean"]["1"]["Dice"] == 1
        assert math.isnan(about["mean"]["2"]["Dice"])
        assert math.isnan(about["foreground_mean"]["Dice"])
        assert about["foreground_mean"]["TP"] == 0.5

    def test_no_prediction_is_an_empty_one(self, tmp_path: Path) -> None:
        tp, fp = np.zeros((3, 2)), np.full((3, 2), np.nan)
        counts = written(tmp_path, tp, fp, tp + 4)["metric_per_case"][0]["metrics"]["1"]
        assert (counts["Dice"], counts["n_pred"], counts["FN"], counts["TN"]) == (0, 0, 4, 996)

    def test_what_was_not_read_is_not_written(self, tmp_path: Path) -> None:
        tp, lost = np.zeros((3, 2)), np.full((3, 2), np.nan)
        with pytest.raises(HarnessError, match="got 3 that were not read, case-0"):
            written(tmp_path, tp, tp, lost)
        with pytest.raises(HarnessError, match="must have counted cases, got none"):
            nnunet.write(masks.table(split="val", fn=np.zeros((60, 2))), tmp_path)


class TestLine:
    """Beside models."""

    def test_it_is_accepted_checked_and_compared(
        self, suite: Suite, tmp_path: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        at = ("lesions", "--device", "external")
        for name, change in (("good", same), ("poor", shifted)):
            scored(predict(suite, tmp_path / name, change))
        assert score("accept", *at, "--allow-dirty") == 0
        assert score("check", *at) == 0
        capsys.readouterr()
        assert score("compare", "lesions", "good", "poor", "--json") == 0
        said = json.loads(capsys.readouterr().out.splitlines()[-1])
        assert "dice" in json.dumps(said)
        predict(suite, tmp_path / "good", lambda mask: np.roll(mask, 4, axis=1))
        record = scored(tmp_path / "good")
        assert value(record, "dice") < 0.8
        assert score("check", *at, "--model", "good") == 1

    def test_a_folder_is_scored_once(
        self, suite: Suite, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        folder = predict(suite, tmp_path / "p")
        first = scored(folder)
        with monkeypatch.context() as patch:
            patch.setattr("harness.foreign.measured", None)
            assert scored(folder) == first
        (folder / f"{cases(suite).ids[0]}.nii.gz").unlink()
        assert scored(folder) != first

    @pytest.mark.parametrize(
        ("words", "said"),
        [
            ("nothing", "--predictions must be a file or a folder of masks, got nothing"),
            ("suites/lesions.toml", "must be in one of the formats nnunet, and looks like none"),
            ("suites --format csv", "--format must be one of nnunet for task segment, got csv"),
        ],
    )
    def test_what_is_none_is_refused(
        self, suite: Suite, capsys: pytest.CaptureFixture[str], words: str, said: str
    ) -> None:
        assert score("score", "lesions", "--predictions", *words.split()) == 2
        assert said in capsys.readouterr().err

    def test_without_the_data_nothing_is_measured(self, tmp_path: Path) -> None:
        suite = decathlon(tmp_path)
        (tmp_path / "p").mkdir()
        with pytest.raises(HarnessError, match="p must be held against the masks of its data, and"):
            nnunet.read(tmp_path / "p", suite, tmp_path / "elsewhere")


COUNTED = {
    "tp": [[6, 1], [0, 0], [10, 0]],
    "fp": [[2, 0], [3, 0], [0, 4]],
    "fn": [[2, 2], [3, 0], [0, 2]],
}


def mask_of(case: Case) -> Mask:
    assert case.mask is not None
    return case.mask


def same_row(record: Record, row: Measurement) -> Measurement | None:
    return record.find(row.metric, **row.where)


def edited(about: Any, key: str, value: Any) -> Any:
    about["metric_per_case"][0][key] = value
    return about


def doubled(about: Any) -> Any:
    about["metric_per_case"].append(about["metric_per_case"][0])
    return about


def counted(about: Any, *names: str) -> Any:
    for name in names:
        about["metric_per_case"][0]["metrics"]["1"][name] -= 1
    return about


def written(folder: Path, tp: Any, fp: Any, fn: Any) -> Any:
    table: Segmented = masks.table(3, tp=tp, fp=fp, fn=fn)
    return json.loads(nnunet.write(table, folder).read_text(encoding="utf-8"))


def decathlon(folder: Path) -> Suite:
    """Volumes in LAS with labels organ = 1 and 3, tumour = 2, of which classes are made."""
    for name in ("imagesTr", "labelsTr"):
        (folder / "set" / name).mkdir(parents=True)
    affine = np.diag([-1.0, 2.0, 3.0, 1.0])
    for k in range(6):
        rng = np.random.default_rng(k)
        label = np.zeros((9, 8, 7), np.uint8)
        label[1:6, 1:5, 1:4] = np.array([1, 3, 1])[None, None]
        label[7:, 4:6, 4:6] = 2
        image = rng.normal(0, 50, label.shape).astype(np.int16)
        for part, array in (("imagesTr", image), ("labelsTr", label)):
            nibabel.save(nibabel.Nifti1Image(array, affine), folder / f"set/{part}/c_{k}.nii.gz")
    args = 'folder = "set", labels = ["shell", "tumour", "core"], classes = ["tumour", "organ"]'
    args += ', merge = { organ = ["shell", "core"] }'
    (folder / "suites").mkdir(exist_ok=True)
    path = folder / "suites/d.toml"
    path.write_text(
        'title = "D"\ntask = "segment"\nmetrics = ["dice"]\n\n[datasets.d]\nload = "decathlon"\n'
        f"args = {{ {args} }}\nsplit = {{ test = 0.5, val = 0.2 }}\n"
        'input = { intensity = "zscore", size = [8, 8] }\n\n[models.unet]\nbuild = "unet"\n\n'
        '[train]\nloss = "dice_ce"\n',
        encoding="utf-8",
    )
    return reading.load(str(path))
