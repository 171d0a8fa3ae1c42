"""A DICOM series: slices put in their order in space, in HU, and checked to be a whole volume."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from harness.datasets._case import Grid
from harness.datasets._entries import files
from harness.datasets._slices import Slice, stacked
from harness.errors import HarnessError

TYPES = tuple(map(np.dtype, ("int16", "int32", "float32")))
NO_SCALE = {"Slope": 1.0, "Intercept": 0.0}


def read_series(entry: Path) -> Grid:
    """The volume (X, Y, Z) of the files below a folder, or of one file, in rescaled numbers.

    int16, or int32 where they do not fit, and float32 where the scale is no whole number. Raises
    HarnessError, naming the file or the folder, where one is unreadable or has no image, where they
    are not of one series, and as `stacked` does: where a slice is missing, say.
    """
    paths = [path for path in files(entry) if path.name != "DICOMDIR"]
    if not paths:
        raise HarnessError(f"{entry} must hold the files of a DICOM series, got none; bring them")
    slices = [_told(path) for path in paths]
    _check_one_series(slices, entry)
    ordered, affine = stacked(slices)
    return Grid(array=_volume(ordered), affine=affine, path=entry)


def _check_one_series(slices: Sequence[Slice], entry: Path) -> None:
    series = sorted({each.series for each in slices})
    if len(series) > 1:
        raise HarnessError(
            f"{entry} must hold one DICOM series, got {len(series)}: {', '.join(series[:4])}; "
            "name the folder of one, or remove the others"
        )


def header(path: Path, pixels: bool = False) -> Any:
    """The data set of a file, with its pixels or without. Raises HarnessError where it is none."""
    import pydicom

    try:
        return pydicom.dcmread(path, stop_before_pixels=not pixels)
    except Exception as error:  # whatever a broken file makes of it
        raise HarnessError(
            f"{path} must be a whole DICOM file, got: {reason(error)}; mend or leave out its case"
        ) from None


def reason(error: Exception) -> str:
    """What pydicom says, without its advice."""
    first = (str(error).splitlines() or [type(error).__name__])[0]
    return first.partition(". ")[0].rstrip(".").replace("'FileDataset' object has", "it has")


def _told(path: Path) -> Slice:
    data = header(path)
    try:
        if int(data.get("NumberOfFrames", 1)) != 1 or int(data.SamplesPerPixel) != 1:
            raise ValueError("more than one frame, or colours")
        return Slice(
            path=path,
            series=str(data.SeriesInstanceUID),
            size=(int(data.Rows), int(data.Columns)),
            across=_numbers(data.ImageOrientationPatient, 6),
            pixel=_numbers(data.PixelSpacing, 2),
            place=_numbers(data.ImagePositionPatient, 3),
            thickness=float(data.get("SliceThickness") or 1.0),
        )
    except (AttributeError, TypeError, ValueError) as error:
        raise HarnessError(
            f"{path} must be a grey slice that says where it is, got: {reason(error)}; leave it out"
        ) from None


def _numbers(value: Any, count: int) -> NDArray[np.float64]:
    numbers = np.array(value, dtype=np.float64)
    if numbers.shape != (count,) or not np.isfinite(numbers).all():
        raise ValueError(f"{value} in place of {count} numbers")
    return numbers


def _volume(slices: Sequence[Slice]) -> NDArray[Any]:
    """(X, Y, Z), a slice read at a time."""
    volume: NDArray[Any] = np.empty((len(slices), *slices[0].size), dtype=np.int16)
    for k, each in enumerate(slices):
        pixels = _rescaled(each.path)
        rank = max(TYPES.index(volume.dtype), TYPES.index(pixels.dtype))
        volume = volume.astype(TYPES[rank], copy=False)
        volume[k] = pixels
    return np.transpose(volume)


def _rescaled(path: Path) -> NDArray[Any]:
    """(rows, columns) times the slope plus the intercept of a file, in the first type that fits."""
    data = header(path, pixels=True)
    try:
        raw = np.asarray(data.pixel_array)
        slope, intercept = (float(data.get(f"Rescale{k}", v)) for k, v in NO_SCALE.items())
    except Exception as error:  # decoders raise whatever a broken file makes them
        raise HarnessError(
            f"{path} must have pixel data, got: {reason(error)}; bring it again"
        ) from None
    if not (slope.is_integer() and intercept.is_integer()):
        return np.asarray(raw * slope + intercept, dtype=np.float32)
    whole = raw.astype(np.int64) * int(slope) + int(intercept)
    low, high = whole.min(), whole.max()
    fits = (each for each in TYPES[:2] if np.iinfo(each).min <= low and high <= np.iinfo(each).max)
    return np.asarray(whole, dtype=next(fits, TYPES[2]))
