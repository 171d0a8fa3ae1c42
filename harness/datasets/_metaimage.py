"""MetaImage files (.mhd with its data beside it, .mha), and NRRD: as SimpleITK reads them."""

from pathlib import Path
from typing import Any

import numpy as np

from harness.datasets._case import Grid
from harness.errors import HarnessError

LPS_TO_RAS = np.diag([-1.0, -1.0, 1.0, 1.0])
"""From axes to the left, to the back and upwards, as ITK and DICOM have them."""


def read_metaimage(path: Path) -> Grid:
    """The image (X, Y, Z) of a file, numbers as stored, but float32 of 64-bit floats.

    Raises HarnessError where it, or the data that it names, is missing, cut off or no such file,
    and where it has other axes or more than one number a voxel.
    """
    import SimpleITK as sitk

    if not path.is_file():
        raise HarnessError(f"{path} must be a file, got none; bring it or leave its case out")
    try:
        image: Any = sitk.ReadImage(str(path))
    except RuntimeError as error:
        raise HarnessError(
            f"{path} must be a whole image with its data, got: {_reason(error)}"
        ) from None
    numbers = image.GetNumberOfComponentsPerPixel()
    if (image.GetDimension(), numbers) != (3, 1):
        raise HarnessError(
            f"{path} must have three axes and one number a voxel, got {image.GetDimension()} axes "
            f"and {numbers}; save a channel of it"
        )
    array = np.transpose(sitk.GetArrayFromImage(image))
    affine = np.eye(4)
    affine[:3, :3] = np.reshape(image.GetDirection(), (3, 3)) * image.GetSpacing()
    affine[:3, 3] = image.GetOrigin()
    return Grid(
        array=array.astype(np.float32) if array.dtype == np.float64 else array,
        affine=LPS_TO_RAS @ affine,
        path=path,
    )


def _reason(error: RuntimeError) -> str:
    """The last line of ITK's report, which says what is wrong and not where in ITK."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return lines[-1] if lines else "an unknown fault"
