"""Folders of images and masks: each format as another library reads it, paired by name."""

import os
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import series
import SimpleITK as sitk
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from PIL import Image

from harness import rules, shelf
from harness.datasets import pairs
from harness.datasets._case import Grid, case
from harness.datasets._metaimage import read_metaimage
from harness.datasets._nifti import read_nifti
from harness.datasets._pictures import about, read_picture
from harness.errors import HarnessError
from harness.volumes import Case, Volumes

RNG = np.random.default_rng(0)
GREY = RNG.integers(0, 256, (7, 5), dtype=np.uint8)
COLOUR = RNG.integers(0, 256, (7, 5, 3), dtype=np.uint8)
DEEP = RNG.integers(0, 65536, (7, 5), dtype=np.uint16)
MASK = (RNG.random((7, 5)) > 0.5).astype(np.uint8)
VOLUME = RNG.normal(size=(4, 5, 6)).astype(np.float32)


@pytest.fixture(autouse=True)
def _here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HARNESS_CACHE", str(tmp_path / "cache"))


def save(name: str, pixels: NDArray[Any], **options: Any) -> Path:
    path = Path(name)
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(pixels).save(path, **options)
    return path


def itk(name: str, array: NDArray[Any], **geometry: Any) -> Path:
    """An (X, Y, Z) array, as SimpleITK writes it; geometry in LPS."""
    path = Path(name)
    path.parent.mkdir(parents=True, exist_ok=True)
    image = sitk.GetImageFromArray(np.ascontiguousarray(array.T))
    image.SetSpacing(geometry.get("spacing", (0.5, 0.6, 2.0)))
    image.SetOrigin(geometry.get("origin", (3.0, -4.0, 5.0)))
    image.SetDirection(geometry.get("direction", np.eye(3).ravel()))
    sitk.WriteImage(image, str(path), useCompression=geometry.get("compressed", False))
    return path


