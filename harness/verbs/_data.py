"""The command line of `data`: its verbs, each of which imports what it needs."""

from pathlib import Path
from typing import TYPE_CHECKING

import typer

from harness.verbs import _options as of
from harness.verbs._ending import Verbs
from harness.verbs._frame import give, opened

if TYPE_CHECKING:
    from harness.verbs._scope import Scope

app = typer.Typer(cls=Verbs, invoke_without_command=True, rich_markup_mode=None)


@app.callback()
def data(context: typer.Context) -> None:
    """Fetch or verify the published files that a suite's datasets need."""
    if context.invoked_subcommand is None:
        print(context.get_help())
        raise typer.Exit(2)


@app.command()
def fetch(
    suite: of.SuiteName,
    dataset: of.Datasets = None,
    data: of.Data = None,
    as_json: of.Json = False,
    debug: of.Debug = False,
    quiet: of.Quiet = False,
) -> None:
    """Download what is not there yet, and verify all.

    Files go into the folder that --data or HARNESS_DATA names, or into its `medmnist` if it has
    one; with none named into ~/.medmnist. The same command goes on where one was cut off.
    Exit code 0 if all is there and right, 2 if not.
    """
    from harness.verbs import data as verb

    give(verb.fetch(_scope(suite, dataset, data), quiet=quiet), as_json)


@app.command()
def verify(
    suite: of.SuiteName,
    dataset: of.Datasets = None,
    data: of.Data = None,
    as_json: of.Json = False,
    debug: of.Debug = False,
) -> None:
    """Say of each file whether it is ok, missing or wrong; download nothing.

    Exit code 0 if all are ok, 2 if one is missing or wrong.
    """
    from harness.verbs import data as verb

    give(verb.verify(_scope(suite, dataset, data)), as_json)


def _scope(suite: str, datasets: list[str] | None, data: Path | None) -> "Scope":
    return opened(suite, (datasets, None, None, ["cpu"]), data, Path("runs"))
