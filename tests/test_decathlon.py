"""Volumes in NIfTI: the same voxels as other readers see, or the file that is wrong, named."""

import gzip
import json
import os
import pickle
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import nibabel
import numpy as np
import pytest
import SimpleITK
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from harness import rules, shelf, strict
from harness.datasets import _contents, decathlon
from harness.datasets._case import Grid, case, to_source
from harness.datasets._nifti import read_nifti, write_mask
from harness.errors import HarnessError
from harness.volumes import Case

SHAPE = (4, 5, 6)
AFFINE = np.array([[0, -0.5, 0, 3.0], [0, 0, 2.5, -7], [-0.75, 0, 0, 11], [0, 0, 0, 1]])
"""Axes to the bottom, to the left and to the front."""
LABELS = np.arange(120).reshape(SHAPE) % 3


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A cache folder of this test's own, and as the place of relative names an empty folder."""
    monkeypatch.setenv("HARNESS_CACHE", str(tmp_path / "cache"))
    (tmp_path / "data").mkdir()
    monkeypatch.chdir(tmp_path / "data")
    return tmp_path / "cache"


def grey(shape: tuple[int, ...] = SHAPE, seed: int = 0) -> NDArray[np.int16]:
    return np.random.default_rng(seed).integers(-1000, 1000, shape, dtype=np.int16)


def put(name: str, array: NDArray[Any], affine: NDArray[Any] = AFFINE) -> Path:
    path = Path(name)
    path.parent.mkdir(parents=True, exist_ok=True)
    nibabel.save(nibabel.Nifti1Image(array, affine), path)  # type: ignore[no-untyped-call]
    return path


def paired(*names: str, folder: str = "task", end: str = "Tr") -> None:
    """Cases in the layout of the Decathlon."""
    for seed, name in enumerate(names):
        put(f"{folder}/images{end}/{name}.nii.gz", grey(seed=seed))
        put(f"{folder}/labels{end}/{name}.nii.gz", LABELS.astype(np.uint8))


def about(folder: str = "task", **table: Any) -> None:
    Path(folder).mkdir(exist_ok=True)
    (Path(folder) / "dataset.json").write_text(json.dumps(table), encoding="utf-8")


ORGAN = ("organ", "tumour")


def load(split: str = "all", **args: Any) -> Any:
    return decathlon.load(split, None, **{"folder": "task", "labels": ORGAN, **args})


def fingerprint(**args: Any) -> str:
    return decathlon.fingerprint(None, **{"folder": "task", "labels": ORGAN, **args})


def refused(call: Any, *args: Any, **named: Any) -> str:
    with pytest.raises(HarnessError) as caught:
        call(*args, **named)
    said = str(caught.value)
    assert "\n" not in said
    assert "; " in said or "known" in said or "be of" in said or "each named once" in said
    return said


def at(path: Path) -> Path:
    """`path` of a file below HARNESS_DATA; skips where there is none."""
    found = Path(os.environ.get("HARNESS_DATA") or "nowhere") / path
    if not found.exists():
        pytest.skip(f"HARNESS_DATA has no {path}")
    return found.resolve()


# --- the grid ---------------------------------------------------------------------------------


@st.composite
def grids(draw: st.DrawFn) -> tuple[NDArray[np.float64], tuple[int, ...]]:
    """An affine of any order and direction of the axes, turned a little, and a shape."""
    order = draw(st.permutations(range(3)))
    signs = draw(st.tuples(*[st.sampled_from([-1, 1])] * 3))
    lengths = draw(st.tuples(*[st.floats(0.3, 8)] * 3))
    tilt = draw(st.floats(-0.2, 0.2))
    affine = np.eye(4)
    affine[:3, :3] = np.eye(3)[:, order] * signs * lengths
    turn = [[np.cos(tilt), -np.sin(tilt), 0], [np.sin(tilt), np.cos(tilt), 0], [0, 0, 1]]
    affine[:3, :3] = np.array(turn) @ affine[:3, :3]
    affine[:3, 3] = draw(st.tuples(*[st.floats(-300, 300)] * 3))
    return affine, draw(st.tuples(*[st.integers(2, 6)] * 3))


