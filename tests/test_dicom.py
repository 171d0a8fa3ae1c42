"""DICOM: series put together as ITK does, or refused by name; segmentations on their grid."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import highdicom as hd
import numpy as np
import pydicom
import pytest
import series
import SimpleITK as sitk
from numpy.typing import NDArray
from pydicom.uid import RLELossless

from harness.datasets._case import Grid, case
from harness.datasets._dicom import read_series
from harness.datasets._dicom_masks import read_segmentation, segmentation
from harness.errors import HarnessError

TILT = np.sin(0.3), np.cos(0.3)
ACROSS = {
    "axial": series.AXIAL,
    "feet-first": (-1.0, 0.0, 0.0, 0.0, 1.0, 0.0),
    "sagittal": (0.0, 1.0, 0.0, 0.0, 0.0, -1.0),
    "coronal": (1.0, 0.0, 0.0, 0.0, 0.0, -1.0),
    "oblique": (TILT[1], TILT[0], 0.0, -TILT[0], TILT[1], 0.0),
    "double-oblique": (TILT[1], 0.0, TILT[0], TILT[0] ** 2, TILT[1], -TILT[0] * TILT[1]),
}
NAMED = {"liver": 1, "tumour": 2}


@pytest.fixture(autouse=True)
def _here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def by_itk(folder: Path) -> tuple[NDArray[Any], NDArray[np.float64]]:
    """The array (X, Y, Z) of a folder, and its RAS affine."""
    reader = sitk.ImageSeriesReader()
    reader.SetFileNames(reader.GetGDCMSeriesFileNames(str(folder)))
    image = reader.Execute()
    corners = [(0, 0, 0), (1, 0, 0), (0, 1, 0), (0, 0, 1)]
    start, *steps = (np.array(image.TransformIndexToPhysicalPoint(corner)) for corner in corners)
    affine = np.eye(4)
    affine[:3] = np.column_stack([*(step - start for step in steps), start])
    affine[:2] *= -1
    return sitk.GetArrayFromImage(image).T, affine


def refusal(call: Callable[[], Any]) -> str:
    with pytest.raises(HarnessError) as caught:
        call()
    said = str(caught.value)
    assert "\n" not in said
    return said


@pytest.mark.parametrize("across", ACROSS.values(), ids=ACROSS)
def test_a_series_is_what_itk_makes_of_it(across: tuple[float, ...]) -> None:
    hu = series.volume()
    series.write(Path("ct"), hu, across=across)
    grid = read_series(Path("ct"))
    array, affine = by_itk(Path("ct"))
    np.testing.assert_array_equal(grid.array, array)
    np.testing.assert_allclose(grid.affine, affine, atol=1e-5)
    np.testing.assert_array_equal(grid.array, hu)
    assert grid.array.dtype == np.int16


def test_files_may_have_any_names_and_folders() -> None:
    hu = series.volume()
    paths = series.write(Path("ct"), hu, names=[f"{9 - k}.dcm" for k in range(hu.shape[2])])
    Path("ct/more").mkdir()
    paths[2].rename("ct/more/x")
    Path("ct/.DS_Store").write_bytes(b"note")
    Path("ct/DICOMDIR").write_bytes(b"index")
    np.testing.assert_array_equal(read_series(Path("ct")).array, hu)


@pytest.mark.parametrize(
    ("slope", "intercept", "kind"),
    [(1, -1024, np.int16), (1, 40_000, np.int32), (0.5, -1024, np.float32)],
)
def test_numbers_are_rescaled(slope: float, intercept: float, kind: type[Any]) -> None:
    hu = series.volume().astype(np.float64) + max(0, intercept + 1000)
    series.write(Path("ct"), hu, slope=slope, intercept=intercept)
    grid = read_series(Path("ct"))
    assert grid.array.dtype == kind
    np.testing.assert_array_equal(grid.array, hu)
    np.testing.assert_array_equal(grid.array, by_itk(Path("ct"))[0])


def test_slices_may_have_scales_of_their_own() -> None:
    hu = series.volume()
    paths = series.write(Path("ct"), hu)
    for k, (slope, intercept) in {1: (1.5, 0), 4: (1, 100_000)}.items():
        series.change(paths[k], RescaleSlope=slope, RescaleIntercept=intercept)
    found, raw = read_series(Path("ct")).array, hu + 1024.0
    assert found.dtype == np.float32
    expected = hu.astype(np.float64)
    expected[..., 1], expected[..., 4] = raw[..., 1] * 1.5, raw[..., 4] + 100_000
    np.testing.assert_array_equal(found, expected)


def test_one_file_is_a_volume_of_one_slice() -> None:
    hu = series.volume((12, 10, 1))
    (path,) = series.write(Path("ct"), hu)
    one = read_series(path)
    np.testing.assert_array_equal(one.array, hu)
    assert one.affine[2, 2] == series.SPACING[2]
    np.testing.assert_array_equal(one.affine, read_series(Path("ct")).affine)


def _lost(paths: list[Path]) -> None:
    paths[2].unlink()


def _lost_two(paths: list[Path]) -> None:
    paths[2].unlink()
    paths[3].unlink()


def _moved(paths: list[Path]) -> None:
    x, y, z = pydicom.dcmread(paths[5]).ImagePositionPatient
    series.change(paths[5], ImagePositionPatient=[x, y, float(z) + 0.9])


def _tilted(paths: list[Path]) -> None:
    for k, path in enumerate(paths):
        x, y, z = pydicom.dcmread(path).ImagePositionPatient
        series.change(path, ImagePositionPatient=[x, float(y) + 0.1 * k, z])


def _twice(paths: list[Path]) -> None:
    paths[1].with_name("copy").write_bytes(paths[1].read_bytes())


def _cut(paths: list[Path]) -> None:
    paths[3].write_bytes(paths[3].read_bytes()[:-100])


def _cut_early(paths: list[Path]) -> None:
    paths[3].write_bytes(paths[3].read_bytes()[:400])


def _text(paths: list[Path]) -> None:
    paths[3].with_name("notes.txt").write_text("taken on Monday")


def _empty(paths: list[Path]) -> None:
    paths[3].write_bytes(b"")


def _no_pixels(paths: list[Path]) -> None:
    series.change(paths[3], PixelData=None)


def _no_place(paths: list[Path]) -> None:
    series.change(paths[3], ImagePositionPatient=None)


def _colour(paths: list[Path]) -> None:
    series.change(paths[3], SamplesPerPixel=3)


def _many_frames(paths: list[Path]) -> None:
    series.change(paths[3], NumberOfFrames=4)


def _larger(paths: list[Path]) -> None:
    series.change(paths[3], Rows=11)


def _turned(paths: list[Path]) -> None:
    series.change(paths[3], ImageOrientationPatient=list(ACROSS["coronal"]))


def _zoomed(paths: list[Path]) -> None:
    series.change(paths[3], PixelSpacing=[0.8, 0.71])


def _another(paths: list[Path]) -> None:
    series.change(paths[3], SeriesInstanceUID="1.2.3")


def _none(paths: list[Path]) -> None:
    for path in paths:
        path.unlink()


@pytest.mark.parametrize(
    ("fault", "sentence"),
    [
        (
            _lost,
            "{3} must be 2.5 mm from {1.name}, as slices are elsewhere, got 5 mm, so 1 between",
        ),
        (_lost_two, "{4} must be 2.5 mm from {1.name}, as slices are elsewhere, got 7.5 mm, so 2 "),
        (_moved, "{5} must be 2.5 mm from {4.name}, as slices are elsewhere, got 3.4 mm; resample"),
        (_tilted, "{4} must lie straight above {0.name}, got 0.4 mm beside; resample what was"),
        (_twice, "ct/copy must be at a place of its own, got that of {1}"),
        (_cut, "{3} must have pixel data, got: The number of bytes of pixel data is less than"),
        (_cut_early, "{3} must be a grey slice that says where it is, got: "),
        (_text, "ct/notes.txt must be a whole DICOM file, got: "),
        (_empty, "{3} must be a whole DICOM file, got: "),
        (_no_pixels, "{3} must have pixel data, got: "),
        (_no_place, "{3} must be a grey slice that says where it is, got: it has no attribute "),
        (_colour, "{3} must be a grey slice that says where it is, got: more than one frame, or"),
        (_many_frames, "{3} must be a grey slice that says where it is, got: more than one frame"),
        (_larger, "{3} must have the size of {first.name}, 10, 12, got 11, 12; leave out what is"),
        (_turned, "{3} must have the orientation of {first.name}, 1, 0, 0, 0, 1, 0, got 1, 0, 0"),
        (_zoomed, "{3} must have the pixel spacing of {first.name}, 0.8, 0.7, got 0.8, 0.71"),
        (_another, "ct must hold one DICOM series, got 2: 1.2.3, "),
        (_none, "ct must hold the files of a DICOM series, got none; bring them"),
    ],
)
def test_a_broken_series_is_one_sentence(
    fault: Callable[[list[Path]], None], sentence: str
) -> None:
    paths = series.write(Path("ct"), series.volume())
    fault(paths)
    said = refusal(lambda: read_series(Path("ct")))
    expected = sentence.format(*paths, first=min(paths))
    if fault is _twice:
        assert said.startswith(
            (expected, f"{paths[1]} must be at a place of its own, got that of ct/copy")
        )
    else:
        assert said.startswith(expected), said


def test_the_smaller_of_two_gaps_is_the_usual_one() -> None:
    paths = series.write(Path("ct"), series.volume((12, 10, 4)))
    paths[1].unlink()
    assert "got 5 mm, so 1 between them are missing" in refusal(lambda: read_series(Path("ct")))


# Segmentations


def blobs() -> NDArray[np.bool_]:
    """(2, X, Y, Z), not mirror images of themselves, and apart."""
    masks = np.zeros((2, *series.SHAPE), dtype=bool)
    masks[0, 2:6, 3:5, 1:3] = True
    masks[0, 2, 7, 1] = True
    masks[1, 7:9, 1:7, 2:5] = True
    return masks


def image(**how: Any) -> tuple[list[Path], Grid]:
    paths = series.write(Path("ct"), series.volume(), **how)
    return paths, read_series(Path("ct"))


@pytest.mark.parametrize("across", ACROSS.values(), ids=ACROSS)
@pytest.mark.parametrize("kind", ["BINARY", "FRACTIONAL", "LABELMAP"])
def test_a_segmentation_is_where_its_voxels_are(kind: str, across: tuple[float, ...]) -> None:
    paths, grid = image(across=across)
    series.segment(Path("seg.dcm"), paths, blobs(), ["Liver", "tumour "], kind)
    path = segmentation(Path("seg.dcm"))
    assert path == Path("seg.dcm")
    found = read_segmentation(path, grid, NAMED, {})
    np.testing.assert_array_equal(found.array, blobs()[0] + 2 * blobs()[1])
    np.testing.assert_array_equal(found.affine, grid.affine)


def test_a_segmentation_is_as_highdicom_reads_it() -> None:
    paths, grid = image(across=ACROSS["oblique"])
    series.segment(Path("seg/x.dcm"), paths, blobs(), ["liver", "tumour"])
    volume = hd.seg.segread("seg/x.dcm").get_volume(combine_segments=True)
    found = case("a", [grid], read_segmentation(Path("seg/x.dcm"), grid, NAMED, {}), {1: 1, 2: 2})
    mask = found.mask
    assert mask is not None
    theirs = np.argwhere(volume.array > 0)
    place = volume.map_indices_to_reference(theirs) * [-1, -1, 1]
    ours = np.rint((place - found.affine[:3, 3]) @ np.linalg.inv(found.affine[:3, :3]).T)
    assert len(theirs) == (mask > 0).sum()
    assert [mask[tuple(voxel)] for voxel in ours.astype(int)] == volume.array[
        tuple(theirs.T)
    ].tolist()


def test_segments_go_by_label_or_by_number() -> None:
    paths, grid = image()
    masks = blobs()
    labels = ["tumour", "liver"]
    series.segment(Path("seg.dcm"), paths, masks[::-1], labels, "LABELMAP", RLELossless)
    read = read_segmentation(Path("seg.dcm"), grid, NAMED, {})
    np.testing.assert_array_equal(read.array, masks[0] + 2 * masks[1])
    read = read_segmentation(Path("seg.dcm"), grid, {}, {1: 1, 2: 2})
    np.testing.assert_array_equal(read.array, masks[1] + 2 * masks[0])
    read = read_segmentation(Path("seg.dcm"), grid, {"liver": 0, "tumour": 1}, {})
    np.testing.assert_array_equal(read.array, masks[1])


@pytest.mark.parametrize("kind", ["BINARY", "LABELMAP"])
def test_a_segment_that_is_not_there_is_empty(kind: str) -> None:
    paths, grid = image()
    series.segment(Path("seg.dcm"), paths, blobs()[1:], ["tumour"], kind)
    read = read_segmentation(Path("seg.dcm"), grid, NAMED, {})
    np.testing.assert_array_equal(read.array, 2 * blobs()[1])


def test_segments_of_one_class_may_overlap() -> None:
    paths, grid = image()
    masks = blobs()
    masks[0] |= masks[1]
    series.segment(Path("seg.dcm"), paths, masks, ["liver", "tumour"])
    read = read_segmentation(Path("seg.dcm"), grid, {"liver": 1, "tumour": 1}, {})
    np.testing.assert_array_equal(read.array, masks[0])
    read = read_segmentation(Path("seg.dcm"), grid, {"liver": 0, "tumour": 1}, {})
    np.testing.assert_array_equal(read.array, masks[1])
    said = refusal(lambda: read_segmentation(Path("seg.dcm"), grid, NAMED, {}))
    assert said.startswith("seg.dcm: frame ")
    assert "must have one class a voxel, got segments of two in one" in said


def test_a_series_is_no_segmentation() -> None:
    paths, _ = image()
    series.segment(Path("two/a.dcm"), paths, blobs(), ["liver", "tumour"])
    assert segmentation(Path("two")) == Path("two/a.dcm")
    Path("two/b.dcm").write_bytes(Path("two/a.dcm").read_bytes())
    assert segmentation(Path("two")) is None
    assert segmentation(paths[0]) is None
    assert segmentation(Path("ct")) is None


def _shifted(**shift: float) -> Callable[[Any], None]:
    """Every frame elsewhere."""

    def change(data: Any) -> None:
        for group in data.PerFrameFunctionalGroupsSequence:
            plane = group.PlanePositionSequence[0]
            place = np.array(plane.ImagePositionPatient, dtype=float)
            plane.ImagePositionPatient = [*(place + [shift.get(k, 0.0) for k in "xyz"]).round(3)]

    return change


def _unplaced(data: Any) -> None:
    del data.PerFrameFunctionalGroupsSequence[0].PlanePositionSequence


def _upside_down(data: Any) -> None:
    plane = data.SharedFunctionalGroupsSequence[0].PlaneOrientationSequence[0]
    plane.ImageOrientationPatient = [1, 0, 0, 0, -1, 0]


def _half(data: Any) -> None:
    data.PixelData = data.PixelData[: len(data.PixelData) // 2]


def _undescribed(data: Any) -> None:
    del data.SegmentSequence[0]


@pytest.mark.parametrize(
    ("fault", "sentence"),
    [
        (
            _shifted(z=1.25),
            "seg.dcm: frame 1 must be of a slice of ct, (12, 10) pixels, got (12, 1",
        ),
        (
            _shifted(z=-25.0),
            "seg.dcm: frame 1 must be of a slice of ct, (12, 10) pixels, got (12, ",
        ),
        (
            _shifted(x=0.35),
            "seg.dcm: frame 1 must be of a slice of ct, (12, 10) pixels, got (12, 1",
        ),
        (_upside_down, "seg.dcm: frame 1 must be of a slice of ct, (12, 10) pixels, got (12, 10),"),
        (_unplaced, "seg.dcm must be a whole segmentation, got: "),
        (_half, "seg.dcm must be a whole segmentation, got: The number of bytes of pixel data is"),
        (_undescribed, "seg.dcm must describe segment 1, got it in pixels alone"),
    ],
)
def test_a_broken_segmentation_is_one_sentence(fault: Callable[[Any], None], sentence: str) -> None:
    paths, grid = image()
    series.segment(Path("seg.dcm"), paths, blobs(), ["liver", "tumour"])
    data = pydicom.dcmread("seg.dcm")
    fault(data)
    data.save_as("seg.dcm")
    said = refusal(lambda: read_segmentation(Path("seg.dcm"), grid, NAMED, {}))
    assert said.startswith(sentence), said


def test_a_segmentation_of_another_image_is_refused() -> None:
    paths, _ = image()
    series.segment(Path("seg.dcm"), paths, blobs(), ["liver", "tumour"])
    series.write(Path("other"), series.volume((14, 10, 6)))
    grid = read_series(Path("other"))
    said = refusal(lambda: read_segmentation(Path("seg.dcm"), grid, NAMED, {}))
    assert said.startswith("seg.dcm: frame 1 must be of a slice of other, (14, 10) pixels, got (12")
    assert said.endswith("is it of another series?")


def test_a_segment_of_another_name_or_shares_are_refused() -> None:
    paths, grid = image()
    series.segment(Path("seg.dcm"), paths, blobs(), ["liver", "cyst"])
    said = refusal(lambda: read_segmentation(Path("seg.dcm"), grid, NAMED, {}))
    assert said.startswith("seg.dcm must have segments of liver, tumour, got 2, 'cyst'; name it")
    said = refusal(lambda: read_segmentation(Path("seg.dcm"), grid, {}, {1: 1}))
    assert said.startswith("seg.dcm must have segments of 1, got 2, 'cyst'; name it in labels")
    series.segment(Path("seg.dcm"), paths, blobs() * 0.5, ["liver", "tumour"], "FRACTIONAL")
    said = refusal(lambda: read_segmentation(Path("seg.dcm"), grid, NAMED, {}))
    assert said.startswith("seg.dcm must be a whole segmentation, got: shares of a voxel")
