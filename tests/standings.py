"""Standings for the tests of reports. Every number in them is INVENTED."""

import dataclasses
import random
from collections.abc import Sequence
from statistics import fmean, stdev
from typing import Any

from harness.overview import overviews
from harness.published import Beside
from harness.record import Measurement, Record
from harness.report import Board
from harness.standings import Standing

MODELS = {"cnn-120-84": 59405, "cnn-60-42": 27701, "ltc-21-14": 37930, "ltc-30": 53528}
DATASETS = {
    "liquid3d": {"adrenal": 298, "nodule": 310, "vessel": 382},
    "medmnist2d": {"breast": 156, "derma": 2005},
}
CLASSES = {
    "breast": ("malignant", "benign"),
    "derma": ("bowen", "basal cell", "keratosis", "fibroma", "melanoma", "naevus", "vascular"),
}
TITLES = {
    "liquid3d": "Invented volumes: convolutional and liquid networks",
    "medmnist2d": "Invented images in two dimensions",
}
ONE = {"backend": "onnxruntime", "provider": "CPUExecutionProvider", "precision": "fp32"}


def undefined(metric: str, reason: str, **about: Any) -> Measurement:
    """A row without a value."""
    return Measurement(metric=metric, value=None, status="undefined", reason=reason, **about)


def score(metric: str, value: float, n: int, room: float = 0.05, **about: Any) -> Measurement:
    """A row of quality with an interval."""
    return Measurement(
        metric=metric,
        value=value,
        n=n,
        over="image",
        ci=(max(value - room, 0.0), min(value + room, 1.0)),
        level=0.95,
        method="percentile bootstrap over images, 2000 resamples",
        **{"better": "higher", **about},
    )