@given(grids(), st.integers(0, 2**32 - 1), st.integers(1, 2))
@settings(deadline=None)
def test_a_mask_comes_back_to_where_it_was(
    grid: tuple[NDArray[np.float64], tuple[int, ...]], seed: int, channels: int
) -> None:
    affine, shape = grid
    rng = np.random.default_rng(seed)
    image, labels = rng.normal(size=(channels, *shape)), rng.integers(0, 3, shape)
    images = [Grid(array=image, affine=affine, path=Path("image"))]
    mask = Grid(array=labels, affine=affine, path=Path("mask"))
    made = case("a", images, mask, {1: 1, 2: 2})
    assert made.mask is not None
    assert np.array_equal(to_source(made.mask, made), labels)
    for channel, stored in zip(made.image, image, strict=True):
        assert np.array_equal(to_source(channel, made), stored)
        usual: Any = nibabel.as_closest_canonical(nibabel.Nifti1Image(stored, affine))  # type: ignore[no-untyped-call]
        assert np.array_equal(channel, usual.get_fdata())
        np.testing.assert_allclose(made.affine, usual.affine, atol=1e-9)
        np.testing.assert_allclose(made.spacing, usual.header.get_zooms(), rtol=1e-5)
    assert nibabel.aff2axcodes(made.affine) == ("R", "A", "S")  # type: ignore[no-untyped-call]


@given(grids())
@settings(deadline=None)
def test_a_voxel_stays_where_it_is_in_the_body(
    grid: tuple[NDArray[np.float64], tuple[int, ...]],
) -> None:
    affine, shape = grid
    image = np.arange(np.prod(shape)).reshape(shape)
    made = case("a", [Grid(array=image, affine=affine, path=Path("image"))], None, {})
    assert made.mask is None
    here = np.argwhere(made.image[0] >= 0)
    there = np.linalg.inv(affine) @ made.affine @ np.vstack([here.T, np.ones(len(here))])
    stored = image[tuple(np.rint(there[:3]).astype(int))]
    assert np.array_equal(made.image[0][tuple(here.T)], stored)


def test_a_mask_of_another_grid_is_not_put_back() -> None:
    made = case("a", [Grid(array=grey(), affine=AFFINE, path=Path("image"))], None, {})
    with pytest.raises(ValueError, match="a is stored as"):
        to_source(np.zeros(SHAPE), made)


def test_channels_are_joined_in_their_order() -> None:
    one, two = grey(), grey((2, *SHAPE), 1)
    images = [Grid(array=array, affine=AFFINE, path=Path("i")) for array in (one, two)]
    made = case("a", images, None, {})
    for channel, stored in zip(made.image, (one, *two), strict=True):
        assert np.array_equal(to_source(channel, made), stored)


CORD = Path("spinal_cord_mr")
PAIRS = {
    "RAS": ("t1/t1w.nii.gz", "t1/t1w_seg-manual.nii.gz", 5437),
    "PSR": ("t2/t2.nii.gz", "t2/t2_seg-deepseg_sc-3d.nii.gz", 4285),
    "LAS": ("t2s/t2s.nii.gz", "t2s/t2s_seg-deepseg.nii.gz", 2443),
}


@pytest.mark.parametrize("axes", PAIRS)
def test_real_scans_are_turned_as_another_reader_does(axes: str, tmp_path: Path) -> None:
    name, drawn, voxels = PAIRS[axes]
    image, mask = at(CORD / name), at(CORD / drawn)
    stored: Any = nibabel.load(image)
    assert "".join(nibabel.aff2axcodes(stored.affine)) == axes  # type: ignore[no-untyped-call]
    made = case(axes, [read_nifti(image)], read_nifti(mask), {1: 1})
    assert made.mask is not None
    assert made.mask.sum() == voxels
    for path, array in ((image, made.image[0]), (mask, made.mask)):
        other = SimpleITK.DICOMOrient(SimpleITK.ReadImage(str(path)), "RAS")
        assert np.array_equal(SimpleITK.GetArrayFromImage(other).T, array)
        np.testing.assert_allclose(other.GetSpacing(), made.spacing, rtol=1e-5)
    write_mask(tmp_path / "mask.nii.gz", made.mask, made)
    back: Any = nibabel.load(tmp_path / "mask.nii.gz")
    written = nibabel.load(mask)
    assert np.array_equal(back.get_fdata(), written.get_fdata())  # type: ignore[attr-defined]
    np.testing.assert_allclose(back.affine, stored.affine, atol=1e-6)


