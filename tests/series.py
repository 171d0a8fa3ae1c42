"""DICOM as a scanner and a tool for masks write it: small CT series, and segmentations of them."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import highdicom as hd
import numpy as np
import pydicom
from highdicom.seg import Segmentation, SegmentDescription
from numpy.typing import NDArray
from pydicom.dataset import FileDataset, FileMetaDataset
from pydicom.sr.codedict import codes
from pydicom.uid import UID, CTImageStorage, ExplicitVRLittleEndian, generate_uid

AXIAL = (1.0, 0.0, 0.0, 0.0, 1.0, 0.0)
SHAPE = (12, 10, 6)
SPACING = (0.7, 0.8, 2.5)


def volume(shape: Sequence[int] = SHAPE, seed: int = 0) -> NDArray[np.int16]:
    """HU (X, Y, Z) on the stored grid: no two voxels alike by chance."""
    return np.random.default_rng(seed).integers(-1000, 2000, shape).astype(np.int16)


def write(
    folder: Path,
    hu: NDArray[Any],
    *,
    across: Sequence[float] = AXIAL,
    origin: Sequence[float] = (-30.0, 20.0, 5.0),
    spacing: Sequence[float] = SPACING,
    names: Sequence[str] = (),
    slope: float = 1,
    intercept: float = -1024,
) -> list[Path]:
    """A series of (X, Y, Z) numbers, a file a slice; the order of files is not that of slices.

    across: the cosines of a row and of a column, in LPS.
    """
    folder.mkdir(parents=True, exist_ok=True)
    normal = np.cross(across[:3], across[3:])
    common = {key: generate_uid() for key in ("Study", "Series", "FrameOfReference")}
    order = np.random.default_rng(1).permutation(hu.shape[2])
    paths = [folder / (names[k] if names else f"IM{order[k]:03}") for k in range(hu.shape[2])]
    for k, path in enumerate(paths):
        data = _blank(path)
        for key, uid in common.items():
            setattr(data, f"{key}UID" if key == "FrameOfReference" else f"{key}InstanceUID", uid)
        data.Rows, data.Columns = hu.shape[1], hu.shape[0]
        data.InstanceNumber = int(order[k]) + 1
        data.PixelSpacing = [spacing[1], spacing[0]]
        data.SliceThickness = spacing[2]
        data.ImageOrientationPatient = list(across)
        data.ImagePositionPatient = [
            round(float(x), 6) for x in np.add(origin, k * spacing[2] * normal)
        ]
        data.RescaleSlope, data.RescaleIntercept = slope, intercept
        data.PixelData = np.rint((hu[..., k].T - intercept) / slope).astype("<u2").tobytes()
        data.save_as(path, enforce_file_format=True)
    return paths


def _blank(path: Path) -> Any:
    meta = FileMetaDataset()
    meta.MediaStorageSOPClassUID = CTImageStorage
    meta.MediaStorageSOPInstanceUID = generate_uid()
    meta.TransferSyntaxUID = ExplicitVRLittleEndian
    data: Any = FileDataset(str(path), {}, file_meta=meta, preamble=b"\0" * 128)
    data.SOPClassUID, data.SOPInstanceUID = CTImageStorage, meta.MediaStorageSOPInstanceUID
    data.Modality, data.PatientID, data.PatientName = "CT", "phantom", "Phantom^"
    data.PatientBirthDate = data.PatientSex = data.StudyDate = data.StudyTime = ""
    data.StudyID = data.AccessionNumber = data.ReferringPhysicianName = data.Manufacturer = ""
    data.SeriesNumber = 1
    data.SamplesPerPixel, data.PhotometricInterpretation = 1, "MONOCHROME2"
    data.BitsAllocated, data.BitsStored, data.HighBit, data.PixelRepresentation = 16, 16, 15, 0
    return data


def change(path: Path, **tags: Any) -> None:
    """Write a file again with other values; None removes one."""
    data = pydicom.dcmread(path)
    for name, value in tags.items():
        if value is None:
            delattr(data, name)
        else:
            setattr(data, name, value)
    data.save_as(path)


def segment(
    file: Path,
    paths: Sequence[Path],
    masks: NDArray[Any],
    labels: Sequence[str],
    kind: str = "BINARY",
    syntax: UID = ExplicitVRLittleEndian,
) -> None:
    """A SEG of masks (segments, X, Y, Z) on a series whose files are `paths`, in their order."""
    sources = [pydicom.dcmread(path) for path in paths]
    pixels = np.ascontiguousarray(np.transpose(masks, (3, 2, 1, 0)))
    if kind == "LABELMAP":
        pixels = (pixels * np.arange(1, len(masks) + 1)).max(axis=-1)
    described = [
        SegmentDescription(
            segment_number=number,
            segment_label=label,
            segmented_property_category=codes.SCT.Tissue,
            segmented_property_type=codes.SCT.Tissue,
            algorithm_type=hd.seg.SegmentAlgorithmTypeValues.MANUAL,
        )
        for number, label in enumerate(labels, 1)
    ]
    made = Segmentation(
        source_images=sources,
        pixel_array=pixels.astype(np.float32 if kind == "FRACTIONAL" else np.uint8),
        segmentation_type=kind,
        segment_descriptions=described,
        series_instance_uid=generate_uid(),
        series_number=2,
        sop_instance_uid=generate_uid(),
        instance_number=1,
        manufacturer="none",
        manufacturer_model_name="none",
        software_versions="1",
        device_serial_number="1",
        transfer_syntax_uid=syntax,
    )
    file.parent.mkdir(parents=True, exist_ok=True)
    made.save_as(file)