def pictures(count: int = 3) -> None:
    """Grey ones of a level each, and masks of 0 and 255."""
    for k in range(count):
        save(f"images/c{k}.png", GREY // 2 + np.uint8(k))
        save(f"masks/c{k}.png", np.roll(MASK, k, axis=0) * np.uint8(255))


def load(split: str = "all", **args: Any) -> Volumes:
    asked = {"images": "images", "masks": "masks", "labels": ["cell"], **args}
    return pairs.load(split, None, **asked)


def print_of(**args: Any) -> str:
    return pairs.fingerprint(
        None, **{"images": "images", "masks": "masks", "labels": ["cell"], **args}
    )


def refusal(name: str = "", split: str = "all", **args: Any) -> str:
    """What is said of loading, or of reading the case `name`."""

    def both() -> None:
        found = load(split, **args)
        if name:
            found.read(name)

    with pytest.raises(HarnessError) as caught:
        both()
    said = str(caught.value)
    assert "\n" not in said
    return said


def same(a: Case, b: Case) -> None:
    np.testing.assert_array_equal(a.image, b.image)
    np.testing.assert_allclose(a.affine, b.affine, atol=1e-5)
    np.testing.assert_allclose(a.spacing, b.spacing, rtol=1e-6)
    assert (a.mask is None) == (b.mask is None)
    if a.mask is not None and b.mask is not None:
        np.testing.assert_array_equal(a.mask, b.mask)


def one(grid: Grid) -> Case:
    return case("a", [grid], None, {})


# Formats against other libraries


@settings(deadline=None, max_examples=25)
@given(
    axes=st.permutations(range(3)),
    signs=st.tuples(*[st.sampled_from([-1.0, 1.0])] * 3),
    angle=st.sampled_from([0.0, 0.2]),
    spacing=st.tuples(*[st.floats(0.2, 5.0)] * 3),
    kind=st.sampled_from(["int16", "uint8", "float32", "int32", "uint16"]),
    ending=st.sampled_from(["mha", "mhd", "nrrd"]),
    compressed=st.booleans(),
)
def test_metaimage_is_the_case_that_nifti_is(
    axes: list[int],
    signs: tuple[float, ...],
    angle: float,
    spacing: tuple[float, ...],
    kind: str,
    ending: str,
    compressed: bool,
) -> None:
    turned = np.array([[np.cos(angle), -np.sin(angle), 0], [np.sin(angle), np.cos(angle), 0]])
    direction = np.vstack([turned, [0, 0, 1]]) @ (np.eye(3)[axes] * signs)
    array = np.random.default_rng(1).integers(0, 200, (4, 5, 6)).astype(kind)
    how = {"spacing": spacing, "direction": direction.ravel(), "compressed": compressed}
    with tempfile.TemporaryDirectory() as folder:
        ours = read_metaimage(itk(f"{folder}/a.{ending}", array, **how))
        theirs = read_nifti(itk(f"{folder}/a.nii.gz", array, **how))
    assert ours.array.dtype == kind
    same(one(ours), one(theirs))


def test_64_bits_are_read_as_32() -> None:
    grid = read_metaimage(itk("a.mha", VOLUME.astype(np.float64)))
    assert grid.array.dtype == np.float32
    np.testing.assert_array_equal(grid.array, VOLUME)


@pytest.mark.parametrize(
    ("name", "pixels"),
    [
        ("a.png", GREY),
        ("a.png", DEEP),
        ("a.png", COLOUR),
        ("a.PNG", GREY),
        ("a.bmp", GREY),
        ("a.tif", GREY),
        ("a.TIFF", DEEP),
        ("a.tif", COLOUR),
        ("a.tif", GREY.astype(np.float32) / 7),
        ("a.jpg", GREY),
        ("a.jpeg", COLOUR),
    ],
)
def test_a_picture_is_where_itk_puts_it(name: str, pixels: NDArray[Any]) -> None:
    path = save(name, pixels, **({"subsampling": 0} if "j" in name else {}))
    grid = read_picture(path, (0.5, 0.25))
    if not name.startswith("a.j"):
        np.testing.assert_array_equal(np.squeeze(grid.array.T), pixels)
        assert grid.array.dtype == pixels.dtype
    theirs = sitk.GetArrayFromImage(sitk.ReadImage(str(path)))
    if name == "a.bmp":  # which has a palette of greys
        theirs = theirs[..., 0]
    assert np.abs(np.squeeze(grid.array.T).astype(float) - theirs).max() <= (
        2 if "j" in name else 0
    )
    assert about(path) == (3 if pixels.ndim == 3 else 1, 1)
    volume = sitk.JoinSeries(sitk.GetImageFromArray(theirs, isVector=pixels.ndim == 3))
    volume.SetSpacing((0.5, 0.25, 1.0))
    if pixels.ndim == 2 and "j" not in name:
        sitk.WriteImage(volume, "a.nii.gz")
        same(one(grid), one(read_nifti(Path("a.nii.gz"))))


@pytest.mark.parametrize("kind", [np.uint8, np.uint16, np.float32])
def test_a_stack_of_pages_is_a_volume(kind: type[Any]) -> None:
    stack = RNG.integers(0, 200, (4, 7, 5)).astype(kind)
    first, *rest = (Image.fromarray(page) for page in stack)
    first.save("a.tif", save_all=True, append_images=rest)
    grid = read_picture(Path("a.tif"), (0.5, 0.25, 3.0))
    np.testing.assert_array_equal(grid.array, np.transpose(stack))
    np.testing.assert_array_equal(grid.array.T, sitk.GetArrayFromImage(sitk.ReadImage("a.tif")))
    assert about(Path("a.tif")) == (1, 4)
    assert np.abs(np.diag(grid.affine)).tolist() == [0.5, 0.25, 3.0, 1.0]


def test_a_picture_of_any_mode_has_one_channel_or_three() -> None:
    grey, colour = Image.fromarray(GREY), Image.fromarray(COLOUR)
    expected = {"1": 1, "L": 1, "LA": 1, "I": 1, "P": 3, "RGBA": 3, "RGB": 3}
    for mode, channels in expected.items():
        path = Path(f"{mode}.tif" if mode == "I" else f"{mode}.png")
        (grey if channels == 1 else colour).convert(mode).save(path)
        grid = read_picture(path)
        assert (grid.array.ndim == 3) == (channels == 1), mode
        assert about(path) == (channels, 1), mode
    np.testing.assert_array_equal(read_picture(Path("LA.png")).array[..., 0].T, GREY)
    np.testing.assert_array_equal(read_picture(Path("RGBA.png")).array[..., 0].T, COLOUR)
    assert set(np.unique(read_picture(Path("1.png")).array)) == {0, 255}


def test_a_palette_is_labels_in_a_mask_and_colours_in_an_image() -> None:
    labels = Image.fromarray(MASK * np.uint8(2), mode=None).convert("P")
    labels.putdata((MASK * np.uint8(2)).ravel().tolist())
    labels.putpalette([0, 0, 0, 255, 0, 0, 0, 255, 0])
    labels.save("a.png")
    np.testing.assert_array_equal(
        read_picture(Path("a.png"), labels=True).array[..., 0].T, MASK * 2
    )
    colours = read_picture(Path("a.png")).array
    np.testing.assert_array_equal(colours[1, ..., 0].T, MASK * 255)


# Pairs


def test_a_picture_and_its_mask_are_a_case() -> None:
    pictures()
    found = load()
    assert found.ids.tolist() == ["c0", "c1", "c2"]
    assert (found.classes, found.channels, found.flat, found.split) == (("cell",), 1, True, "all")
    assert found.subjects is not None
    assert found.subjects.tolist() == ["c0", "c1", "c2"]
    read = found.read("c1")
    assert (read.id, read.spacing, read.image.shape) == ("c1", (1.0, 1.0, 1.0), (1, 5, 7, 1))
    assert read.mask is not None
    np.testing.assert_array_equal(read.mask[::-1, ::-1, 0].T, np.roll(MASK, 1, axis=0))
    np.testing.assert_array_equal(read.image[0, ::-1, ::-1, 0].T, GREY // 2 + 1)
    assert load(spacing=[0.5, 0.25]).read("c1").spacing == (0.5, 0.25, 1.0)


def test_names_of_a_breast_cell_set_go_together() -> None:
    for number in (10, 9):
        for kind in ("benign1", "malignant2"):
            save(f"Images/ytma{number}_010704_{kind}_ccd.tif", COLOUR)
            save(f"Masks/ytma{number}_010704_{kind}.TIF", MASK * np.uint8(255), format="TIFF")
    found = load(
        images="Images",
        masks="Masks",
        image_name="([^/]+)_ccd[.]tif$",
        subject="(ytma[0-9]+)_",
    )
    assert found.ids.tolist() == [
        *("ytma9_010704_benign1", "ytma9_010704_malignant2"),
        *("ytma10_010704_benign1", "ytma10_010704_malignant2"),
    ]
    assert found.subjects is not None
    assert found.subjects.tolist() == ["ytma9", "ytma9", "ytma10", "ytma10"]
    assert (found.channels, found.flat) == (3, True)
    assert found.read("ytma9_010704_benign1").image.shape == (3, 5, 7, 1)


def test_one_folder_may_hold_both() -> None:
    for k in (1, 2):
        save(f"all/p{k}/scan.png", GREY)
        save(f"all/p{k}/scan_mask.png", MASK)
    names = {"image_name": "/(p[0-9])/", "mask_name": "/(p[0-9])/"}
    found = load(images="all/*/scan.png", masks="all/*/*_mask.png", **names)
    assert found.ids.tolist() == ["p1", "p2"]
    names = {"image_name": "(p.)/(sc)", "mask_name": "(p.)/(sc)"}
    assert load(images="all/*/scan.png", masks="all/*/*_mask.png", **names).ids.tolist() == [
        "p1-sc",
        "p2-sc",
    ]
    said = refusal(images="all/*/scan.png", masks="all/*/*_mask.png")
    assert said.startswith(
        "all/p2/scan.png must be of a case of its own, got 'scan' as all/p1/scan"
    )
    assert said.endswith("set args.image_name")


def test_hidden_files_and_notes_are_no_cases() -> None:
    pictures(2)
    for name in ("._c0.png", ".DS_Store", "Thumbs.db", "README.txt", "list.csv"):
        Path("images", name).write_bytes(b"note")
    Path("masks/.cache").mkdir()
    assert load().ids.tolist() == ["c0", "c1"]


def test_official_parts_are_folders() -> None:
    for part, names in {"train": ["1", "2"], "test": ["1"]}.items():
        for name in names:
            save(f"{part}/images/{name}.png", GREY)
            save(f"{part}/masks/{name}.png", MASK)
    where = {"images": "{split}/images", "masks": "{split}/masks"}
    assert load("train", **where).ids.tolist() == ["train-1", "train-2"]
    assert load("test", **where).ids.tolist() == ["test-1"]
    assert load("all", **where).ids.tolist() == ["train-1", "train-2", "test-1"]
    assert load("test", **where).read("test-1").id == "test-1"
    assert refusal(split="val", **where).startswith(
        "images must be divided, got no val in '{split}"
    )
    assert refusal(**where, subject="(.)").startswith(
        "test/images/1.png must be of somebody who is in one part, got '1' in train and test"
    )
    assert refusal(images="{split}/images", masks="train/masks").startswith(
        "images and masks must both have {split} in their names or neither, got '{split}/images'"
    )
    pictures()
    assert refusal(split="train").startswith("images must be divided, got no train in 'images'")


def test_an_image_without_a_mask_is_refused_when_it_is_read() -> None:
    pictures()
    Path("masks/c1.png").unlink()
    Path("images/c2.png").unlink()
    found = load()
    assert found.ids.tolist() == ["c0", "c1", "c2"]
    assert found.read("c0").id == "c0"
    assert (
        refusal("c1") == "images/c1.png must have a mask named c1, got none; bring it or remove it"
    )
    assert refusal("c2").startswith("masks/c2.png must have an image named c2, got none")


def test_a_case_of_two_files_is_refused() -> None:
    pictures()
    save("images/c1.tif", GREY)
    assert refusal().startswith(
        "images/c1.tif must be of a case of its own, got 'c1' as images/c1.png; remove one"
    )


# Formats that go together


def test_a_series_goes_with_nifti_and_with_a_segmentation() -> None:
    truth = np.zeros(series.SHAPE, dtype=np.uint8)
    truth[2:5, 1:4, 2:4] = 1
    truth[6:9, 5:8, 3:5] = 2
    for k in range(2):
        paths = series.write(Path(f"ct/p{k}/scan"), series.volume(seed=k))
        itk(f"labels/p{k}.nii.gz", truth, spacing=series.SPACING, origin=(-30.0, 20.0, 5.0))
        both = np.stack([truth == 1, truth == 2])
        series.segment(Path(f"seg/p{k}/seg.dcm"), paths, both, ["Liver", "Tumour"])
        series.segment(Path(f"segs/p{k}.dcm"), paths, both, ["Liver", "Tumour"])
        itk(f"mhd/p{k}.mhd", series.volume(seed=k), spacing=series.SPACING, origin=(-30, 20, 5))
    made = {"images": "ct", "labels": ["liver", "tumour"]}
    by_label = load(**made, masks="labels")
    assert (by_label.ids.tolist(), by_label.flat, by_label.channels) == (["p0", "p1"], False, 1)
    expected = by_label.read("p1")
    assert expected.mask is not None
    assert np.bincount(expected.mask.ravel())[1:].tolist() == [18, 18]
    for masks in ("seg", "segs", "seg/*", "seg/*/seg.dcm"):
        name = "/(p.)" if masks.endswith("dcm") and "/" in masks else ""
        same(load(**made, masks=masks, mask_name=name).read("p1"), expected)
    same(load(**{**made, "images": "mhd"}, masks="segs").read("p1"), expected)
    tumour = load(**made, masks="segs", classes=["tumour"]).read("p0").mask
    assert tumour is not None
    np.testing.assert_array_equal(tumour, expected.mask == 2)
    turned = load(**made, masks="segs", values=[2, 1]).read("p0").mask
    assert turned is not None
    np.testing.assert_array_equal(turned[expected.mask > 0], 3 - expected.mask[expected.mask > 0])


def test_a_series_of_labels_is_a_mask() -> None:
    truth = np.zeros(series.SHAPE, dtype=np.int16)
    truth[2:5, 1:4, 2:4] = 255
    series.write(Path("ct/a"), series.volume())
    series.write(Path("masks/a"), truth, intercept=0)
    mask = load(images="ct").read("a").mask
    assert mask is not None
    assert mask.sum() == 18


# Labels


def labelled(mask: NDArray[Any], **args: Any) -> list[int]:
    """The indices of what a mask of one row holds; the picture beside it is anything."""
    save("images/a.png", np.arange(mask.size, dtype=np.uint8)[None])
    save("masks/a.png", mask[None])
    found = load(**args).read("a").mask
    assert found is not None
    return [int(index) for index in found[::-1, 0, 0]]


def test_stored_numbers_are_classes() -> None:
    stored = np.array([0, 1, 2, 3, 3], np.uint8)
    three = {"labels": ["a", "b", "c"]}
    assert labelled(stored, **three) == [0, 1, 2, 3, 3]
    assert labelled(stored, **three, classes=["c", "a"]) == [0, 2, 0, 1, 1]
    assert labelled(stored, **three, merge={"b": ["a", "b"]}) == [0, 1, 1, 2, 2]
    assert labelled(stored * 80, **three, values=[240, 80, 160]) == [0, 2, 3, 1, 1]


@pytest.mark.parametrize("value", [1, 7, 255])
def test_of_one_label_any_one_number_is_it(value: int) -> None:
    stored = np.array([0, 1, 0, 1], np.uint8)
    assert labelled(stored * np.uint8(value)) == [0, 1, 0, 1]
    assert labelled(stored * np.uint8(0)) == [0, 0, 0, 0]


def test_of_one_label_two_numbers_are_not() -> None:
    assert "masks/a.png must have labels of 0, 255, got 1;" in _said(
        np.array([0, 1, 255], np.uint8)
    )
    assert "must have labels of 0, 1, got 255;" in _said(
        np.array([0, 1, 255], np.uint8), values=[1]
    )
    assert "of 0, 1, 2, got 3;" in _said(np.array([0, 1, 3], np.uint8), labels=["a", "b"])


def _said(mask: NDArray[Any], **args: Any) -> str:
    with pytest.raises(HarnessError) as caught:
        labelled(mask, **args)
    return str(caught.value)


def test_above_a_number_is_the_label() -> None:
    assert labelled(np.array([0, 3, 128, 250], np.uint8), above=127) == [0, 0, 1, 1]
    assert labelled(np.array([0, 3, 128, 250], np.uint8), above=0) == [0, 1, 1, 1]
    save("images/b.png", GREY)
    save("masks/b.jpg", np.repeat(np.arange(2, dtype=np.uint8) * 255, 35).reshape(10, 7)[:7, :5])
    found = load(above=127).read("b").mask
    assert found is not None
    assert set(np.unique(found)) <= {0, 1}


def test_grey_colours_are_labels_and_others_are_not() -> None:
    pictures(1)
    save("masks/c0.png", np.repeat(MASK[..., None] * np.uint8(255), 3, axis=2))
    mask = load().read("c0").mask
    assert mask is not None
    np.testing.assert_array_equal(mask[::-1, ::-1, 0].T, MASK)
    save("masks/c0.png", COLOUR)
    assert refusal("c0") == (
        "masks/c0.png must be a whole picture, got: colours in place of labels"
    )


# What is wrong


@pytest.mark.parametrize(
    ("args", "sentence"),
    [
        ({"labels": []}, "labels must name what is segmented, got 'none'"),
        ({"labels": ["a", "a"]}, "labels must be each named once, got ['a', 'a']"),
        ({"labels": ["a", "A"]}, "labels must differ by more than capitals, got "),
        ({"values": [1, 2]}, "values must be 1, as labels, got 2"),
        ({"values": [0]}, "values must be above 0, the background, got 0"),
        (
            {"labels": ["a", "b"], "values": [3, 3]},
            "values must be each named once, got ['3', '3']",
        ),
        ({"above": 3, "values": [1]}, "above must go with one label and no values, got 3"),
        ({"classes": ["x"]}, "classes must be of cell, got 'x'"),
        ({"merge": {"x": ["y"]}}, "merge must be of cell, got 'y'"),
        (
            {"images": "nowhere"},
            "images must be a folder below . or a pattern of files in it, got ",
        ),
        ({"masks": "*.nii"}, "masks must be a folder below . or a pattern of files in it, got not"),
        (
            {"images": "../images"},
            "images must be below the data root, got ../images; name it from",
        ),
        ({"image_name": "c("}, "image_name must be an expression, got 'c(': missing ), unterminat"),
        ({"image_name": "c"}, "image_name must find a group without a slash in images/c0.png, got"),
        ({"mask_name": "(x)"}, "mask_name must find a group without a slash in masks/c0.png, got "),
        ({"mask_name": "(.+)"}, "mask_name must find a group without a slash in masks/c0.png, got"),
        ({"subject": "(p)"}, "subject must find a group without a slash in c0, got 'none' by '(p)"),
        ({"image_name": "/(.+)"}, ". must have an image and a mask of one name, got ['c0.png', 'c"),
        ({"spacing": [1.0]}, "spacing must be two or three lengths above 0, in mm, got [1.0]"),
        ({"spacing": [1.0, 0.0]}, "spacing must be two or three lengths above 0, in mm, got [1.0,"),
        ({"split": "none"}, "split must be one of train, val, test, all, got 'none'"),
    ],
)
def test_what_does_not_fit_is_one_sentence(args: dict[str, Any], sentence: str) -> None:
    pictures()
    assert refusal(**args).startswith(sentence), refusal(**args)


def test_a_folder_without_images_is_named() -> None:
    pictures()
    Path("empty").mkdir()
    assert refusal(images="empty").startswith("images must be a folder below . or a pattern of fil")
    assert "got nothing in 'empty'; name the root by --data" in refusal(images="empty")


def test_spacing_is_of_pictures() -> None:
    itk("images/a.mha", VOLUME)
    itk("masks/a.mha", (VOLUME > 0).astype(np.uint8))
    assert refusal(spacing=[1.0, 1.0]) == "spacing must go with pictures, got [1.0, 1.0]"


def cut(path: str, count: int) -> None:
    data = Path(path).read_bytes()
    Path(path).write_bytes(data[:count])


def test_a_broken_picture_is_named_and_others_are_read() -> None:
    pictures()
    Path("images/c0.png").write_text("no picture")
    cut("images/c1.png", 60)
    assert load().channels == 1
    assert refusal("c0").startswith("images/c0.png must be a whole picture, got: cannot identify")
    assert refusal("c1").startswith("images/c1.png must be a whole picture, got: ")
    assert load().read("c2").id == "c2"
    cut("masks/c2.png", 60)
    assert refusal("c2").startswith("masks/c2.png must be a whole picture, got: ")


def test_pictures_of_one_set_are_alike() -> None:
    pictures()
    save("images/c1.png", COLOUR)
    assert refusal("c1") == (
        "images/c1.png must have 1 channels as the others, got 3; make all of them grey or all "
        "coloured"
    )
    save("masks/c2.png", MASK[:5])
    assert refusal("c2").startswith(
        "masks/c2.png must have the shape (5, 7, 1) of c2.png, got (5, 5, 1); bring both to one"
    )
    save("images/c0.png", np.full_like(GREY, 9))
    assert refusal("c0").startswith("images/c0.png must show something, got 9 in every voxel")


def test_pages_of_one_file_are_alike() -> None:
    Image.fromarray(GREY).save("a.tif", save_all=True, append_images=[Image.fromarray(GREY[:5])])
    with pytest.raises(
        HarnessError, match=r"a\.tif must be a whole picture, got: all input arrays"
    ):
        read_picture(Path("a.tif"))


def test_a_broken_metaimage_is_named() -> None:
    itk("images/a.mhd", VOLUME)
    itk("masks/a.mhd", (VOLUME > 0).astype(np.uint8))
    assert load().read("a").mask is not None
    cut("images/a.raw", 100)
    assert refusal("a").startswith("images/a.mhd must be a whole image with its data, got: ")
    Path("images/a.raw").unlink()
    assert refusal("a").startswith("images/a.mhd must be a whole image with its data, got: ")
    itk("images/a.mhd", VOLUME)
    Path("masks/a.mhd").write_text("no header")
    assert refusal("a").startswith("masks/a.mhd must be a whole image with its data, got: ")


def test_a_metaimage_has_three_axes_and_one_number() -> None:
    sitk.WriteImage(sitk.GetImageFromArray(GREY), "flat.mha")
    sitk.WriteImage(sitk.GetImageFromArray(np.stack([VOLUME] * 2, -1), isVector=True), "two.mha")
    for name, got in {"flat.mha": "2 axes and 1", "two.mha": "3 axes and 2"}.items():
        with pytest.raises(HarnessError) as caught:
            read_metaimage(Path(name))
        assert str(caught.value) == (
            f"{name} must have three axes and one number a voxel, got {got}; save a channel of it"
        )


def test_masks_lie_where_their_images_are() -> None:
    itk("images/a.mha", VOLUME)
    itk("masks/a.nii.gz", (VOLUME > 0).astype(np.uint8))
    assert load().read("a").mask is not None
    itk("masks/a.nii.gz", (VOLUME > 0).astype(np.uint8), origin=(3.0, -4.0, 5.3))
    assert refusal("a").startswith(
        "masks/a.nii.gz must have the affine of a.mha, got one that differs by 0.3 mm"
    )
    itk("masks/a.nii.gz", np.where(VOLUME > 0, np.nan, 0).astype(np.float32))
    assert refusal("a").startswith("masks/a.nii.gz must have finite labels, got nan; mend the mask")


# Fingerprints


def test_a_fingerprint_is_of_contents_and_of_how_they_are_read() -> None:
    pictures()
    before = print_of()
    other = {
        print_of(labels=["nucleus"]),
        print_of(values=[255]),
        print_of(above=127),
        print_of(subject="(c).", labels=["cell"]),
        print_of(spacing=[0.5, 0.5]),
        print_of(image_name="/(.+)[.]png", mask_name="/(.+)[.]png"),
    }
    assert len(other - {before}) == 5
    assert before in other
    Path("moved").mkdir()
    Path("images").rename("moved/pictures")
    assert print_of(images="moved/pictures") == before
    save("moved/pictures/c1.png", GREY)
    assert print_of(images="moved/pictures") != before
    Path("moved/pictures/c1.png").unlink()
    assert print_of(images="moved/pictures") not in (before, *other)


def test_a_fingerprint_knows_data_beside_a_header_and_slices() -> None:
    itk("images/a.mhd", VOLUME)
    series.write(Path("images/b"), series.volume())
    for name in "ab":
        itk(f"masks/{name}.nii", (VOLUME > 0).astype(np.uint8))
    before = print_of()
    raw = Path("images/a.raw")
    old = raw.read_bytes()
    raw.write_bytes(old[:-1] + bytes([old[-1] ^ 1]))
    os.utime(raw, (1, 1))
    changed = print_of()
    assert changed != before
    raw.write_bytes(old)
    assert print_of() == before
    first = min(Path("images/b").iterdir())
    first.rename("images/b/another-name")
    assert print_of() == before
    Path("images/b/another-name").unlink()
    assert print_of() != before


def test_a_suite_can_check_every_argument() -> None:
    arguments = shelf.arguments("datasets", "pairs", "load")
    assert {each.hint for each in arguments.values()} <= rules.HINTS.keys()
    required = [name for name, each in arguments.items() if each.required]
    assert required == ["images", "masks", "labels"]