# --- files ------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", [nibabel.Nifti1Image, nibabel.Nifti2Image])
@pytest.mark.parametrize("ending", [".nii", ".nii.gz"])
@pytest.mark.parametrize(
    ("stored", "kept"),
    [("u1", "u1"), (">i2", "i2"), ("i8", "i8"), (">f4", "f4"), ("f8", "f4")],
)
def test_numbers_are_as_stored(kind: Any, ending: str, stored: str, kept: str) -> None:
    array = np.arange(120).reshape(SHAPE).astype(stored)
    image = kind(array, AFFINE, dtype=array.dtype)
    path = Path(f"a{ending}")
    path.write_bytes(gzip.compress(image.to_bytes()) if ending == ".nii.gz" else image.to_bytes())
    grid = read_nifti(path)
    assert grid.array.dtype == np.dtype(kept)
    assert np.array_equal(grid.array, np.arange(120).reshape(SHAPE))
    np.testing.assert_allclose(grid.affine, AFFINE, atol=1e-6)


def test_the_scale_of_a_header_is_applied() -> None:
    image: Any = nibabel.Nifti1Image(grey(), AFFINE)  # type: ignore[no-untyped-call]
    image.header.set_slope_inter(0.25, -3)
    Path("a.nii").write_bytes(image.to_bytes())
    grid, other = read_nifti(Path("a.nii")), SimpleITK.ReadImage("a.nii")
    assert grid.array.dtype == np.float32
    np.testing.assert_allclose(grid.array, SimpleITK.GetArrayFromImage(other).T, rtol=1e-6)
    np.testing.assert_allclose(grid.array, grey() * 0.25 - 3, rtol=1e-6)


def test_a_file_of_several_channels_has_them_first() -> None:
    stored = grey((*SHAPE, 3))
    grid = read_nifti(put("a.nii.gz", stored), 3)
    assert grid.array.shape == (3, *SHAPE)
    assert np.array_equal(grid.array[2], stored[..., 2])
    assert read_nifti(put("b.nii.gz", stored[..., :1])).array.shape == SHAPE


def test_a_written_mask_is_the_same_bytes_each_time() -> None:
    made = case("a", [Grid(array=grey(), affine=AFFINE, path=Path("i"))], None, {})
    mask = np.zeros(made.image.shape[1:], np.uint8)
    mask[1, 2, 3] = 2
    names = ("a.nii.gz", "b.nii.gz", "c.nii")
    for name in names:
        write_mask(Path(name), mask, made)
    a, b, c = (Path(name).read_bytes() for name in names)
    assert a == b
    assert gzip.decompress(a) == c
    back = read_nifti(Path("c.nii"))
    assert back.array.dtype == np.uint8
    assert np.array_equal(back.array, to_source(mask, made))


