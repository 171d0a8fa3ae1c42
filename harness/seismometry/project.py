"""A project of seismometer: one model's test cases as a folder that its notebook opens."""

import dataclasses
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from harness import disk, shelf
from harness.predictions import Predictions
from harness.seismometry import _notebook, _settings, _tables
from harness.seismometry._names import Column, Target, columns, targets
from harness.suite import Policy

FIGURES = {
    "AUROC": "roc_auc",
    "Sensitivity": "sensitivity",
    "Specificity": "specificity",
    "PPV": "ppv",
    "Accuracy": "accuracy",
}
"""What seismometer calls a metric -> the file in harness/metrics/."""

Place = tuple[str, str]
"""A cohort: column and value as seismometer shows them; two empty words are all cases."""
EVERYBODY: Place = ("", "")


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Project:
    """The test cases of a model in `folder`, and what is asked of seismometer about them.

    table: those cases, `SHIPPED` alone. limit: cohorts of so many cases or fewer are not shown.
    """

    folder: Path
    title: str
    table: Predictions
    threshold: float
    limit: int
    targets: Sequence[Target]
    columns: Sequence[Column]

    @property
    def by_threshold(self) -> bool:
        """Whether a probability above the threshold decides; else the likeliest class does."""
        return len(self.table.classes) == 2 or self.table.kind == "multilabel"

    @property
    def highlighted(self) -> float:
        """The threshold that drawings mark: the suite's, or 0.5 where none decides."""
        return self.threshold if self.by_threshold else 0.5

    @property
    def how(self) -> str:
        """The rule of a decision in words."""
        if self.by_threshold:
            return f"its probability is above {self.threshold:g}"
        return "it is the likeliest class"

    def cohorts(self) -> Mapping[str, Mapping[str, int]]:
        """Column -> value -> how many cases, as seismometer shows them, in order."""
        named = {each.shown: _tables.named(self.table, each.group) for each in self.columns}
        return {
            shown: {value: values.count(value) for value in _tables.ordered(values)}
            for shown, values in named.items()
        }

    def part(self, place: Place) -> Predictions:
        """The cases of a cohort."""
        column, value = place
        groups = {each.shown: each.group for each in self.columns}
        if not column:
            return self.table
        mine = np.array(_tables.named(self.table, groups[column])) == value
        return self.table.where(mine)

    def ours(self, target: Target, place: Place) -> dict[str, float]:
        """What the harness's metrics say of a target in a cohort; NaN where undefined."""
        cases = self.part(place)
        against = cases.one_against_rest(target.k)
        ones = np.ones((1, len(against)))
        measures = {name: shelf.load("metrics", file).measure for name, file in FIGURES.items()}
        return {name: float(measure(against, ones)[0]) for name, measure in measures.items()}


def project(table: Predictions, folder: Path, title: str, policy: Policy) -> Project:
    """What `write` writes of the test cases `table`, a row a case, of the variant that ships."""
    made = targets(table)
    return Project(
        folder=folder,
        title=title,
        table=table,
        threshold=policy.threshold,
        limit=_settings.censored(policy.groups_min_n),
        targets=made,
        columns=columns(table.groups, made),
    )


def write(found: Project) -> None:
    """All files of a project: settings, dictionary, tables and notebook. Raises Unwritable."""
    made, groups, folder = found.targets, found.columns, found.folder
    how = {target.k: found.how for target in made}
    said, seen = _settings.dictionaries(made, groups, how)
    settings = {
        _settings.CONFIG: _settings.config(),
        _settings.USAGE: _settings.usage(made, groups, found.limit),
        _settings.PREDICTED: said,
        _settings.HAPPENED: seen,
    }
    for name, told in settings.items():
        disk.write(folder / name, _yaml(told))
    data = folder / _settings.DATA
    disk.write(data / _settings.PREDICTIONS, _tables.predictions(found.table, made, groups))
    disk.write(data / _settings.EVENTS, _tables.events(found.table, made))
    told = _settings.metadata(found.title, found.highlighted)
    disk.write_json(data / _settings.METADATA, told)
    book = json.dumps(_notebook.notebook(found.title, notes(found)), indent=1)
    disk.write(folder / _notebook.FILE, book + "\n")


def notes(found: Project) -> list[str]:
    """What whoever opens the notebook should know first."""
    return [
        f"{len(found.table)} test cases; a class is decided where {found.how}. The columns "
        "`decided_...` are 0 or 1 by that rule: with one of them as score and 0.5 as threshold, "
        "numbers are those of the harness. Others take whole percents, and a case on the "
        "threshold as positive.",
        f"Cohorts of {found.limit} cases or fewer, and columns of more than {_settings.MOST}, "
        "are not shown.",
        "Where nothing is decided positive PPV is shown as 1; it is undefined.",
        "Images have no time: all predictions have the same, and lead times mean nothing.",
    ]


def _yaml(told: Any) -> str:
    """In ASCII, as seismometer reads it in the encoding of the machine."""
    import yaml

    text: str = yaml.safe_dump(told, sort_keys=False)
    return text
