"""The command line: the verbs and exit codes, nothing else. A verb imports what it needs."""

import json
import os
import sys
import traceback
from pathlib import Path
from typing import Annotated, Any

import typer

from harness.errors import HarnessError

app = typer.Typer(
    help="Evaluate and benchmark medical-imaging models: train, export, measure, gate, rank.",
    add_completion=False,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    no_args_is_help=True,
    context_settings={"help_option_names": ["-h", "--help"]},
)

SuiteName = Annotated[str, typer.Argument(metavar="SUITE", help="A name, or the path of a .toml.")]
Datasets = Annotated[list[str] | None, typer.Option("--dataset", help="Only these; globs.")]
Models = Annotated[list[str] | None, typer.Option("--model", help="Only these; globs.")]
Seeds = Annotated[list[str] | None, typer.Option("--seed", help="Only these.")]
Devices = Annotated[list[str] | None, typer.Option("--device", help="auto, cpu or cuda.")]
Sets = Annotated[list[str] | None, typer.Option("--set", help="train.epochs=3; wins over all.")]
Smoke = Annotated[bool, typer.Option("--smoke", help="1 epoch and 64 cases, kept apart.")]
Data = Annotated[Path | None, typer.Option("--data", help="Where data is. Or HARNESS_DATA.")]
Runs = Annotated[Path, typer.Option("--runs", help="Where records are read.")]
Baselines = Annotated[Path, typer.Option("--baselines", help="Where accepted records are.")]
Json = Annotated[bool, typer.Option("--json", help="One object as the last line of stdout.")]
Debug = Annotated[bool, typer.Option("--debug", help="Tracebacks.")]
Dirty = Annotated[bool, typer.Option("--allow-dirty", help="From uncommitted code too.")]
Quiet = Annotated[bool, typer.Option("--quiet", help="No progress.")]


@app.command("list")
def list_(
    shelf: Annotated[str | None, typer.Argument(help="models, datasets, metrics ...")] = None,
    as_json: Json = False,
) -> None:
    """What there is: suites and shelves, with the reason where something is unavailable."""
    from harness import verbs

    _print(verbs.listing(shelf), as_json)


@app.command()
def plan(
    suite: SuiteName,
    dataset: Datasets = None,
    model: Models = None,
    seed: Seeds = None,
    device: Devices = None,
    set_: Sets = None,
    smoke: Smoke = False,
    data: Data = None,
    runs: Runs = Path("runs"),
    as_json: Json = False,
) -> None:
    """The Runs of a suite and what is stale; runs nothing."""
    from harness import verbs

    scope = verbs.open_scope(suite, (dataset, model, seed, device), set_, smoke, _root(data), runs)
    _print(verbs.planned(scope), as_json)


@app.command()
def run(
    suite: SuiteName,
    dataset: Datasets = None,
    model: Models = None,
    seed: Seeds = None,
    device: Devices = None,
    set_: Sets = None,
    smoke: Smoke = False,
    fresh: Annotated[bool, typer.Option("--fresh", help="Redo all.")] = False,
    data: Data = None,
    out: Annotated[Path, typer.Option("--out", help="Where records go.")] = Path("runs"),
    as_json: Json = False,
    debug: Debug = False,
    quiet: Quiet = False,
) -> None:
    """Train or load, export, predict, score and time each selected Run; redo only what is stale."""
    from harness import verbs

    scope = verbs.open_scope(suite, (dataset, model, seed, device), set_, smoke, _root(data), out)
    answer = verbs.run(scope, fresh=fresh, quiet=quiet, debug=debug)
    _print(answer, as_json)


@app.command()
def check(
    suite: SuiteName,
    dataset: Datasets = None,
    model: Models = None,
    seed: Seeds = None,
    device: Devices = None,
    data: Data = None,
    runs: Runs = Path("runs"),
    baselines: Baselines = Path("baselines"),
    as_json: Json = False,
) -> None:
    """Judge the records of a suite by its gates against accepted ones.

    Exit code 0 pass, 1 regression, 2 nothing measured, 3 inconclusive where that fails,
    4 not comparable.
    """
    from harness import verbs

    scope = verbs.open_scope(suite, (dataset, model, seed, device), None, False, _root(data), runs)
    _print(verbs.check(scope, baselines), as_json)


@app.command()
def accept(
    suite: SuiteName,
    dataset: Datasets = None,
    model: Models = None,
    seed: Seeds = None,
    device: Devices = None,
    data: Data = None,
    runs: Runs = Path("runs"),
    baselines: Baselines = Path("baselines"),
    allow_dirty: Dirty = False,
    as_json: Json = False,
) -> None:
    """Promote records to baselines, for people to review and commit."""
    from harness import verbs

    scope = verbs.open_scope(suite, (dataset, model, seed, device), None, False, _root(data), runs)
    _print(verbs.accept(scope, baselines, allow_dirty=allow_dirty), as_json)


@app.command()
def compare(
    suite: SuiteName,
    a: Annotated[str, typer.Argument(help="A model of the suite, or a run folder.")],
    b: Annotated[str, typer.Argument(help="Another one.")],
    dataset: Datasets = None,
    seed: Seeds = None,
    device: Devices = None,
    data: Data = None,
    runs: Runs = Path("runs"),
    as_json: Json = False,
) -> None:
    """Two models on the same cases: paired differences with intervals."""
    from harness import verbs

    scope = verbs.open_scope(suite, (dataset, None, seed, device), None, False, _root(data), runs)
    _print(verbs.compare(scope, a, b), as_json)


@app.command()
def report(
    recipe: Annotated[str, typer.Argument(help="A name, or the path of a .toml.")] = "leaderboard",
    data: Data = None,
    runs: Runs = Path("runs"),
    baselines: Baselines = Path("baselines"),
    out: Annotated[Path, typer.Option("--out", help="Where pages go.")] = Path("reports"),
    as_json: Json = False,
) -> None:
    """Write the pages of a recipe, Markdown and one self-contained HTML file."""
    from harness import verbs

    _print(verbs.report(recipe, _root(data), runs, baselines, out), as_json)


@app.command()
def doctor(as_json: Json = False) -> None:
    """What this machine can measure, and why not the rest."""
    from harness import verbs

    _print(verbs.doctor(), as_json)


def _root(data: Path | None) -> Path | None:
    named = data or (Path(os.environ["HARNESS_DATA"]) if os.environ.get("HARNESS_DATA") else None)
    if named is not None and not named.is_dir():
        raise HarnessError(f"--data or HARNESS_DATA must be a folder, got {named}")
    return named


def _print(answer: Any, as_json: bool) -> None:
    """An Answer of `verbs`: its text, or its data as the last line; then its exit code."""
    if answer.text:
        print(answer.text)
    if as_json:
        print(json.dumps(answer.data, allow_nan=False))
    raise typer.Exit(answer.code)


def main() -> None:
    """The entry point: one sentence for what a user can mend, 130 after Ctrl-C."""
    try:
        app()
    except HarnessError as error:
        if "--debug" in sys.argv:
            traceback.print_exc()
        print(f"harness: {error}", file=sys.stderr)
        sys.exit(2)
    except BrokenPipeError:
        sys.exit(141)
