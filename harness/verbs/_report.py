"""The command line of `report`, which imports what it needs."""

from pathlib import Path
from typing import Annotated

import typer

from harness.verbs import _options as of
from harness.verbs._frame import give, root


def report(
    recipe: Annotated[str, typer.Argument(help="A name, or the path of a .toml.")] = "leaderboard",
    dataset: of.Datasets = None,
    model: of.Models = None,
    seed: of.Seeds = None,
    device: of.Devices = None,
    data: of.Data = None,
    runs: of.Runs = Path("runs"),
    baselines: of.Baselines = Path("baselines"),
    out: of.Pages = Path("reports"),
    pictures: of.Pictures = False,
    video: of.Video = False,
    to: of.To = None,
    seismometer: of.Seismometer = None,
    as_json: of.Json = False,
    debug: of.Debug = False,
) -> None:
    """Write the pages of a recipe and of each model, Markdown and self-contained HTML.

    With --to model_card, in place of pages, a Hugging Face card a model; measurements: one Parquet
    file of all numbers; grand_challenge: metrics.json; mlflow: runs of MLFLOW_TRACKING_URI, or of a
    file; nnunet: the masks of the test cases as NIfTI and a summary.json, a folder a model, made
    again by the Runs in --runs, the first seed of each model.
    With --seismometer DIR also, of each classification model whose predictions are at hand (of its
    first seed), a project that the package seismometer opens, and with that installed its fairness
    audit and evaluation as a page beside it.
    Exit code 2 where a case cannot be read; the others are written.
    """
    from harness.verbs import report as verb

    globs = (dataset, model, seed, device)
    found = verb.report(
        recipe,
        root(data),
        runs,
        baselines,
        out,
        globs,
        pictures=pictures,
        video=video,
        to=to,
        seismometer=seismometer,
    )
    give(found, as_json)
