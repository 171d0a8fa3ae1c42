"""A DICOM segmentation (SEG): its frames put where they are on the grid of an image."""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from harness.datasets._case import Grid
from harness.datasets._dicom import header, reason
from harness.datasets._entries import files
from harness.datasets._metaimage import LPS_TO_RAS
from harness.errors import HarnessError

STORAGE = ("1.2.840.10008.5.1.4.1.1.66.4", "1.2.840.10008.5.1.4.1.1.66.7")
"""SOP classes: segmentations as bits or shares, and as label maps."""
NEAR = 0.05
"""How far a frame may be from a slice of the image, in voxels."""


class _Frame(NamedTuple):
    """segments: (rows, columns) numbers, 0 where none is; affine: of its pixels, to LPS mm."""

    segments: NDArray[np.uint16]
    affine: NDArray[np.float64]


def segmentation(entry: Path) -> Path | None:
    """The file of an entry, or of a folder of one file, if it is a DICOM segmentation."""
    paths = files(entry)
    if len(paths) != 1 or not paths[0].is_file():
        return None
    return paths[0] if header(paths[0]).get("SOPClassUID") in STORAGE else None


def read_segmentation(
    path: Path, image: Grid, named: Mapping[str, int], numbered: Mapping[int, int]
) -> Grid:
    """A mask (X, Y, Z) uint8 of class indices on the grid of `image`; 0 where no segment is.

    numbered: number of a segment -> index, and if it is empty, named: its label in small letters ->
    index; index 0 is a segment that is not asked for. Raises HarnessError, naming the file, for a
    segment that is in neither, for shares that are not whole, for a frame that is not on a slice of
    the image, and where two classes are in one voxel.
    """
    data = header(path, pixels=True)
    mask = np.zeros(image.shape, dtype=np.uint8)
    try:
        index = _indices(data, path, named, numbered)
        frames = list(_frames(data))
    except (AttributeError, IndexError, NotImplementedError, RuntimeError, ValueError) as error:
        raise HarnessError(
            f"{path} must be a whole segmentation, got: {reason(error)}; bring it again"
        ) from None
    for number, frame in enumerate(frames, 1):
        k = _slice(frame, image, f"{path}: frame {number}")
        for segment in np.unique(frame.segments[frame.segments > 0]).tolist():
            if segment not in index:
                raise HarnessError(
                    f"{path} must describe segment {segment}, got it in pixels alone"
                )
            if index[segment]:
                here = (frame.segments == segment).T
                _paint(mask[..., k], here, index[segment], f"{path}: frame {number}")
    return Grid(array=mask, affine=image.affine, path=path)


def _indices(
    data: Any, path: Path, named: Mapping[str, int], numbered: Mapping[int, int]
) -> dict[int, int]:
    """Number of each segment -> index."""
    labels = {int(each.SegmentNumber): str(each.SegmentLabel) for each in data.SegmentSequence}
    labels.pop(0, None)  # the background of a label map
    index: dict[int, int] = {}
    for number, label in labels.items():
        found = numbered.get(number) if numbered else named.get(label.strip().casefold())
        if found is None:
            known = ", ".join(map(str, numbered or named))
            raise HarnessError(
                f"{path} must have segments of {known}, got {number}, {label!r}; name it in labels"
            )
        index[number] = found
    return index


def _frames(data: Any) -> Iterator[_Frame]:
    """Raises ValueError for shares, AttributeError where a frame does not say where it is."""
    pixels = data.pixel_array.reshape(-1, int(data.Rows), int(data.Columns))
    labels = str(data.SegmentationType) == "LABELMAP"
    if str(data.SegmentationType) == "FRACTIONAL":
        if not np.isin(pixels, (0, int(data.MaximumFractionalValue))).all():
            raise ValueError("shares of a voxel; save it as a binary one")
        pixels = pixels > 0
    shared = data.SharedFunctionalGroupsSequence[0]
    groups = data.PerFrameFunctionalGroupsSequence
    for frame, own in zip(pixels, groups, strict=True):
        number = (
            1 if labels else _item("SegmentIdentification", own, shared).ReferencedSegmentNumber
        )
        yield _Frame(frame.astype(np.uint16) * np.uint16(number), _affine(own, shared))


def _item(name: str, *groups: Any) -> Any:
    """Of the first functional group that has it."""
    group = next((each for each in groups if f"{name}Sequence" in each), groups[0])
    return getattr(group, f"{name}Sequence")[0]


def _affine(own: Any, shared: Any) -> NDArray[np.float64]:
    """(4, 4), LPS: column, row and slice of a frame -> mm."""
    down, along = map(float, _item("PixelMeasures", own, shared).PixelSpacing)
    plane = _item("PlaneOrientation", own, shared)
    across = np.array(plane.ImageOrientationPatient, dtype=np.float64)
    affine = np.eye(4)
    affine[:3, 0], affine[:3, 1] = across[:3] * along, across[3:] * down
    affine[:3, 2] = np.cross(across[:3], across[3:])
    affine[:3, 3] = _item("PlanePosition", own, shared).ImagePositionPatient
    return affine


def _slice(frame: _Frame, image: Grid, where: str) -> int:
    """Which slice of the image a frame lies on."""
    voxel = np.linalg.inv(image.affine) @ LPS_TO_RAS @ frame.affine
    k = round(float(voxel[2, 3]))
    corners = np.array([[x, y, 0, 1] for x in (0, image.shape[0]) for y in (0, image.shape[1])])
    off = float(np.abs(corners @ voxel.T - corners - [0, 0, k, 0]).max())
    if frame.segments.T.shape != image.shape[:2] or not 0 <= k < image.shape[2] or off > NEAR:
        raise HarnessError(
            f"{where} must be of a slice of {image.path.name}, {image.shape[:2]} pixels, got "
            f"{frame.segments.T.shape}, {off:.3g} voxels from slice {k} of 0 to "
            f"{image.shape[2] - 1}; is it of another series?"
        )
    return k


def _paint(mask: NDArray[np.uint8], here: NDArray[np.bool_], index: int, where: str) -> None:
    if np.any(here & (mask != 0) & (mask != index)):
        raise HarnessError(
            f"{where} must have one class a voxel, got segments of two in one; merge them, or "
            "name those to segment in classes"
        )
    mask[here] = index
