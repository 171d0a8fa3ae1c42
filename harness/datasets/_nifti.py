"""NIfTI files: read whole, checked to the last byte, and masks written as such."""

import gzip
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from harness import disk
from harness.datasets._case import Grid, to_source
from harness.errors import HarnessError
from harness.volumes import Case

ENDINGS = (".nii.gz", ".nii")
GZIP = b"\x1f\x8b"
HEADERS = {348: "Nifti1Image", 540: "Nifti2Image"}
"""The first number of a file, how long its header is -> what nibabel calls the format."""


def read_nifti(path: Path, channels: int = 1) -> Grid:
    """The image of a .nii or .nii.gz file: (X, Y, Z), or (C, X, Y, Z) of more than one channel.

    Numbers are as stored, or float32 where the header scales them or they are of 64 bits. Raises
    HarnessError where the file is missing, cut off, damaged, no NIfTI, or of other axes.
    """
    if not path.is_file():
        raise HarnessError(f"{path} must be a NIfTI file, got none; bring it or leave its case out")
    try:
        with path.open("rb") as raw:
            packed = raw.read(len(GZIP)) == GZIP
        with gzip.open(path) if packed else path.open("rb") as stream:
            array, affine = _read(stream)
            while stream.read(2**20):  # to the end, where gzip keeps its checksum
                pass
    except Exception as error:  # decoders raise whatever a broken file makes them
        reason = str(error).partition("\n")[0]
        raise HarnessError(f"{path} must be a whole NIfTI file, got: {reason}") from None
    return Grid(array=_arranged(array, channels, path), affine=affine, path=path)


def _read(stream: Any) -> tuple[NDArray[Any], NDArray[np.float64]]:
    """The numbers and the affine of a NIfTI-1 or NIfTI-2 file."""
    import nibabel

    first = stream.read(4)
    stream.seek(0)
    sizes = [int.from_bytes(first, "little"), int.from_bytes(first, "big")]
    version = next((HEADERS[size] for size in sizes if size in HEADERS), None)
    if version is None:
        raise ValueError("no header of NIfTI")
    image: Any = getattr(nibabel, version).from_stream(stream)
    stored = image.dataobj
    if (stored.slope, stored.inter) == (1, 0):
        array = np.asarray(stored.get_unscaled())
        wide = array.dtype.kind == "f" and array.dtype.itemsize > 4
        kept = np.dtype(np.float32) if wide else array.dtype.newbyteorder("=")
    else:
        array, kept = np.asarray(stored, dtype=np.float32), np.dtype(np.float32)
    if array.dtype.kind not in "uif":
        raise ValueError(f"{array.dtype} in place of numbers")
    return array.astype(kept, copy=False), np.asarray(image.affine, dtype=np.float64)


def _arranged(array: NDArray[Any], channels: int, path: Path) -> NDArray[Any]:
    """(X, Y, Z), or with the channels, which NIfTI has last, first."""
    axes, got = (3 if channels == 1 else 4), array.shape
    if channels == 1 and array.ndim == 4 and array.shape[3] == 1:
        array = array[..., 0]
    if array.ndim != axes or (axes == 4 and array.shape[3] != channels):
        must = "three axes" if axes == 3 else f"four axes, the last of {channels} channels"
        raise HarnessError(f"{path} must have {must}, got shape {got}; mend it or args.modalities")
    return array if axes == 3 else np.moveaxis(array, 3, 0)


def write_mask(path: Path, mask: NDArray[np.uint8], case: Case) -> None:
    """A mask (X, Y, Z) of the RAS grid of `case`, as it was stored: .nii, or packed as .nii.gz.

    The same mask gives the same bytes. Raises Unwritable where there is no place.
    """
    import nibabel

    written: Any = nibabel.Nifti1Image
    image = written(to_source(mask, case).astype(np.uint8), case.source.affine)
    image.header.set_xyzt_units("mm")
    data: bytes = image.to_bytes()
    disk.write(path, gzip.compress(data, mtime=0) if path.suffix == ".gz" else data)