def quality(dice: random.Random, n: int, classes: Sequence[str]) -> list[Measurement]:
    """What a score step would find: overall, by class, by group, and against torch."""
    room = 1.0 / n**0.5
    rows = [
        score("roc_auc", dice.uniform(0.75, 0.92), n, room),
        score("accuracy", dice.uniform(0.74, 0.86), n, room),
        score("balanced_accuracy", dice.uniform(0.6, 0.8), n, room),
        score("brier", dice.uniform(0.1, 0.2), n, 0.02, better="lower"),
        score("majority_rate", 0.7685, n, room, better=None),
        Measurement(metric="parity_max_abs", value=5.96e-8, n=2 * n, over="image", better="lower"),
        Measurement(metric="parity_flips", value=0.0, unit="cases", better="lower"),
        Measurement(
            metric="roc_auc",
            value=dice.uniform(-1e-8, 1e-8),
            kind="difference",
            where={"variant": "torch"},
        ),
    ]
    for name in classes:
        rows.append(score("roc_auc", dice.uniform(0.6, 0.95), n, room, where={"class": name}))
    for size in ("small", "middle", "large"):
        for metric in ("roc_auc", "accuracy"):
            value = dice.uniform(0.6, 0.95)
            rows.append(score(metric, value, n // 4, 2 * room, where={"group.size": size}))
    for metric in ("roc_auc", "accuracy"):
        reason = "only 7 cases; groups_min_n is 10"
        rows.append(undefined(metric, reason, n=7, where={"group.size": "giant"}))
    return rows


def speed(dice: random.Random, parameters: int) -> list[Measurement]:
    """What the export and time steps would find."""
    rows = [
        Measurement(
            metric="parameters_trainable", value=parameters, unit="parameters", better="lower"
        ),
        Measurement(
            metric="parameters_effective", value=parameters // 3, unit="parameters", better="lower"
        ),
        Measurement(metric="size_bytes", value=parameters * 8.5, unit="bytes", better="lower"),
    ]
    for backend, batch in (("onnxruntime", "1"), ("onnxruntime", "64"), ("torch", "1")):
        where = {**ONE, "backend": backend, "batch": batch, "threads": "1"}
        about: dict[str, Any] = {"where": where, "over": "call", "unit": "ms", "better": "lower"}
        p50 = dice.uniform(0.5, 1.5) * parameters / 1000 * (4 if batch == "64" else 1)
        for metric, factor in (
            ("p50", 1.0),
            ("p90", 1.1),
            ("p95", 1.2),
            ("cold", 3.0),
            ("load", 4.0),
        ):
            value = p50 * factor
            rows.append(
                Measurement(
                    metric=f"latency_{metric}",
                    value=value,
                    n=130,
                    ci=(0.96 * value, 1.05 * value),
                    **about,
                )
            )
        rows.append(undefined("latency_p99", "needs at least 473 samples, got 130", **about))
        rows.append(
            Measurement(
                metric="throughput",
                value=1000 / p50,
                **{**about, "unit": "images/s", "better": "higher"},
            )
        )
    return rows


def history(dice: random.Random, epochs: int) -> tuple[dict[str, float], ...]:
    """A curve that learns, then overfits."""
    return tuple(
        {
            "epoch": epoch,
            "train_loss": 0.3 + 0.5 * 0.96**epoch + dice.uniform(-0.01, 0.01),
            "val_loss": 0.4 + 0.4 * 0.95**epoch + 0.0015 * epoch + dice.uniform(-0.02, 0.02),
        }
        for epoch in range(1, epochs + 1)
    )


def run(suite: str, dataset: str, model: str, seed: int, metric: str = "roc_auc") -> dict[str, Any]:
    """The fields of a Run, and what a record says beside them."""
    return {
        "suite": suite,
        "dataset": dataset,
        "model": model,
        "device": "cpu",
        "seed": seed,
        "title": TITLES.get(suite, suite),
        "task": "classify",
        "metrics": [metric, "accuracy", "balanced_accuracy", "brier"],
        "data": "bbd3c5a5576322bc4cdfea780653b1ce",
        "source": {
            "url": "example.org/records/1",
            "licence": "CC BY 4.0",
            "citation": "Nobody, 2001",
        },
        "classes": list(CLASSES.get(dataset, ("normal", "lesion"))),
    }


def record(run: dict[str, Any], rows: Sequence[Measurement] = (), **about: Any) -> Record:
    """A record of one seed."""
    packages = {"harness": "0.1.0", "torch": "2.13.0", "onnxruntime": "1.23.0"}
    conditions = {"cpu": "Invented CPU at 2.0 GHz", "cores": 2, "memory_gb": 8, "commit": "0" * 40}
    fields: dict[str, Any] = {
        "status": "ok",
        "measurements": tuple(rows),
        "selection": {
            "epoch": 41,
            "split": "val",
            "epochs_run": 57,
            "rule": "best epoch; val_loss",
        },
        "environment": {"python": "3.11.2", "packages": packages, **conditions, "dirty": False},
        "seconds": {"fit": 212.4, "export": 1.31, "predict": 4.2, "score": 0.8, "time": 9.9},
        **about,
    }
    return Record(run=run, **fields)


def standing(records: Sequence[Record], rank: int | None = 1, **about: Any) -> Standing:
    """What a comparison makes of the records of one model: rows are means over those that ended."""
    first = records[0].run
    ended = [record for record in records if record.status != "failed"]
    fields: dict[str, Any] = {
        **{key: first[key] for key in ("suite", "title", "task", "dataset", "model", "device")},
        "metric": first["metrics"][0],
        "seeds": tuple(record.run["seed"] for record in records),
        "records": tuple(records),
        "rows": ended[0].measurements if len(ended) == 1 else means(ended),
        "rank": rank,
        "spread": spread(ended, first["metrics"][0]),
        **about,
    }
    return Standing(**fields)


def spread(records: Sequence[Record], metric: str) -> Measurement | None:
    """Between seeds; None where there are not several with a value."""
    rows = [row for record in records if (row := record.find(metric))]
    values = [row.value for row in rows if row.value is not None]
    if len(values) < 2:
        return None
    about: dict[str, Any] = {"n": len(values), "over": "seed", "method": "standard deviation"}
    return Measurement(metric=metric, value=stdev(values), **about)


def means(records: Sequence[Record]) -> tuple[Measurement, ...]:
    """Rows of several seeds: the mean where all have a value, without an interval."""
    rows = []
    for row in records[0].measurements if records else ():
        values = [same.value for one in records if (same := one.find(row.metric, **row.where))]
        known = [value for value in values if value is not None]
        changed: dict[str, Any] = {"ci": None, "method": f"mean of {len(known)} seeds"}
        if len(known) == len(records):
            changed["value"] = fmean(known)
        rows.append(dataclasses.replace(row, **changed))
    return tuple(rows)


def board(standings: Sequence[Standing], published: Sequence[Beside] = ()) -> Board:
    """What a page is made of."""
    return Board(
        standings=tuple(standings),
        overviews=tuple(overviews(standings)),
        published=tuple(published),
    )


def invented() -> list[Standing]:
    """Two suites, five datasets, models of three seeds and of one, one that failed."""
    lines = []
    for suite, datasets in DATASETS.items():
        for dataset, n in datasets.items():
            found = [_invented(suite, dataset, model, n) for model in MODELS]
            merit = sorted(-(line.rows[0].value or 0.0) for line in found)
            lines += [_ranked(line, merit) for line in found]
            if suite == "liquid3d":
                failed: dict[str, Any] = {
                    "status": "failed",
                    "error": "the training loss must be finite, got nan",
                }
                about = run(suite, dataset, "lstm-40", 0)
                broken = record(about, **failed, selection={}, seconds={})
                lines.append(standing([broken], rank=None))
    return lines


def _invented(suite: str, dataset: str, model: str, n: int) -> Standing:
    dice = random.Random(f"{suite}/{dataset}/{model}")
    seeds = (0, 1, 2) if suite == "liquid3d" else (0,)
    rows = speed(dice, MODELS[model])
    told = {"code": "constant-predictor", "message": "every test case is decided 'normal'"}
    slow = {"code": "noisy-latency", "message": "torch at batch 1: close other programs"}
    warned = (told, slow) if model == "ltc-21-14" else ()
    records = [
        record(
            run(suite, dataset, model, seed),
            [*quality(dice, n, CLASSES.get(dataset, ())), *rows],
            warnings=warned,
        )
        for seed in seeds
    ]
    curves = tuple(history(dice, 50 + 3 * seed) for seed in seeds)
    cautions = ("constant predictor",) if model == "ltc-21-14" else ()
    return standing(records, histories=curves, cautions=cautions, among=len(MODELS))


def _ranked(line: Standing, merits: Sequence[float]) -> Standing:
    return dataclasses.replace(line, rank=merits.index(-(line.rows[0].value or 0.0)) + 1)
