"""Pictures: PNG, JPEG, BMP, and TIFF, of which a stack of pages is a volume."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from harness.datasets._case import Grid
from harness.datasets._images import MODES
from harness.errors import HarnessError

FORMATS = ("PNG", "JPEG", "TIFF", "BMP")
GREY = ("1", "L", "LA", "I", "F", "I;16", "I;16B", "I;16L", "I;16N")


class About(NamedTuple):
    """What a picture's header says."""

    channels: int
    pages: int


def about(path: Path) -> About:
    """Without decoding it. Raises HarnessError where it is no picture."""
    try:
        with _opened(path) as file:
            return About(1 if file.mode in GREY else 3, _pages(file))
    except Exception as error:  # decoders raise whatever a broken file makes them
        raise _fault(path, error) from None


def read_picture(path: Path, spacing: Sequence[float] = (), *, labels: bool = False) -> Grid:
    """(X, Y, Z) of a grey picture, (3, X, Y, Z) of a coloured one; Z counts the pages.

    X runs with the columns and Y with the rows; they are put where ITK has them, to the left and to
    the back of a body, as a slice of DICOM is shown. spacing: mm along X, Y and, if there are three
    numbers, Z; 1 where it is not given. Transparency is left out. Of `labels` a palette's
    numbers are kept, and colours must be greys. Raises HarnessError where it cannot be read, or
    pages differ.
    """
    try:
        with _opened(path) as file:
            pages = [_page(file, k, labels) for k in range(_pages(file))]
        array = np.stack(pages)
        if labels and array.ndim == 4:
            array = _grey(array)
    except Exception as error:
        raise _fault(path, error) from None
    mm = [*spacing, *[1.0] * (3 - len(spacing))]
    return Grid(array=np.transpose(array), affine=np.diag([-mm[0], -mm[1], mm[2], 1.0]), path=path)


def _opened(path: Path) -> Any:
    from PIL import Image

    return Image.open(path, formats=FORMATS)


def _pages(file: Any) -> int:
    """Of a TIFF; more in a JPEG are small copies of the first."""
    return int(file.n_frames) if file.format == "TIFF" else 1


def _page(file: Any, k: int, labels: bool) -> NDArray[Any]:
    """(H, W) or (H, W, 3)."""
    if file.format == "TIFF":
        file.seek(k)
    page = file
    if file.mode in ("P", "PA") and not (labels and file.mode == "P"):
        page = file.convert("RGBA")
    pixels = np.asarray(page.convert(MODES[page.mode]) if page.mode in MODES else page)
    if pixels.dtype.kind not in "uif":
        raise ValueError(f"{pixels.dtype} in place of numbers")
    return pixels.astype(pixels.dtype.newbyteorder("="), copy=False)


def _grey(array: NDArray[Any]) -> NDArray[Any]:
    """(Z, H, W, 3) -> (Z, H, W)."""
    if (array != array[..., :1]).any():
        raise ValueError("colours in place of labels")
    return array[..., 0]


def _fault(path: Path, error: Exception) -> HarnessError:
    reason = str(error).partition("\n")[0] or type(error).__name__
    return HarnessError(f"{path} must be a whole picture, got: {reason}")
