"""Which files are of which case, in folders of the Decathlon, of nnU-Net and of LiTS."""

import dataclasses
import json
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from harness.datasets._names import ending, natural, stem, stems
from harness.errors import HarnessError
from harness.ranges import demand

LAYOUTS = {
    "decathlon": "imagesTr/NAME.nii.gz and labelsTr/NAME.nii.gz",
    "nnunet": "imagesTr/NAME_0000.nii.gz and labelsTr/NAME.nii.gz",
    "lits": "volume-N.nii and segmentation-N.nii",
}
"""Or as .nii; in folders Tr of cases to train on, and Ts of an official test set, or in any."""
PARTS = {"train": "Tr", "test": "Ts"}
_CHANNEL = re.compile(r"(.+)_([0-9]{4})")
_LITS = re.compile(r"(volume|segmentation)-[0-9]+$")


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Files:
    """Of one case, whether they are there or not; images: one, or one a channel."""

    id: str
    part: str
    images: tuple[Path, ...]
    label: Path


def described(folder: Path) -> dict[str, Any]:
    """What `dataset.json` says, if there is one. Raises HarnessError where it is broken."""
    path = folder / "dataset.json"
    try:
        table = json.loads(path.read_text(encoding="utf-8-sig")) if path.is_file() else {}
    except (OSError, ValueError) as error:
        raise HarnessError(f"{path} must be readable JSON, got: {error}; mend it") from None
    if not isinstance(table, dict):
        raise HarnessError(f"{path} must be a table, got {type(table).__name__}; mend it")
    return table


def recognised(folder: Path, about: Mapping[str, Any], layout: str) -> str:
    """The layout of a folder: `layout`, or what its names say.

    Raises HarnessError where it is none of those known.
    """
    if layout:
        demand(layout in LAYOUTS, "layout", f"be one of {', '.join(LAYOUTS)}", layout)
        return layout
    images, labels = (stems((folder / name).glob("*")) for name in ("imagesTr", "labelsTr"))
    if images or labels:
        apart = any(_base(name) in labels for name in images if name not in labels)
        return "nnunet" if apart or "channel_names" in about else "decathlon"
    if _of_lits(folder):
        return "lits"
    known = ", or ".join(LAYOUTS.values())
    raise HarnessError(f"{folder} must hold {known}, got none of them; name its folder in args")


def cases(
    folder: Path, layout: str, about: Mapping[str, Any], channels: Sequence[int], stored: int
) -> list[Files]:
    """Of all parts, each in natural order of the names: case 2 before case 10.

    channels: which of the `stored` ones are read. Raises HarnessError where there is no case, two
    are of one name, or files are of channels that nobody named.
    """
    if layout == "lits":
        found = _of_lits(folder)
    elif layout == "nnunet":
        _all_named(folder, stored)
        suffixes = [f"_{k:04}" for k in channels]
        found = [each for part in PARTS for each in _foldered(folder, part, suffixes)]
    else:
        train = _listed(folder, about) or _foldered(folder, "train", [""])
        found = [*train, *_foldered(folder, "test", [""])]
    if not found:
        raise HarnessError(
            f"{folder} must hold {LAYOUTS[layout]}, got none; name it in args.folder"
        )
    once: dict[str, Files] = {}
    for files in found:
        if (other := once.setdefault(files.id, files)) is not files:
            raise HarnessError(
                f"{files.images[0]} must be of a case of a name of its own, got that of "
                f"{other.images[0]}; rename or remove one"
            )
    return found


def _listed(folder: Path, about: Mapping[str, Any]) -> list[Files]:
    """The training cases that `dataset.json` lists, if it does."""
    try:
        pairs = [
            (folder / entry["image"], folder / entry["label"])
            for entry in about.get("training") or ()
        ]
    except (TypeError, KeyError):
        must = 'list the training cases as {"image": FILE, "label": FILE}'
        raise HarnessError(
            f"{folder / 'dataset.json'} must {must}, got another entry; mend it"
        ) from None
    found = [
        Files(id=stem(image), part="train", images=(image,), label=label) for image, label in pairs
    ]
    return sorted(found, key=lambda files: natural(files.id))


def _foldered(folder: Path, part: str, suffixes: Sequence[str]) -> list[Files]:
    """Those of an image or a label; test images without a folder of labels are no cases.

    suffixes: what the name of a case is followed by in the names of its images.
    """
    places = [folder / f"{kind}{PARTS[part]}" for kind in ("images", "labels")]
    images, labels = (stems(place.glob("*")) for place in places)
    if part == "test" and not labels:
        return []
    names = {*labels, *(_base(name) if suffixes != [""] else name for name in images)}
    usual = next((ending(path) for path in (*images.values(), *labels.values())), "")
    return [
        Files(
            id=name,
            part=part,
            images=tuple(
                images.get(name + suffix, places[0] / f"{name}{suffix}{usual}")
                for suffix in suffixes
            ),
            label=labels.get(name, places[1] / f"{name}{usual}"),
        )
        for name in sorted(names, key=natural)
    ]


def _base(name: str) -> str:
    """The case of an nnU-Net image."""
    found = _CHANNEL.fullmatch(name)
    return found[1] if found else name


def _all_named(folder: Path, stored: int) -> None:
    for part in PARTS.values():
        for name, path in stems((folder / f"images{part}").glob("*")).items():
            found = _CHANNEL.fullmatch(name)
            if found and int(found[2]) >= stored:
                raise HarnessError(
                    f"{path} must be of channel 0 to {stored - 1}, got {int(found[2])}; "
                    "name all of them in args.modalities"
                )


def _of_lits(folder: Path) -> list[Files]:
    """Of `volume-N` and `segmentation-N`, which may lie in folders of their own."""
    named = stems([*folder.rglob("volume-*"), *folder.rglob("segmentation-*")])
    found = {name: path for name, path in named.items() if _LITS.match(name)}
    cases = []
    for number in sorted({name.partition("-")[2] for name in found}, key=natural):
        image, label = (f"{kind}-{number}" for kind in ("volume", "segmentation"))
        there = found.get(image) or found[label]
        paths = [found.get(name, there.with_name(name + ending(there))) for name in (image, label)]
        cases.append(Files(id=image, part="train", images=(paths[0],), label=paths[1]))
    return cases
