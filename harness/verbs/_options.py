"""The options that verbs share: how they are called, and what --help says of them."""

from pathlib import Path
from typing import Annotated, Literal

import typer

SuiteName = Annotated[str, typer.Argument(metavar="SUITE", help="A name, or the path of a .toml.")]
Datasets = Annotated[list[str] | None, typer.Option("--dataset", help="Only these; globs.")]
Models = Annotated[list[str] | None, typer.Option("--model", help="Only these; globs.")]
Seeds = Annotated[list[str] | None, typer.Option("--seed", help="Only these.")]
Devices = Annotated[
    list[str] | None, typer.Option("--device", help="auto, cpu, cuda; external: not run, plan.")
]
Sets = Annotated[list[str] | None, typer.Option("--set", help="train.epochs=3; wins over all.")]
Smoke = Annotated[bool, typer.Option("--smoke", help="1 epoch, 64 cases or 4 volumes.")]
Fresh = Annotated[bool, typer.Option("--fresh", help="Redo all.")]
Data = Annotated[Path | None, typer.Option("--data", help="Where data is. Or HARNESS_DATA.")]
Runs = Annotated[Path, typer.Option("--runs", help="Where records are read.")]
Out = Annotated[Path, typer.Option("--out", help="Where records go.")]
Pictures = Annotated[bool, typer.Option("--pictures", help="And a page of cases, real ones too.")]
Video = Annotated[bool, typer.Option("--video", help="That, and an animation of each case.")]
To = Annotated[
    str | None,
    typer.Option(
        "--to", metavar="FORMAT", help="model_card, mlflow, nnunet ..., in place of pages."
    ),
]
Seismometer = Annotated[
    Path | None,
    typer.Option(
        "--seismometer", metavar="DIR", help="And a project of seismometer a model, with its audit."
    ),
]
Pages = Annotated[Path, typer.Option("--out", help="Where pages go.")]
Baselines = Annotated[Path, typer.Option("--baselines", help="Where accepted records are.")]
Predictions = Annotated[Path, typer.Option("--predictions", help="A file, or a folder of masks.")]
Format = Annotated[str | None, typer.Option("--format", help="csv, medmnist, nnunet or parquet.")]
Name = Annotated[str | None, typer.Option("--name", help="What to call the model.")]
Against = Annotated[
    str, typer.Option("--against", metavar="WHAT", help="baselines, published, or a folder.")
]
Base = Annotated[
    Path | None, typer.Option("--base", help="Runs of the base, to time both sides in turns.")
]
Strict = Annotated[
    bool, typer.Option("--strict", help="Warnings of records, leaks and stale audits fail.")
]
Junit = Annotated[Path | None, typer.Option("--junit", help="Also write JUnit XML there.")]
Markdown = Annotated[Path | None, typer.Option("--markdown", help="Also write Markdown there.")]
Dirty = Annotated[bool, typer.Option("--allow-dirty", help="From uncommitted code too.")]
Json = Annotated[bool, typer.Option("--json", help="One object as the last line of stdout.")]
Debug = Annotated[bool, typer.Option("--debug", help="Tracebacks.")]
Quiet = Annotated[bool, typer.Option("--quiet", help="No progress.")]
Where = Annotated[list[str] | None, typer.Option("--where", help="class=NAME, group.NAME=VALUE.")]
Test = Annotated[
    Literal["default", "bootstrap", "permutation", "mcnemar"],
    typer.Option("--test", help="How p is found; by default as the metric is best judged."),
]
Adjust = Annotated[
    Literal["holm", "benjamini-hochberg", "none"],
    typer.Option("--adjust", help="p values for how many there are."),
]
