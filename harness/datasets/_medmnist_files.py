"""MedMNIST's files: what the package says of them.

The package's table is read as text: importing it imports torch.
"""

import ast
import dataclasses
import functools
import importlib.util
from pathlib import Path
from typing import Any

from harness.errors import HarnessError
from harness.remote import Remote
from harness.samples import Kind

KINDS: dict[str, Kind] = {
    "binary-class": "nominal",
    "multi-class": "nominal",
    "ordinal-regression": "ordinal",
    "multi-label, binary-class": "multilabel",
}


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class File:
    """What the package says of one `.npz`; `image` is the shape of one image in it."""

    remote: Remote
    classes: tuple[str, ...]
    kind: Kind
    image: tuple[int, ...]

    @property
    def labels(self) -> int:
        """Columns of its label arrays."""
        return len(self.classes) if self.kind == "multilabel" else 1


def official(flag: str, size: int) -> File:
    """The file of a flag and size. Raises HarnessError for an unknown one, listing the known."""
    if flag not in table():
        raise HarnessError(f"flag must be one of {', '.join(sorted(table()))}, got {flag!r}")
    row = table()[flag]
    sizes = [28, *sorted(int(key[4:]) for key in row if key.startswith("MD5_"))]
    if size not in sizes:
        known = ", ".join(map(str, sizes))
        raise HarnessError(f"size of {flag} must be one of {known}, got {size!r}")
    suffix = "" if size == 28 else f"_{size}"
    axes = 3 if flag.endswith("3d") else 2
    return File(
        remote=Remote(
            name=f"{flag}{suffix}.npz",
            url=row[f"url{suffix}"],
            md5=row[f"MD5{suffix}"],
            cache=".medmnist",
        ),
        classes=tuple(row["label"][str(k)] for k in range(len(row["label"]))),
        kind=KINDS[row["task"]],
        image=(size,) * axes + ((3,) if row["n_channels"] == 3 else ()),
    )


@functools.cache
def table() -> dict[str, dict[str, Any]]:
    """`medmnist.INFO`, without importing it. Raises HarnessError where it is not installed."""
    spec = importlib.util.find_spec("medmnist")
    if spec is None or not spec.submodule_search_locations:
        raise HarnessError("medmnist must be installed, got no such package; pip install medmnist")
    source = Path(spec.submodule_search_locations[0], "info.py").read_text(encoding="utf-8")
    for node in ast.parse(source).body:
        if isinstance(node, ast.Assign) and getattr(node.targets[0], "id", None) == "INFO":
            table: dict[str, dict[str, Any]] = ast.literal_eval(node.value)
            return table
    raise HarnessError("medmnist/info.py must assign INFO, got none; pip install medmnist==3.0.2")
