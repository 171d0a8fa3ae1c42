"""What commands do before and after their verb: the named folder, the scope, the answer printed."""

import json
import os
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

import typer

from harness.errors import HarnessError

if TYPE_CHECKING:
    from harness.verbs._scope import Answer, Globs, Scope


def opened(suite: str, globs: "Globs", data: Path | None, place: Path, **changes: Any) -> "Scope":
    """The selected Runs of a suite. Raises HarnessError for what cannot be read or selected."""
    from harness.verbs._scope import open_scope

    return open_scope(suite, globs, root(data), place, **changes)


def root(data: Path | None) -> Path | None:
    """The folder that --data or else HARNESS_DATA names. Raises HarnessError where it is none."""
    named = data or (Path(os.environ["HARNESS_DATA"]) if os.environ.get("HARNESS_DATA") else None)
    if named is not None and not named.is_dir():
        raise HarnessError(f"--data or HARNESS_DATA must be a folder, got {named}")
    return named


def give(answer: "Answer", as_json: bool) -> NoReturn:
    """The text, or the data as the last line; then its exit code."""
    if answer.text:
        print(answer.text)
    if as_json:
        print(json.dumps(answer.data, allow_nan=False))
    raise typer.Exit(answer.code)