def damaged() -> Iterator[tuple[str, bytes, str]]:
    whole = nibabel.Nifti1Image(grey(), AFFINE).to_bytes()  # type: ignore[no-untyped-call]
    packed = gzip.compress(whole, mtime=0)
    flipped = bytearray(packed)
    flipped[-6] ^= 1
    yield "half", packed[: len(packed) // 2], "ended before"
    yield "trailer", packed[:-3], "ended before"
    yield "flipped", bytes(flipped), "CRC"
    yield "short", whole[:-40], "Expected"
    yield "text", b"NIfTI" * 100, "no header"
    yield "empty", b"", "no header"
    colour = np.zeros(SHAPE, dtype=[("R", "u1"), ("G", "u1"), ("B", "u1")])
    yield "colour", nibabel.Nifti1Image(colour, AFFINE).to_bytes(), "in place of numbers"  # type: ignore[no-untyped-call]


@pytest.mark.parametrize(("content", "why"), [pytest.param(*c[1:], id=c[0]) for c in damaged()])
def test_a_damaged_file_is_named(content: bytes, why: str) -> None:
    paired("a", "b")
    path = Path("task/imagesTr/b.nii.gz")
    path.write_bytes(content)
    cases = load()
    cases.read("a")
    said = refused_by_a_decoder(cases.read, "b")
    assert str(path) in said
    assert why in said


def refused_by_a_decoder(call: Any, *args: Any) -> str:
    with pytest.raises(HarnessError) as caught:
        call(*args)
    assert "\n" not in str(caught.value)
    return str(caught.value)


def changed(value: float, dtype: str = "f4", of: NDArray[Any] = LABELS) -> NDArray[Any]:
    """One voxel of another value."""
    array = of.astype(dtype)
    array[1, 1, 1] = value
    return array


def moved(by: float) -> NDArray[np.float64]:
    """The affine, its origin elsewhere."""
    affine = AFFINE.copy()
    affine[1, 3] += by
    return affine


GREY = grey()
WRONG: dict[str, tuple[str, NDArray[Any], NDArray[Any], str]] = {
    "shape": ("labels", np.zeros((4, 5, 7), np.uint8), AFFINE, r"the shape \(4, 5, 6\) of b.nii"),
    "turned": ("labels", np.zeros((6, 5, 4), np.uint8), AFFINE, r"got \(6, 5, 4\)"),
    "affine": ("labels", LABELS.astype("u1"), moved(0.01), "differs by 0.01 mm"),
    "unit": ("labels", LABELS.astype("u1"), AFFINE * [1, 1, 1.1, 1], "differs by 0.25 mm"),
    "outside": ("labels", changed(3, "u1"), AFFINE, "labels of 0, 1, 2, got 3"),
    "below": ("labels", changed(-1, "i2"), AFFINE, "labels of 0, 1, 2, got -1"),
    "fraction": ("labels", changed(0.5), AFFINE, "whole numbers as labels, got 0.5"),
    "undefined": ("labels", changed(np.nan), AFFINE, "whole numbers as labels, got nan"),
    "endless": ("labels", changed(np.inf), AFFINE, "whole numbers as labels, got inf"),
    "4D mask": ("labels", np.zeros((*SHAPE, 2), "u1"), AFFINE, r"three axes, got shape \(4, 5, 6"),
    "4D": ("images", grey((*SHAPE, 2)), AFFINE, r"three axes, got shape \(4, 5, 6, 2\)"),
    "2D": ("images", grey((4, 5)), AFFINE, r"three axes, got shape \(4, 5\)"),
    "NaN": ("images", changed(np.nan, of=GREY), AFFINE, "finite intensities, got NaN"),
    "infinite": ("images", changed(-np.inf, of=GREY), AFFINE, "finite intensities, got an inf"),
    "constant": ("images", np.full(SHAPE, 7, "i2"), AFFINE, "got 7 in every voxel"),
    "flat": ("images", grey(), AFFINE, "say where its voxels are"),
}


@pytest.mark.parametrize("fault", WRONG)
def test_a_wrong_file_is_named(fault: str) -> None:
    where, array, affine, why = WRONG[fault]
    paired("a", "b")
    path = Path(f"task/{where}Tr/b.nii.gz")
    image: Any = nibabel.Nifti1Image(array, affine)  # type: ignore[no-untyped-call]
    stored = bytearray(image.to_bytes())
    if fault == "flat":
        for row in range(3):  # srow_x, srow_y and srow_z begin at byte 280, four numbers each
            stored[284 + 16 * row : 288 + 16 * row] = bytes(4)
    path.write_bytes(gzip.compress(bytes(stored)))
    cases = load()
    cases.read("a")
    said = refused(cases.read, "b")
    assert said.startswith(str(path))
    assert re.search(why, said), said


def test_rounding_is_no_fault() -> None:
    paired("a")
    put("task/labelsTr/a.nii.gz", LABELS * np.float32(1 + 1e-6), moved(2e-4))
    made = load().read("a")
    assert np.array_equal(to_source(made.mask, made), LABELS)


@pytest.mark.parametrize(("gone", "other"), [("images", "labels"), ("labels", "images")])
def test_a_case_without_its_image_or_label_is_refused_not_dropped(gone: str, other: str) -> None:
    paired("a", "b", "c")
    path = Path(f"task/{gone}Tr/b.nii.gz")
    before = fingerprint()
    path.unlink()
    cases = load()
    assert cases.ids.tolist() == ["a", "b", "c"]
    cases.read("c")
    assert refused(cases.read, "b").startswith(f"{path} must be a NIfTI file, got none")
    assert fingerprint() != before


# --- folders ----------------------------------------------------------------------------------


def test_cases_are_in_natural_order_and_notes_of_macos_are_none() -> None:
    paired("lung_10", "lung_2", "lung_1")
    for name in ("images", "labels"):
        Path(f"task/{name}Tr/._lung_2.nii.gz").write_bytes(b"note")
    Path("task/imagesTr/readme.txt").write_text("no image")
    cases = load()
    assert cases.ids.tolist() == ["lung_1", "lung_2", "lung_10"]
    assert cases.subjects.tolist() == cases.ids.tolist()
    assert (cases.classes, cases.channels, cases.split) == (ORGAN, 1, "all")
    assert np.array_equal(
        to_source(cases.read("lung_2").image[0], cases.read("lung_2")), grey(seed=1)
    )
    assert pickle.loads(pickle.dumps(cases.read))("lung_1").id == "lung_1"


def test_what_dataset_json_lists_is_what_there_is() -> None:
    paired("a", "b", "c")
    entries = [
        {"image": f"./imagesTr/{name}.nii.gz", "label": f"./labelsTr/{name}.nii.gz"}
        for name in ("d", "b", "a")
    ]
    names = {"0": "background", "2": "tumour", "1": "organ"}
    about(labels=names, modality={"0": "CT"}, training=entries, test=["./imagesTs/x.nii.gz"])
    cases = load(labels=())
    assert cases.ids.tolist() == ["a", "b", "d"]
    assert cases.classes == ORGAN
    assert "imagesTr/d.nii.gz" in refused(cases.read, "d")
    assert load(labels=["x", "y"]).classes == ("x", "y")


def test_images_of_four_axes_are_channels() -> None:
    stored = grey((*SHAPE, 3))
    put("task/imagesTr/a.nii.gz", stored)
    put("task/labelsTr/a.nii.gz", LABELS.astype("u1"))
    about(modality={"0": "FLAIR", "2": "T2", "1": "T1"})
    cases = load()
    made = cases.read("a")
    assert (cases.channels, len(made.image)) == (3, 3)
    some = load(channels=["T2", "FLAIR"])
    made = some.read("a")
    assert some.channels == 2
    for channel, k in zip(made.image, (2, 0), strict=True):
        assert np.array_equal(to_source(channel, made), stored[..., k])
    assert "four axes, the last of 2 channels" in refused(load(modalities=["a", "b"]).read, "a")
    assert "channels must be of FLAIR, T1, T2, got 'CT'" in refused(load, channels=["CT"])


def nnunet(*names: str, end: str = "Tr", channels: int = 2) -> None:
    for seed, name in enumerate(names):
        for k in range(channels):
            put(f"task/images{end}/{name}_{k:04}.nii.gz", grey(seed=10 * seed + k))
        put(f"task/labels{end}/{name}.nii.gz", LABELS.astype("u1"))


def test_the_folders_of_nnunet() -> None:
    nnunet("case_10", "case_9")
    names = {"background": 0, "tumour": 2, "organ": 1}
    about(channel_names={"0": "CT", "1": "PET"}, labels=names, file_ending=".nii.gz")
    cases = load(labels=())
    assert cases.ids.tolist() == ["case_9", "case_10"]
    assert (cases.classes, cases.channels) == (ORGAN, 2)
    made = cases.read("case_10")
    for k, channel in enumerate(made.image):
        assert np.array_equal(to_source(channel, made), grey(seed=k))
    made = load(channels=["PET"]).read("case_9")
    assert np.array_equal(to_source(made.image[0], made), grey(seed=11))
    Path("task/imagesTr/case_9_0001.nii.gz").unlink()
    assert "case_9_0001.nii.gz must be" in refused(cases.read, "case_9")
    Path("task/dataset.json").unlink()
    assert "case_10_0001.nii.gz must be of channel 0 to 0" in refused(load)
    assert load(modalities=["CT", "PET"]).channels == 2
    with pytest.raises(HarnessError, match="must be divided, got no test; declare split"):
        load("test", modalities=["CT", "PET"])


def test_an_official_test_set_is_one() -> None:
    nnunet("p1_a", "p2_a", channels=1)
    nnunet("p3_a", "p3_b", end="Ts", channels=1)
    assert load("train").ids.tolist() == ["p1_a", "p2_a"]
    held = load("test", subject="(.+)_[ab]")
    assert held.ids.tolist() == ["p3_a", "p3_b"]
    assert held.subjects.tolist() == ["p3", "p3"]
    assert len(load()) == 4
    assert "got no val" in refused(load, "val")
    assert "got 'p' in train and test" in refused(load, "train", subject="(p).")


def test_test_images_without_labels_are_no_cases() -> None:
    paired("a")
    put("task/imagesTs/b.nii.gz", grey())
    assert load().ids.tolist() == ["a"]
    assert "must be divided, got no train" in refused(load, "train")


def test_the_files_of_lits_may_be_in_folders() -> None:
    for k, where in ((10, "a"), (2, "b/c"), (3, "")):
        put(f"task/{where}/volume-{k}.nii", grey(seed=k))
        put(f"task/{'masks' if k == 2 else where}/segmentation-{k}.nii", LABELS.astype("u1"))
    put("task/volume-mean.nii", grey())
    cases = load()
    assert cases.ids.tolist() == ["volume-2", "volume-3", "volume-10"]
    made = cases.read("volume-2")
    assert np.array_equal(to_source(made.image[0], made), grey(seed=2))
    Path("task/a/segmentation-10.nii").unlink()
    Path("task/volume-3.nii").unlink()
    assert load().ids.tolist() == cases.ids.tolist()
    assert "task/a/segmentation-10.nii must be" in refused(load().read, "volume-10")
    assert "task/volume-3.nii must be" in refused(load().read, "volume-3")
    put("task/b/volume-10.nii", grey())
    assert "must have a name of its own" in refused(load)


@pytest.mark.parametrize(
    ("args", "classes", "index"),
    [
        ({}, ("liver", "tumour", "cyst"), [0, 1, 2, 3]),
        ({"classes": ["tumour"]}, ("tumour",), [0, 0, 1, 0]),
        ({"classes": ["cyst", "liver"]}, ("cyst", "liver"), [0, 2, 0, 1]),
        ({"merge": {"lesion": ["tumour", "cyst"]}}, ("liver", "lesion"), [0, 1, 2, 2]),
        ({"merge": {"liver": ["liver", "tumour", "cyst"]}}, ("liver",), [0, 1, 1, 1]),
        (
            {"merge": {"lesion": ["cyst", "tumour"]}, "classes": ["lesion"]},
            ("lesion",),
            [0, 0, 1, 1],
        ),
    ],
)
def test_classes_are_labels_chosen_and_merged(
    args: Mapping[str, Any], classes: tuple[str, ...], index: list[int]
) -> None:
    labels = np.arange(120).reshape(SHAPE) % 4
    put("task/imagesTr/a.nii.gz", grey())
    put("task/labelsTr/a.nii.gz", labels.astype("u1"))
    cases = load(labels=["liver", "tumour", "cyst"], **args)
    assert cases.classes == classes
    made = cases.read("a")
    assert made.mask.dtype == np.uint8
    assert np.array_equal(to_source(made.mask, made), np.array(index)[labels])


REFUSED: dict[str, tuple[dict[str, Any], str]] = {
    "folder": ({"folder": "absent"}, "folder must be one below the data root, got absent"),
    "empty": ({"folder": "."}, r"must hold imagesTr/NAME.nii.gz .* got none"),
    "none": ({"layout": "nnunet", "folder": "void"}, "void must hold imagesTr/NAME_0000.nii.gz"),
    "layout": ({"layout": "bids"}, "layout must be one of decathlon, nnunet, lits, got 'bids'"),
    "labels": ({"labels": ()}, "task must have labels of known names, got none"),
    "twice": ({"labels": ["a", "a"]}, r"labels must be each named once"),
    "class": ({"classes": ["cyst"]}, "classes must be of organ, tumour, got 'cyst'"),
    "classes": ({"classes": ["organ", "organ"]}, "classes must be each named once"),
    "merge": ({"merge": {"x": ["cyst"]}}, "merge must be of organ, tumour, got 'cyst'"),
    "both": ({"merge": {"x": ["organ"], "y": ["organ"]}}, "merge must be each named once"),
    "own": ({"merge": {"organ": ["tumour"]}}, "merge.organ must hold the label organ"),
    "left": ({"merge": {"x": ["organ"]}, "classes": ["organ"]}, "classes must be of x, tumour"),
    "subject": ({"subject": "(."}, "subject must be an expression"),
    "group": ({"subject": "."}, r"one group in the name of each case, got '.' for a"),
    "nobody": ({"subject": "(p[0-9])"}, r"one group in the name of each case"),
    "same": ({"folder": "same"}, "must have a name of its own"),
    "parts": ({"folder": "parts"}, "must be of a case of a name of its own"),
}


@pytest.mark.parametrize("fault", REFUSED)
def test_a_wrong_declaration_is_one_sentence(fault: str) -> None:
    args, why = REFUSED[fault]
    Path("void").mkdir()
    if fault != "empty":
        paired("a")
    if fault == "same":
        paired("a", folder="same")
        put("same/imagesTr/a.nii", grey())
    if fault == "parts":
        paired("a", folder="parts")
        paired("a", folder="parts", end="Ts")
    with pytest.raises(HarnessError, match=why) as caught:
        load(**args)
    assert "\n" not in str(caught.value)


TABLES: dict[str, tuple[Any, str]] = {
    "text": ("{", "must be readable JSON"),
    "list": ([], "must be a table, got list"),
    "labels": ({"labels": ["organ"]}, "labels of known names, got none"),
    "region": ({"labels": {"background": 0, "all": [1, 2]}}, "give each label one number"),
    "float": ({"labels": {"organ": 0.5}}, "give each label one number"),
    "negative": ({"labels": {"organ": -1}}, "give each label one number"),
    "ignore": ({"labels": {"organ": 1, "ignore": 2}}, "say of each voxel what it is"),
    "name": ({"labels": {"1": "organ", "2": "organ"}}, "say of each voxel what it is"),
    "channels": ({"labels": {"1": "organ"}, "modality": {"CT": 0}}, "number its channels"),
    "training": ({"labels": {"1": "organ"}, "training": [["a"]]}, "list the training cases"),
}


@pytest.mark.parametrize("fault", TABLES)
def test_a_broken_dataset_json_is_one_sentence(fault: str) -> None:
    table, why = TABLES[fault]
    paired("a")
    text = table if isinstance(table, str) else json.dumps(table)
    Path("task/dataset.json").write_text(text, encoding="utf-8")
    said = refused(load, labels=())
    assert re.search(why, said), said


def test_arguments_are_checked_before_anything_is_read() -> None:
    taken = shelf.arguments("datasets", "decathlon", "load")
    assert {argument.hint for argument in taken.values()} <= set(rules.HINTS)
    hint = rules.HINTS[taken["merge"].hint]
    assert strict.convert(hint, {"a": ["b"]}, "merge") == {"a": ("b",)}
    with pytest.raises(HarnessError, match="merge"):
        strict.convert(hint, {"a": "b"}, "merge")


# --- contents ---------------------------------------------------------------------------------


def test_a_fingerprint_is_of_contents_and_of_how_they_are_read() -> None:
    paired("a", "b")
    first = fingerprint()
    Path("task").rename("other")
    assert fingerprint(folder="other") == first
    Path("other").rename("task")
    others = [
        fingerprint(labels=("organ", "cyst")),
        fingerprint(classes=["organ"]),
        fingerprint(merge={"all": ORGAN}),
        fingerprint(subject="(.)"),
    ]
    assert others[3] == first
    about(modality={"0": "CT"}, description="more words")
    assert fingerprint() == first
    put("task/labelsTr/b.nii.gz", changed(2, "u1"))
    others.append(fingerprint())
    Path("task/imagesTr/a.nii.gz").rename("task/imagesTr/c.nii.gz")
    Path("task/labelsTr/a.nii.gz").rename("task/labelsTr/c.nii.gz")
    others.append(fingerprint())
    assert len(set(others)) == len(others)


def old(path: Path, content: bytes, seconds: int) -> str:
    """A file that was changed so many seconds after the year began; its digest."""
    path.write_bytes(content)
    os.utime(path, (1.7e9 + seconds, 1.7e9 + seconds))
    return _contents.content(path)


def test_a_digest_is_remembered_while_a_file_is_the_same(
    cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path, read = Path("a"), []
    digest = _contents.disk.file_digest
    monkeypatch.setattr(
        _contents.disk, "file_digest", lambda path: read.append(path) or digest(path)
    )
    first = old(path, b"one", 0)
    assert _contents.contents([path, path]) == [first, first]
    assert read == [path]
    second = old(path, b"two", 1)
    assert second != first
    assert old(path, b"three", 1) not in (first, second)
    assert len(read) == 3
    assert list(json.loads((cache / "digests.json").read_text())) == [str(path.resolve())]


def test_a_file_that_has_just_changed_is_read_again(cache: Path) -> None:
    path = Path("a")
    path.write_bytes(b"one")
    stat = path.stat()
    first = _contents.content(path)
    path.write_bytes(b"two")
    os.utime(path, ns=(stat.st_atime_ns, stat.st_mtime_ns))
    assert _contents.content(path) != first
    assert not (cache / "digests.json").exists()


@pytest.mark.parametrize("broken", ["", "[]", '{"a": 1}', '{"a": [1, 2]}', '{"a": [1, null, 2]}'])
def test_a_broken_memory_is_an_empty_one(cache: Path, broken: str) -> None:
    cache.mkdir()
    (cache / "digests.json").write_text(broken)
    first = old(Path("a"), b"one", 0)
    assert len(first) == 64
    assert list(json.loads((cache / "digests.json").read_text())) == [str(Path("a").resolve())]


def test_no_memory_is_no_fault(monkeypatch: pytest.MonkeyPatch) -> None:
    Path("file").write_text("in the way")
    monkeypatch.setenv("HARNESS_CACHE", str(Path("file/cache")))
    assert old(Path("a"), b"one", 0) == old(Path("a"), b"one", 5)
    assert _contents.contents([Path("absent")]) == [""]
    with pytest.raises(HarnessError, match="absent must be a readable file"):
        _contents.content(Path("absent"))


def test_the_memory_is_in_the_users_cache(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("HARNESS_CACHE")
    assert _contents.cache() == Path.home() / ".cache" / "imaging-harness"


# --- the published cases ----------------------------------------------------------------------


def test_the_cases_of_the_hippocampus() -> None:
    root = at(Path("msd_task04_hippocampus")).parent
    args: dict[str, Any] = {"folder": "msd_task04_hippocampus", "labels": ["anterior", "posterior"]}
    cases = decathlon.load("all", root, **args)
    numbers = [int(id.rpartition("_")[2]) for id in cases.ids]
    assert numbers == sorted(numbers)
    assert len(set(numbers)) == 200
    for id in cases.ids[[0, 77, 199]]:
        made: Case = cases.read(id)
        other = SimpleITK.ReadImage(str(root / args["folder"] / "labelsTr" / f"{id}.nii.gz"))
        turned = SimpleITK.GetArrayFromImage(SimpleITK.DICOMOrient(other, "RAS")).T
        assert np.array_equal(made.mask, turned)
        assert set(np.unique(turned)) == {0, 1, 2}
        assert made.spacing == pytest.approx((1, 1, 1))
    assert decathlon.fingerprint(root, **args) == decathlon.fingerprint(root, **args)
