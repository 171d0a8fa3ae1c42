"""Names of NIfTI files: their stems, none hidden, in natural order."""

import re
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from harness.datasets._nifti import ENDINGS
from harness.errors import HarnessError


def stems(paths: Iterable[Path]) -> dict[str, Path]:
    """Name without ending -> file, of those of NIfTI that are not hidden, as notes of macOS are.

    Raises HarnessError where two are of one name.
    """
    found: dict[str, Path] = {}
    for path in sorted(paths):
        if ending(path) and not path.name.startswith(".") and path.is_file():
            other = found.setdefault(stem(path), path)
            if other is not path:
                raise HarnessError(f"{path} must have a name of its own, got {other}; remove one")
    return found


def ending(path: Path) -> str:
    """`.nii.gz` or `.nii`; "" of other files."""
    return next((each for each in ENDINGS if path.name.endswith(each)), "")


def stem(path: Path) -> str:
    """The name without its ending."""
    return path.name.removesuffix(ending(path))


def natural(name: str) -> list[Any]:
    """A key that sorts numbers inside names as numbers; of equal ones, as text."""
    parts = re.split("([0-9]+)", name)
    return [[int(part) if k % 2 else part for k, part in enumerate(parts)], name]
