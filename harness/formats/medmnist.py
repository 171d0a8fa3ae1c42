"""MedMNIST's standard evaluation file: a row a case, its index, then a score a class.

The name says what is in it: `FLAG[_SIZE]_SPLIT_[AUC]0.901_[ACC]0.863@RUN.csv`, without labels; they
come from the data. Figures are those of `medmnist.Evaluator`: at 0.5, or the highest score.
"""

import csv
import dataclasses
import io
import re
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from harness import shelf, truth
from harness.cases import SHIPPED
from harness.disk import write as write_file
from harness.errors import HarnessError
from harness.predict import widen
from harness.predictions import Predictions, decide
from harness.samples import Samples
from harness.suite import Suite

NAME = re.compile(
    r"(?P<flag>[a-z0-9]+)(_(?P<size>\d+))?_(?P<split>train|val|test)"
    r"_\[AUC\](?P<AUC>\d\.\d+)_\[ACC\](?P<ACC>\d\.\d+)@(?P<run>.+)\.csv"
)
FIGURES = {"AUC": "roc_auc", "ACC": "accuracy"}
ROUNDING = 0.0005 + 1e-9  # the figures of a name have three decimals


def sniff(path: Path) -> bool:
    """Whether a file has a standard name."""
    return NAME.fullmatch(path.name) is not None


def datasets(path: Path, suite: Suite) -> list[str]:
    """The datasets of the suite that a file can be of, by its name.

    Raises HarnessError where the name is not of this form, or of none of them.
    """
    told = _named(path)
    args = {"flag": told["flag"], "size": int(told["size"] or 28)}
    ours = {name: each for name, each in suite.datasets.items() if each.load == "medmnist"}
    asked = {name: {"size": 28, **each.args} for name, each in ours.items()}
    found = [name for name, each in asked.items() if each == args]
    if not found:
        known = ", ".join(f"{a['flag']} at {a['size']}" for a in asked.values()) or "no MedMNIST"
        raise HarnessError(
            f"{path.name} must be of data of suite {suite.name}, which has {known}, "
            f"got {args['flag']} at {args['size']}"
        )
    return found


def read(path: Path, suite: Suite, root: Path | None) -> Predictions:
    """The cases of the file in the order of the data, decided by the suite's threshold.

    Raises HarnessError where the name is not of this form or names data that the suite does not
    have, where the data is not here, where rows are not one a case and in order, where scores are
    no probabilities, and where the figures of the name are not those of the scores.
    """
    dataset, told = suite.datasets[datasets(path, suite)[0]], _named(path)
    if (reason := truth.absent(dataset, root)) is not None:
        raise HarnessError(
            f"{path.name} must be joined to the labels of its data, and {reason}; name its folder "
            "by --data, or bring it by harness data fetch"
        )
    cases = truth.cases(dataset, told["split"], root)
    scores = _scores(path, cases)
    for figure, metric in FIGURES.items():
        found = _figure(metric, _table(scores, cases, 0.5))
        if not abs(found - float(told[figure])) <= ROUNDING:  # nor where it is undefined
            raise HarnessError(
                f"{path.name} must score {figure} {told[figure]} as its name says, got "
                f"{found:.3f}; it is another file, or was scored on other labels"
            )
    return _table(scores, cases, suite.policy.threshold)


def write(predictions: Predictions, folder: Path, *, flag: str, run: str, size: int = 28) -> Path:
    """Write one split of the shipped variant into `folder`, under its standard name.

    Raises HarnessError where the predictions are of several splits, or of none.
    """
    splits = sorted(set(predictions.split.tolist()))
    if len(splits) != 1 or len(set(predictions.id.tolist())) < len(predictions):
        raise HarnessError(f"a MedMNIST file must be of one split, once, got {splits or 'no case'}")
    decision = decide(predictions.probability, predictions.kind, 0.5)
    judged = dataclasses.replace(predictions, decision=decision)
    told = "_".join(f"[{name}]{_figure(metric, judged):.3f}" for name, metric in FIGURES.items())
    suffix = "" if size == 28 else f"_{size}"
    text = io.StringIO()
    rows = enumerate(predictions.probability.tolist())
    csv.writer(text, lineterminator="\n").writerows([index, *row] for index, row in rows)
    path = folder / f"{flag}{suffix}_{splits[0]}_{told}@{run}.csv"
    write_file(path, text.getvalue())
    return path


def _named(path: Path) -> re.Match[str]:
    told = NAME.fullmatch(path.name)
    if told is None:
        wanted = "FLAG_SPLIT_[AUC]0.000_[ACC]0.000@RUN.csv"
        raise HarnessError(f"the name of a MedMNIST file must be {wanted}, got {path.name}")
    return told


def _scores(path: Path, cases: Samples) -> NDArray[np.float64]:
    """(n, classes), row i being case i of the split."""
    try:
        rows = list(csv.reader(path.read_text(encoding="utf-8").splitlines()))
        index = [int(float(row[0])) for row in rows]
        scores = np.array([[float(value) for value in row[1:]] for row in rows])
    except (OSError, ValueError, IndexError, OverflowError, csv.Error) as error:
        raise HarnessError(f"{path} must be rows of an index and scores, got: {error}") from None
    if index != list(range(len(cases))):
        got = f"{len(index)} from {index[:1]} to {index[-1:]}"
        raise HarnessError(f"{path} must have rows 0 to {len(cases) - 1} in order, got {got}")
    if scores.ndim != 2:
        raise HarnessError(f"{path} must have as many scores in each row, got others")
    try:
        return widen(scores, len(cases.classes), cases.kind)
    except HarnessError as error:
        raise HarnessError(f"{path}: {error}") from None


def _table(scores: NDArray[np.float64], cases: Samples, threshold: float) -> Predictions:
    return Predictions(
        classes=cases.classes,
        kind=cases.kind,
        id=cases.ids,
        split=np.full(len(cases), cases.split),
        variant=np.full(len(cases), SHIPPED),
        y_true=cases.targets,
        probability=scores,
        decision=decide(scores, cases.kind, threshold),
    )


def _figure(metric: str, table: Predictions) -> float:
    """Of all cases, each once."""
    measure = shelf.load("metrics", metric).measure
    return float(measure(table, np.ones((1, len(table))))[0])
