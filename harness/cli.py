"""The command line: the verbs and exit codes, nothing else. A verb imports what it needs."""

from functools import partial
from pathlib import Path
from typing import Annotated, NoReturn

import typer

from harness.verbs import _audit, _data, _report
from harness.verbs import _options as of
from harness.verbs._ending import Verbs, end
from harness.verbs._frame import give, opened

app = typer.Typer(
    cls=Verbs,
    help="Evaluate and benchmark medical-imaging models: train, export, measure, gate, rank.",
    add_completion=False,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)


@app.command("list")
def list_(
    shelf: Annotated[str | None, typer.Argument(help="models, datasets, metrics ...")] = None,
    as_json: of.Json = False,
    debug: of.Debug = False,
) -> None:
    """What there is: suites and shelves, with the reason where something is unavailable."""
    from harness.verbs.list import listing

    give(listing(shelf), as_json)


@app.command()
def plan(
    suite: of.SuiteName,
    dataset: of.Datasets = None,
    model: of.Models = None,
    seed: of.Seeds = None,
    device: of.Devices = None,
    set_: of.Sets = None,
    smoke: of.Smoke = False,
    data: of.Data = None,
    runs: of.Runs = Path("runs"),
    as_json: of.Json = False,
    debug: of.Debug = False,
) -> None:
    """The Runs of a suite and what is stale; runs nothing."""
    from harness.verbs.plan import planned

    globs = (dataset, model, seed, device)
    scope = opened(suite, globs, data, runs, sets=set_ or (), smoke=smoke)
    give(planned(scope), as_json)


@app.command()
def run(
    suite: of.SuiteName,
    dataset: of.Datasets = None,
    model: of.Models = None,
    seed: of.Seeds = None,
    device: of.Devices = None,
    set_: of.Sets = None,
    smoke: of.Smoke = False,
    fresh: of.Fresh = False,
    data: of.Data = None,
    out: of.Out = Path("runs"),
    as_json: of.Json = False,
    debug: of.Debug = False,
    quiet: of.Quiet = False,
) -> None:
    """Train or load, export, predict, score and time each selected Run; redo only what is stale."""
    from harness.verbs import run as verb

    globs = (dataset, model, seed, device)
    scope = opened(suite, globs, data, out, sets=set_ or (), smoke=smoke)
    give(verb.run(scope, fresh=fresh, quiet=quiet, debug=debug), as_json)


@app.command()
def score(
    suite: of.SuiteName,
    predictions: of.Predictions,
    format_: of.Format = None,
    name: of.Name = None,
    dataset: of.Datasets = None,
    data: of.Data = None,
    out: of.Out = Path("runs"),
    as_json: of.Json = False,
    debug: of.Debug = False,
) -> None:
    """Measure predictions made elsewhere with the metrics and policy of a suite.

    Check, accept, compare and report then take them as those of a model, on device external.
    """
    from harness.verbs import score as verb

    scope = opened(suite, (dataset, None, None, ["cpu"]), data, out)
    give(verb.score(scope, predictions, format_, name), as_json)


@app.command()
def check(
    suite: of.SuiteName,
    dataset: of.Datasets = None,
    model: of.Models = None,
    seed: of.Seeds = None,
    device: of.Devices = None,
    against: of.Against = "baselines",
    base: of.Base = None,
    strict: of.Strict = False,
    junit: of.Junit = None,
    markdown: of.Markdown = None,
    data: of.Data = None,
    runs: of.Runs = Path("runs"),
    baselines: of.Baselines = Path("baselines"),
    as_json: of.Json = False,
    debug: of.Debug = False,
) -> None:
    """Judge the records of a suite by its gates: against accepted ones, unless --against says else.

    Exit code 0 pass, 1 regression, 2 failed Run or nothing measured, 3 inconclusive where that
    fails, 4 not comparable. A folder for --against holds accepted records, or Runs of another
    revision. Published results are held against our intervals: worse where all of one is.
    """
    from harness.verbs import check as verb
    from harness.verbs._against import Asked

    files = {"junit": junit, "markdown": markdown}
    asked = Asked(baselines=baselines, against=against, base=base, strict=strict, **files)
    globs = (dataset, model, seed, device)
    scope = partial(opened, suite, globs, data, runs, baselines=baselines)
    give(verb.answer(suite, scope, asked), as_json)


@app.command()
def accept(
    suite: of.SuiteName,
    dataset: of.Datasets = None,
    model: of.Models = None,
    seed: of.Seeds = None,
    device: of.Devices = None,
    data: of.Data = None,
    runs: of.Runs = Path("runs"),
    baselines: of.Baselines = Path("baselines"),
    allow_dirty: of.Dirty = False,
    as_json: of.Json = False,
    debug: of.Debug = False,
) -> None:
    """Promote records to baselines, for people to review and commit."""
    from harness.verbs import accept as verb

    scope = opened(suite, (dataset, model, seed, device), data, runs)
    give(verb.accept(scope, baselines, allow_dirty=allow_dirty), as_json)


@app.command()
def compare(
    suite: of.SuiteName,
    a: Annotated[str, typer.Argument(help="A model of the suite, or a run folder.")],
    b: Annotated[str, typer.Argument(help="Another one.")],
    dataset: of.Datasets = None,
    seed: of.Seeds = None,
    device: of.Devices = None,
    where: of.Where = None,
    test: of.Test = "default",
    adjust: of.Adjust = "holm",
    data: of.Data = None,
    runs: of.Runs = Path("runs"),
    as_json: of.Json = False,
    debug: of.Debug = False,
) -> None:
    """Two models on the same cases: paired differences, and which of them are more than chance."""
    from harness.verbs import compare as verb

    scope = opened(suite, (dataset, None, seed, device), data, runs)
    found = verb.compare(scope, a, b, test=test, adjust=adjust, where=where or ())
    give(found, as_json)


app.command()(_audit.audit)
app.command()(_report.report)
app.add_typer(_data.app, name="data")


@app.command()
def doctor(as_json: of.Json = False, debug: of.Debug = False) -> None:
    """What this machine can measure, and why not the rest."""
    from harness.verbs import doctor as verb

    give(verb.doctor(), as_json)


def main() -> NoReturn:
    """The entry point."""
    end(app)
