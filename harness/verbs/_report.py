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
    as_json: of.Json = False,
    debug: of.Debug = False,
) -> None:
    """Write the pages of a recipe, Markdown and one self-contained HTML file.

    With --to nnunet, in place of pages, the masks of the test cases as NIfTI and a summary.json, a
    folder a model. They are made again by the Runs in --runs, the first seed of each model.
    Exit code 2 where a case cannot be read; the others are written.
    """
    from harness.verbs import report as verb

    globs, drawn = (dataset, model, seed, device), {"pictures": pictures, "video": video}
    give(verb.report(recipe, root(data), runs, baselines, out, globs, to=to, **drawn), as_json)
