"""The options that verbs share: how they are called, and what --help says of them."""

from pathlib import Path
from typing import Annotated

import typer

SuiteName = Annotated[str, typer.Argument(metavar="SUITE", help="A name, or the path of a .toml.")]
Datasets = Annotated[list[str] | None, typer.Option("--dataset", help="Only these; globs.")]
Models = Annotated[list[str] | None, typer.Option("--model", help="Only these; globs.")]
Seeds = Annotated[list[str] | None, typer.Option("--seed", help="Only these.")]
Devices = Annotated[list[str] | None, typer.Option("--device", help="auto, cpu or cuda.")]
Sets = Annotated[list[str] | None, typer.Option("--set", help="train.epochs=3; wins over all.")]
Smoke = Annotated[bool, typer.Option("--smoke", help="1 epoch and 64 cases, kept apart.")]
Fresh = Annotated[bool, typer.Option("--fresh", help="Redo all.")]
Data = Annotated[Path | None, typer.Option("--data", help="Where data is. Or HARNESS_DATA.")]
Runs = Annotated[Path, typer.Option("--runs", help="Where records are read.")]
Out = Annotated[Path, typer.Option("--out", help="Where records go.")]
Pages = Annotated[Path, typer.Option("--out", help="Where pages go.")]
Baselines = Annotated[Path, typer.Option("--baselines", help="Where accepted records are.")]
Dirty = Annotated[bool, typer.Option("--allow-dirty", help="From uncommitted code too.")]
Json = Annotated[bool, typer.Option("--json", help="One object as the last line of stdout.")]
Debug = Annotated[bool, typer.Option("--debug", help="Tracebacks.")]
Quiet = Annotated[bool, typer.Option("--quiet", help="No progress.")]
