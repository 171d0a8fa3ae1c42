"""A Hugging Face model card a model: `README.md`, results as metadata and the trust report."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from harness import disk, shelf
from harness.errors import HarnessError
from harness.formats._places import failed, safe
from harness.formats._report import Report, Written
from harness.record import Measurement, Where
from harness.report import Board, Recipe, render
from harness.report._view import quality
from harness.report._words import label
from harness.standings import Standing, standings

TASKS: tuple[str, ...] = ()
"""It holds no predictions that could be scored."""
FILE = "README.md"
SECTIONS = (
    *("trust", "calibration", "fairness", "checklist", "classes", "groups", "external", "latency"),
    "conditions",
)
PIPELINES = {
    "classify": ("image-classification", "Image classification"),
    "segment": ("image-segmentation", "Image segmentation"),
}
NO_LICENCE = (
    "no card names a licence of its model: records know that of the data alone; add `license:` to "
    "each before it is published"
)


def export(report: Report, folder: Path) -> Written:
    """A folder SUITE-MODEL in `folder` a model, with a card that `huggingface_hub.ModelCard` loads.

    Its metadata has a `model-index`: a result a dataset, device and split, with the metrics that
    have a value, of several seeds their mean, and interval and n as `args`. What is undefined is
    in the text alone. Raises HarnessError where no record has numbers or two models have one
    folder, and Unwritable.
    """
    lines = [line for line in standings(report.entries) if line.rows]
    notes = failed(report.entries, "card")
    if not lines:
        raise HarnessError(f"--to model_card must have a record with numbers; {notes[0]}")
    taken: dict[Path, tuple[str, str]] = {}
    for suite, model in dict.fromkeys((line.suite, line.model) for line in lines):
        path = folder / safe(f"{suite}-{model}") / FILE
        if path in taken:
            raise HarnessError(f"{path} must be of one model, got {taken[path]} and {model}")
        taken[path] = suite, model
    board = Board(standings=tuple(lines))
    for path, (suite, model) in taken.items():
        disk.write(path, card(report.recipe, board.model(suite, model), suite, model))
    return Written(paths=list(taken), notes=[*notes, NO_LICENCE])


def card(recipe: Recipe, board: Board, suite: str, model: str) -> str:
    """The whole file: metadata between two lines of dashes, and the page of the model."""
    import yaml

    known = shelf.names("report")
    sections = tuple(name for name in SECTIONS if name in known)
    about = Recipe(
        name=recipe.name, title=model, suites=(suite,), sections=sections, source=recipe.source
    )
    page = render(about, board, "md", back=("", ""))
    told = metadata(board.standings, model)
    text: str = yaml.safe_dump(told, sort_keys=False, allow_unicode=True, width=100)
    return f"---\n{text}---\n\n{page}"


def metadata(lines: Sequence[Standing], model: str) -> dict[str, Any]:
    """What the hub knows of a model: its task, tags, metrics, and the index of its results."""
    pipeline, _ = PIPELINES[lines[0].task]
    results = [each for line in lines for each in _results(line)]
    return {
        "library_name": "onnx",
        "pipeline_tag": pipeline,
        "tags": ["medical-imaging", pipeline, "onnx"],
        "metrics": list(dict.fromkeys(m["type"] for each in results for m in each["metrics"])),
        "model-index": [{"name": model, "results": results}],
    }


def _results(line: Standing) -> Iterator[dict[str, Any]]:
    """Of its own test cases, of val, and of other sets."""
    task, name = PIPELINES[line.task]
    run = line.records[0].run
    others = [row.where["dataset"] for row in line.rows if row.where.keys() == {"dataset"}]
    places: list[tuple[str, str, Where]] = [
        (line.dataset, "test", {}),
        (line.dataset, "validation", {"split": "val"}),
        *((name, "test", {"dataset": name}) for name in dict.fromkeys(others)),
    ]
    for dataset, split, where in places:
        rows = [row for row in line.rows if row.where == where and _is_told(row)]
        own = {"revision": str(run["data"])} if run.get("data") and dataset == line.dataset else {}
        if rows:
            yield {
                "task": {"type": task, "name": name},
                "dataset": {
                    "type": dataset,
                    "name": f"{dataset} ({line.suite})",
                    "config": line.device,
                    "split": split,
                    **own,
                },
                "metrics": [_metric(row) for row in rows],
            }


def _is_told(row: Measurement) -> bool:
    return row.value is not None and (quality(row) or row.metric == "majority_rate")


def _metric(row: Measurement) -> dict[str, Any]:
    low, high = row.ci or (None, None)
    args = {
        "ci_low": low,
        "ci_high": high,
        "level": row.level,
        "n": row.n,
        "over": row.over,
        "method": row.method,
        "unit": None if row.unit == "1" else row.unit,
    }
    told = {key: value for key, value in args.items() if value is not None}
    return {
        "type": row.metric,
        "value": row.value,
        "name": label(row.metric),
        **({"args": told} if told else {}),
    }
