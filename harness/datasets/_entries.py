"""Entries of a folder: files of images of every known format, and folders of a DICOM series."""

import re
from collections.abc import Iterable, Mapping
from pathlib import Path

from harness.errors import HarnessError

ENDINGS = {
    "nifti": (".nii.gz", ".nii"),
    "metaimage": (".mha", ".mhd", ".nrrd"),
    "picture": (".png", ".tiff", ".tif", ".jpeg", ".jpg", ".bmp"),
    "dicom": (".dcm",),
}
"""Kind of a file -> how its name ends, in small letters or capitals."""
_PREAMBLE, _MAGIC = 128, b"DICM"
_DATA = re.compile(rb"^ElementDataFile\s*=\s*(\S.*?)\s*$", re.MULTILINE)


def kind(path: Path) -> str:
    """A key of `ENDINGS`; a folder, or a file that begins as DICOM does, is `dicom`; "" others."""
    if path.is_dir():
        return "dicom"
    named = next((each for each, ends in ENDINGS.items() if path.name.lower().endswith(ends)), "")
    return named or ("dicom" if _begins_as_dicom(path) else "")


def _begins_as_dicom(path: Path) -> bool:
    try:
        with path.open("rb") as file:
            return file.read(_PREAMBLE + len(_MAGIC)).endswith(_MAGIC, _PREAMBLE)
    except OSError:
        return False


def found(root: Path, where: str, argument: str) -> list[Path]:
    """What lies in the folder `where` below `root`, or what `where`, a pattern as `ct/*.mhd`, fits.

    Hidden files, and those that are no image, are left out. Raises HarnessError where it is not
    below `root`; it begins with the name of the argument.
    """
    if Path(where).is_absolute() or ".." in Path(where).parts:
        raise HarnessError(
            f"{argument} must be below the data root, got {where}; name it from there"
        )
    paths = (root / where).iterdir() if (root / where).is_dir() else root.glob(where)
    shown = (path for path in paths if not _hidden(path.relative_to(root)))
    return sorted(path for path in shown if kind(path))


def _hidden(path: Path) -> bool:
    return any(part.startswith(".") for part in path.parts)


def files(entry: Path) -> list[Path]:
    """All files that an entry is made of: of a folder those below, of a .mhd also its data."""
    if entry.is_dir():
        below = (path for path in entry.rglob("*") if path.is_file())
        return sorted(path for path in below if not _hidden(path.relative_to(entry)))
    return [entry, *_data(entry)]


def _data(entry: Path) -> list[Path]:
    if entry.suffix.lower() != ".mhd" or not entry.is_file():
        return []
    named = [name.decode(errors="replace") for name in _DATA.findall(entry.read_bytes())]
    return [entry.with_name(name) for name in named if name != "LOCAL"]


def by_name(
    paths: Iterable[Path], root: Path, expression: str, argument: str
) -> Mapping[str, Path]:
    """The name of the case that each is of -> entry.

    It is the file's without its ending; or what the groups of `expression` find in its path below
    `root`, joined by "-". Raises HarnessError where it finds nothing, or one name twice.
    """
    named: dict[str, Path] = {}
    for path in paths:
        name = _stem(path)
        if expression:
            name = "-".join(groups(expression, path.relative_to(root).as_posix(), argument))
        other = named.setdefault(name, path)
        if other is not path:
            raise HarnessError(
                f"{path} must be of a case of its own, got {name!r} as {other}; remove one, or "
                f"set args.{argument}"
            )
    return named


def _stem(path: Path) -> str:
    every = (ending for ends in ENDINGS.values() for ending in ends)
    ending = next((each for each in every if path.name.lower().endswith(each)), "")
    return path.name if path.is_dir() or not ending else path.name[: -len(ending)]


def groups(expression: str, text: str, argument: str) -> tuple[str, ...]:
    """What the groups of a regular expression find, anywhere in `text`.

    Raises HarnessError where it is none, or it finds nothing; it begins with the argument's name.
    """
    try:
        match = re.search(expression, text)
    except re.error as error:
        raise HarnessError(
            f"{argument} must be an expression, got {expression!r}: {error}"
        ) from None
    told = tuple(group for group in match.groups() if group) if match else ()
    if not told or any("/" in group for group in told):
        raise HarnessError(
            f"{argument} must find a group without a slash in {text}, got "
            f"{'/'.join(told) or 'none'!r} by {expression!r}"
        )
    return told
