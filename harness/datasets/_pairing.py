"""Which image and which mask are of one case, by their names."""

import dataclasses
from collections.abc import Mapping, Sequence
from pathlib import Path

from harness.datasets import _entries
from harness.datasets._names import natural
from harness.errors import HarnessError

PARTS = ("train", "val", "test")
WHOLE = "all"
PLACE = "{split}"
"""In the names of folders: what train, val and test stand for."""


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Entries:
    """Where images, or masks, are below a root, and what in a path is the name of the case."""

    argument: str
    where: str
    expression: str

    def of(self, root: Path, part: str) -> Mapping[str, Path]:
        """Name of the case -> entry."""
        paths = _entries.found(root, self.where.replace(PLACE, part), self.argument)
        return _entries.by_name(paths, root, self.expression, f"{self.argument[:-1]}_name")


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Pair:
    """The entries of a case; None of one that is not there."""

    id: str
    part: str
    subject: str
    image: Path | None
    mask: Path | None


def pairs(root: Path, images: Entries, masks: Entries, subject: str) -> list[Pair]:
    """Of every part, or of "all" where data has none, each in natural order of the names.

    Where there are parts, the name of its part is before that of a case. Raises HarnessError where
    there are no images, no masks, or none that go together, and where a subject is in two parts.
    """
    official = [PLACE in each.where for each in (images, masks)]
    if official[0] != official[1]:
        raise HarnessError(
            f"images and masks must both have {PLACE} in their names or neither, got "
            f"{images.where!r} and {masks.where!r}"
        )
    parts = PARTS if official[0] else (WHOLE,)
    there = {part: (images.of(root, part), masks.of(root, part)) for part in parts}
    for k, each in enumerate((images, masks)):
        if not any(entries[k] for entries in there.values()):
            raise HarnessError(
                f"{each.argument} must be a folder below {root} or a pattern of files in it, got "
                f"nothing in {each.where!r}; name the root by --data"
            )
    if not any(image.keys() & mask.keys() for image, mask in there.values()):
        image, mask = next(both for both in there.values() if both[0] or both[1])
        raise HarnessError(
            f"{root} must have an image and a mask of one name, got {[*image][:2]} and "
            f"{[*mask][:2]}; say in image_name and mask_name what the name of a case is"
        )
    found = [pair for part in parts for pair in _of(part, *there[part], subject)]
    _check_apart(found)
    return found


def _of(
    part: str, images: Mapping[str, Path], masks: Mapping[str, Path], subject: str
) -> list[Pair]:
    before = "" if part == WHOLE else f"{part}-"
    return [
        Pair(
            id=before + name,
            part=part,
            subject=_person(subject, name) if subject else before + name,
            image=images.get(name),
            mask=masks.get(name),
        )
        for name in sorted(images.keys() | masks.keys(), key=natural)
    ]


def _person(subject: str, name: str) -> str:
    return "-".join(_entries.groups(subject, name, "subject"))


def _check_apart(found: Sequence[Pair]) -> None:
    where: dict[str, str] = {}
    for pair in found:
        if (part := where.setdefault(pair.subject, pair.part)) != pair.part:
            raise HarnessError(
                f"{pair.image or pair.mask} must be of somebody who is in one part, got "
                f"{pair.subject!r} in {part} and {pair.part}; move all of a subject to one"
            )
