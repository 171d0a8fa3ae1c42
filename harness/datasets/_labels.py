"""Names of stored labels and channels, and which of them a suite asks for."""

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from harness.errors import HarnessError
from harness.ranges import demand, once


def stored_labels(about: Mapping[str, Any], named: Sequence[str], path: Path) -> dict[str, int]:
    """Name -> stored value, by rising value, without the background.

    `named` are the values 1, 2, ...; where empty, `labels` of a `dataset.json` says, of the
    Decathlon {"1": "liver"} or of nnU-Net {"liver": 1}. Raises HarnessError, naming `path`, the
    folder, where neither does, or it does so otherwise.
    """
    if named:
        once(named, "labels")
        return {name: value for value, name in enumerate(named, 1)}
    table = about.get("labels")
    if not isinstance(table, Mapping) or not table:
        raise HarnessError(f"{path} must have labels of known names, got none; name them in labels")
    by_value = all(str(key).isdecimal() for key in table)
    pairs = [(v, k) if by_value else (k, v) for k, v in table.items()]
    try:
        found = {str(name): _number(value) for name, value in pairs}
    except (TypeError, ValueError):
        must = "give each label one number"
        raise HarnessError(
            f"{path / 'dataset.json'} must {must}, got {dict(table)}; name them in labels and merge"
        ) from None
    if "ignore" in found or len(set(found.values())) < len(table):
        raise HarnessError(
            f"{path / 'dataset.json'} must say of each voxel what it is, got {dict(table)}; "
            "voxels to ignore and labels of one name are not supported"
        )
    return {name: value for name, value in sorted(found.items(), key=lambda p: p[1]) if value}


def _number(value: Any) -> int:
    if isinstance(value, bool | float) or int(value) < 0:
        raise ValueError(value)
    return int(value)


def stored_channels(about: Mapping[str, Any], named: Sequence[str], path: Path) -> list[str]:
    """The names of the channels of an image, in their order; one where nobody says."""
    once(named, "modalities")
    table = about.get("channel_names") or about.get("modality") or {"0": "image"}
    if named:
        return list(named)
    try:
        return [str(name) for _, name in sorted((int(k), name) for k, name in table.items())]
    except (AttributeError, ValueError):
        must = 'number its channels as {"0": "CT"}'
        raise HarnessError(f"{path / 'dataset.json'} must {must}, got {table!r}; mend it") from None


def chosen(
    stored: Mapping[str, int], classes: Sequence[str], merge: Mapping[str, Sequence[str]]
) -> tuple[tuple[str, ...], dict[int, int]]:
    """The classes, and stored value -> index, 0 for the background.

    merge: class -> the labels that it is made of. A label that is in none is a class of its own.
    classes: which are asked for, in this order; others are background. By default all, by the least
    value. Raises HarnessError for an unknown name and for a label of two classes.
    """
    parts = [label for labels in merge.values() for label in labels]
    _known(parts, stored, "merge")
    once(parts, "merge")
    for name, labels in merge.items():
        if name in stored and name not in labels:
            raise HarnessError(f"merge.{name} must hold the label {name}, got {list(labels)}")
    owner = {label: name for name, labels in merge.items() for label in labels}
    owners = {value: owner.get(label, label) for label, value in stored.items()}
    names = tuple(classes) or tuple(dict.fromkeys(owners.values()))
    _known(names, tuple(dict.fromkeys(owners.values())), "classes")
    once(names, "classes")
    index = {name: k for k, name in enumerate(names, 1)}
    return names, {value: index.get(name, 0) for value, name in owners.items()}


def places(stored: Sequence[str], channels: Sequence[str]) -> tuple[int, ...]:
    """Where the named channels are among the stored ones; by default, all of them."""
    _known(channels, stored, "channels")
    once(channels, "channels")
    return tuple(stored.index(name) for name in channels or stored)


def _known(names: Sequence[str], known: Iterable[str], what: str) -> None:
    for name in names:
        demand(name in known, what, f"be of {', '.join(known)}", name)
