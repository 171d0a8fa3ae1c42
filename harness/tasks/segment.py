"""A mask a case: volumes, or flat images, measured one at a time on their own grid."""

import functools
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from harness import predict, segment
from harness.cases import ELSEWHERE, SHIPPED
from harness.digests import prepared_digest
from harness.errors import HarnessError
from harness.inference import Reader
from harness.job import Job
from harness.segmented import Segmented
from harness.suite import MetricSpec
from harness.tasks._lesson import Lesson
from harness.volumes import SIZE

TRAIN_VOLUMES = 50
"""So many training cases are asked, for the gap between them and test."""
ALWAYS = (MetricSpec(name="missed_cases"), MetricSpec(name="false_alarm_cases"))
"""Metrics that no suite has to name: how often a model finds nothing, or what is not there."""


def reader(job: Job) -> Reader:
    """How a model of the Run reads a case.

    Raises HarnessError for a threshold where the likeliest of several classes is taken.
    """
    classes, threshold = job.val.classes, job.suite.policy.threshold
    if len(classes) > 1 and threshold != 0.5:
        raise HarnessError(
            f"policy.threshold must be 0.5 where a voxel is of one of {len(classes)} classes, of "
            f"which the likeliest is taken, got {threshold:g}; leave it out"
        )
    return Reader(input=job.input, threshold=job.suite.policy.threshold)


def asked(job: Job) -> segment.Asked:
    """What is counted of a case of the Run."""
    names = [metric.name for metric in job.suite.metrics]
    more = [metric for metric in ALWAYS if metric.name not in names]
    return segment.Asked(
        metrics=(*job.suite.metrics, *more),
        empty=job.suite.policy.empty,
        sizes=job.dataset.groups.get(SIZE, ()),
    )


def teach(job: Job) -> Lesson:
    """Slices or crops of prepared volumes; val is whole cases."""
    from harness.losses import mask_loss
    from harness.mask_validation import validate
    from harness.patches import Patches
    from harness.prepare import prepare

    folder = job.folder.parents[4] / "prepared"
    key = prepared_digest(job.suite, job.run, job.root)

    def ready(split: str) -> Any:
        volumes = job.val if split == "val" else job.cases(split)
        said = functools.partial(_say, job, split)
        return prepare(volumes, job.input, folder, key=key, report=said)

    train, val = ready("train"), ready("val")
    for split, prepared in (("train", train), ("val", val)):
        for fault in prepared.faults:
            job.progress.unread(job.run.id, f"{split} case {fault.id}", fault.message)
    size = job.input.size or ()
    return Lesson(
        feed=Patches(train, size, job.train, seed=job.run.seed),
        losses=functools.partial(mask_loss, loss=job.train.loss),
        check=functools.partial(
            validate, train=job.train, val=val, reader=reader(job), device=job.run.device
        ),
        unread=tuple(
            {"id": fault.id, "split": split, "message": fault.message}
            for split, prepared in (("train", train), ("val", val))
            for fault in prepared.faults
        ),
    )


def _say(job: Job, split: str, done: int, total: int) -> None:
    job.progress.prepared(job.run.id, split, done, total)


def describe(job: Job) -> dict[str, Any]:
    """What the shipped file says of its input."""
    given = job.input
    return {
        "axes": "RAS",
        "range": list(given.range),
        "kind": job.val.kind,
        "intensity": given.intensity,
        "window": given.window and list(given.window),
        "spacing": given.spacing and list(given.spacing),
        "resize": given.resize and list(given.resize),
        "overlap": given.overlap,
    }


def ask(job: Job) -> tuple[Segmented, dict[str, Any]]:
    """The exported file, and its torch twin, over every case; and the cases that are unread."""
    shipped = predict.onnx_model(job.folder / "model.onnx")
    models = {SHIPPED: shipped}
    if not job.model.onnx:
        models["torch"] = predict.torch_model(job.probabilities())
    splits = [job.val, job.cases("test"), *map(job.elsewhere, job.dataset.test_on)]
    how, what = reader(job), asked(job)
    table, unread = segment.predict(models, splits, how, what)
    if job.model.build and not job.model.weights:
        known = job.cases("train").first(TRAIN_VOLUMES)
        more, also = segment.predict({SHIPPED: shipped}, [known], how, what)
        lost = [case["id"] for case in also]
        table = Segmented.concatenated([table, more.where(~np.isin(more.id, lost))])
        unread = [*unread, *also]
    return table, {"unread": unread}


def mended(job: Job, unread: Sequence[Mapping[str, str]]) -> bool:
    """Can one of the cases that could not be read be read now?"""
    return any(_reads(job, case) for case in unread)


def _reads(job: Job, case: Mapping[str, str]) -> bool:
    other = case["split"].removeprefix(ELSEWHERE)
    volumes = job.cases(other) if other == case["split"] else job.elsewhere(other)
    try:
        segment.readable(volumes, case["id"], reader(job))
    except HarnessError:
        return False
    return True


def read(path: Path) -> Segmented:
    """The table that `ask` made, from its file."""
    return Segmented.from_parquet(path.read_bytes(), str(path))
