"""A suite from its TOML file: found by name, changed by `--set`, parsed and checked once."""

import copy
import dataclasses
import hashlib
import json
import tomllib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from harness import rules, shelf, strict
from harness.errors import HarnessError
from harness.suite import Suite


def find(kind: str, name: str) -> Path:
    """The file of a suite or recipe: a path, else ./KIND/NAME.toml, else the shipped copy."""
    if name.endswith(".toml"):
        return Path(name)
    files = _files(kind)
    if name not in files:
        listed = ", ".join(sorted(files))
        raise HarnessError(f"{kind}/{name}.toml must exist, got no such file; known: {listed}")
    return files[name]


def known(kind: str) -> list[str]:
    """The names of all suites or recipes that `find` would find."""
    return sorted(_files(kind))


def title(name: str) -> str:
    """Of a suite, unchecked: enough for a listing."""
    return str(strict.read_toml(find("suites", name)).get("title", ""))


def _files(kind: str) -> dict[str, Path]:
    places = (shelf.PACKAGE.parent / kind, shelf.PACKAGE / "shipped" / kind, Path(kind))
    found = (file for place in places for file in place.glob("*.toml") if file.is_file())
    return {file.stem: file for file in found}


def load(name: str, sets: Sequence[str] = (), smoke: bool = False) -> Suite:
    """Parse and check the suite `name`, with `--set` texts such as "train.epochs=3" applied.

    A suite that is changed this way is another suite: its name gets a digest of the changes.
    Raises HarnessError with one sentence for the first mistake.
    """
    path = find("suites", name)
    rules.check_name(path.stem, str(path))
    table = strict.read_toml(path)
    for text in sets:
        _override(table, *_parsed(text), path)
    if smoke:
        _override(table, ["train", "epochs"], 1, path)
    _refuse_unknown(table, path)
    changes = hashlib.sha256(json.dumps([sorted(sets), smoke]).encode()).hexdigest()[:8]
    table["name"] = f"{path.stem}+{changes}" if sets or smoke else path.stem
    table["smoke"] = smoke
    if isinstance(table.get("metrics"), list):
        table["metrics"] = [_metric(item) for item in table["metrics"]]
    suite = strict.build(Suite, table, f"{path}:")
    rules.check(suite, str(path))
    return suite


def _refuse_unknown(table: Mapping[str, Any], path: Path) -> None:
    """Only `load` gives a suite its name and makes it smoke."""
    keys = sorted({field.name for field in dataclasses.fields(Suite)} - {"name", "smoke"})
    for key in table:
        if key not in keys:
            raise HarnessError(f"{path}: unknown key {key!r}; known: {', '.join(keys)}")


def _metric(item: Any) -> Any:
    """`"ece"` or `{ name = "ece", bins = 15 }` as the table of a MetricSpec."""
    if not isinstance(item, Mapping):
        return {"name": item}
    args = {key: value for key, value in item.items() if key != "name"}
    return {key: value for key, value in item.items() if key == "name"} | {"args": args}


def _parsed(text: str) -> tuple[list[str], Any]:
    key, equals, value = text.partition("=")
    keys = key.strip().split(".")
    if not (equals and all(keys)):
        raise HarnessError(f"--set must be KEY=VALUE such as train.epochs=3, got {text!r}")
    parsed = _value(value)
    strict.plain(parsed, f"--set {key.strip()}")
    return keys, parsed


def _value(text: str) -> Any:
    """As TOML reads it; what is no single TOML value is itself a text."""
    try:
        table = tomllib.loads(f"value = {text}")
    except (ValueError, RecursionError):
        return text.strip()
    return table["value"] if len(table) == 1 else text.strip()


def _override(table: dict[str, Any], keys: list[str], value: Any, path: Path) -> None:
    """Set a nested key; one of [train] also where a dataset's or model's own train table has it."""
    _assign(table, keys, value, path)
    kinds = ("datasets", "models") if keys[0] == "train" else ()
    for entry in (each for kind in kinds for each in _tables(table.get(kind)) if "train" in each):
        if len(keys) == 1 or keys[1] in _table(entry["train"]):
            _assign(entry, keys, value, path)


def _table(value: Any) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}


def _tables(value: Any) -> list[dict[str, Any]]:
    return [_table(entry) for entry in _table(value).values()]


def _assign(table: dict[str, Any], keys: list[str], value: Any, path: Path) -> None:
    for key in keys[:-1]:
        table = table.setdefault(key, {})
        if not isinstance(table, dict):
            whole = ".".join(keys)
            raise HarnessError(f"{path}: {key} must be a table to take {whole}, got {table!r}")
    table[keys[-1]] = copy.deepcopy(value)
