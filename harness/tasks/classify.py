"""A class, or several labels, a case."""

import functools
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from harness import predict
from harness.cases import SHIPPED, UNCALIBRATED
from harness.guards.batches import batch_dependence
from harness.guards.uncalibrated import not_calibrated
from harness.job import Job
from harness.predictions import Predictions
from harness.tasks._calibrated import calibration, twin, uncalibrated
from harness.tasks._lesson import Lesson


def teach(job: Job) -> Lesson:
    """Whole images, each once an epoch."""
    from harness.feed import Images
    from harness.validation import loss_of, validate

    return Lesson(
        feed=Images(cases=job.cases("train"), train=job.train, seed=job.run.seed),
        losses=functools.partial(loss_of, loss=job.train.loss),
        check=functools.partial(validate, train=job.train, val=job.val, device=job.run.device),
    )


def describe(job: Job) -> dict[str, Any]:
    """What the shipped file says of its input."""
    return {"range": list(job.val.range), "kind": job.val.kind}


def ask(job: Job) -> tuple[Predictions, dict[str, Any]]:
    """The exported file, and its torch twin, over every case; and doubts about it."""
    shipped, threshold = predict.onnx_model(job.folder / "model.onnx"), job.suite.policy.threshold
    models = {SHIPPED: shipped}
    if not job.model.onnx:
        models["torch"] = predict.torch_model(twin(job))
    splits = [job.val, job.cases("test"), *map(job.elsewhere, job.dataset.test_on)]
    table = predict.predict(models, splits, threshold)
    if job.model.build and not job.model.weights:
        known = job.cases("train").first(predict.TRAIN_CASES)
        asked = predict.predict({SHIPPED: shipped}, [known], threshold)
        table = Predictions.concatenated([table, asked])
    known, plain = calibration(job), shipped
    if known is not None:
        plain = uncalibrated(job, known)
        asked = predict.predict({UNCALIBRATED: plain}, splits[:2], threshold)
        table = Predictions.concatenated([table, asked])
    doubts = batch_dependence(plain, job.val, threshold)
    return table, {"warnings": [*doubts, *not_calibrated(known.unmet if known else ())]}


def mended(job: Job, unread: Sequence[Mapping[str, str]]) -> bool:
    """Images are read together: none is left out."""
    return False


def read(path: Path) -> Predictions:
    """The table that `ask` made, from its file."""
    return Predictions.from_parquet(path.read_bytes(), str(path))
