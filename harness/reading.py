"""A suite from its TOML file: found by name, changed by `--set`, parsed and checked once."""

import copy
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
    for place in _places(kind):
        if (place / f"{name}.toml").is_file():
            return place / f"{name}.toml"
    raise HarnessError(
        f"{kind}/{name}.toml must exist, got no such file; known: {', '.join(known(kind))}"
    )


def known(kind: str) -> list[str]:
    """The names of all suites or recipes that `find` would find."""
    return sorted({file.stem for place in _places(kind) for file in place.glob("*.toml")})


def title(name: str) -> str:
    """Of a suite, unchecked: enough for a listing."""
    return str(strict.read_toml(find("suites", name)).get("title", ""))


def _places(kind: str) -> list[Path]:
    return [Path(kind), shelf.PACKAGE / "shipped" / kind, shelf.PACKAGE.parent / kind]


def load(name: str, sets: Sequence[str] = (), smoke: bool = False) -> Suite:
    """Parse and check the suite `name`, with `--set` texts such as "train.epochs=3" applied.

    A suite that is changed this way is another suite: its name gets a digest of the changes.
    Raises HarnessError with one sentence for the first mistake.
    """
    path = find("suites", name)
    table = strict.read_toml(path)
    for text in sets:
        _set(table, text)
    if smoke:
        _override(table, ["train", "epochs"], 1)
    changes = hashlib.sha256(json.dumps([sorted(sets), smoke]).encode()).hexdigest()[:8]
    table = {**table, "metrics": [_metric(item) for item in _listed(table, path)], "smoke": smoke}
    table["name"] = f"{path.stem}+{changes}" if sets or smoke else path.stem
    suite = strict.build(Suite, table, f"{path}: suite")
    rules.check(suite, str(path))
    return suite


def _listed(table: Mapping[str, Any], path: Path) -> list[Any]:
    for key in ("name", "smoke"):
        if key in table:
            raise HarnessError(f"{path}: suite: unknown key {key!r}; the name is the file's")
    metrics = table.get("metrics", [])
    if not isinstance(metrics, list) or not metrics:
        raise HarnessError(f"{path}: suite.metrics must be a list of names, got {metrics!r}")
    return metrics


def _metric(item: Any) -> Any:
    """`"ece"` or `{ name = "ece", bins = 15 }` as the table of a MetricSpec."""
    if isinstance(item, Mapping):
        args = {key: value for key, value in item.items() if key != "name"}
        return {"name": item.get("name", ""), "args": args}
    return {"name": item}


def _set(table: dict[str, Any], text: str) -> None:
    key, equals, value = text.partition("=")
    if not (equals and key.strip()):
        raise HarnessError(f"--set must be KEY=VALUE such as train.epochs=3, got {text!r}")
    try:
        parsed = tomllib.loads(f"value = {value}")["value"]
    except tomllib.TOMLDecodeError:
        parsed = value.strip()
    _override(table, key.strip().split("."), parsed)


def _override(table: dict[str, Any], keys: list[str], value: Any) -> None:
    """Set a nested key; one of [train] also in every dataset's and model's own train table."""
    _assign(table, keys, value)
    for kind in ("datasets", "models") if keys[0] == "train" else ():
        for entry in table.get(kind, {}).values():
            if isinstance(entry, dict) and "train" in entry:
                _assign(entry, keys, value)


def _assign(table: dict[str, Any], keys: list[str], value: Any) -> None:
    for key in keys[:-1]:
        table = table.setdefault(key, {})
        if not isinstance(table, dict):
            raise HarnessError(f"--set {'.'.join(keys)}: {key} must be a table, got {table!r}")
    table[keys[-1]] = copy.copy(value)
