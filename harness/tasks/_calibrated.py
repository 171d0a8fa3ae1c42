"""The file that ships, calibrated on val as the policy asks, and what it was before."""

import dataclasses
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import onnx

from harness import calibrated_onnx, export, predict, priors, strict
from harness.calibrate import Array, Calibration, Link, Unfit, fitted, linked
from harness.errors import HarnessError
from harness.job import Job
from harness.record import as_json

IN_THE_FILE = ("link", "tensor", "of", "offset", "x", "y", "earlier")
"""Numbers and names that the shipped file tells, and no record has to."""


def calibrated(job: Job, model: onnx.ModelProto, answer: Sequence[int]) -> Calibration | None:
    """Calibrate a file of probabilities in place; None where nothing is asked for.

    Only val is looked at, and of training cases, for the prior, the shares of their classes.
    Raises HarnessError where the file gives other than `answer`, or no probabilities.
    """
    policy = job.suite.policy
    if not policy.recalibrates:
        return None
    export.check(model, job.shape, answer)
    found = _begun(job, model)
    logits = _logits(job, model, found)
    if policy.prior == "natural":
        found = _tried(found, "prior", lambda: _corrected(job, found, logits.shape[1]))
        logits = logits + np.array(found.offset or 0.0)
    if (method := policy.calibrate) != "none":
        known, targets = found, job.val.targets
        found = _tried(known, method, lambda: fitted(known, method, logits, targets))
    calibrated_onnx.write(model, found)
    return found


def _begun(job: Job, model: onnx.ModelProto) -> Calibration:
    """What is known before anything is fitted; the file's own word of an earlier one goes."""
    earlier = export.metadata(model).get(export.CALIBRATION)
    rest = [entry for entry in model.metadata_props if entry.key != _KEY]
    del model.metadata_props[:]
    model.metadata_props.extend(rest)
    apart = job.val.kind == "multilabel" or export.outputs(model) == 1
    link: Link = "sigmoid" if apart else "softmax"
    tensor = calibrated_onnx.logits_of(model, link)
    return Calibration(
        link=link,
        tensor=tensor or model.graph.output[0].name,
        of="logits" if tensor else "probabilities",
        n=len(job.val),
        earlier=earlier,
    )


_KEY = export.PREFIX + export.CALIBRATION


def _logits(job: Job, model: onnx.ModelProto, known: Calibration) -> Array:
    """(n, outputs) of val, in ONNX Runtime. Raises HarnessError for what gives no probabilities."""
    told = calibrated_onnx.telling(model, known.tensor)
    ask, cases = predict.onnx_model(told.SerializeToString()), job.val
    batches = range(0, len(cases), predict.BATCH)
    answers = [ask(cases.batch(slice(i, i + predict.BATCH))) for i in batches]
    values = np.concatenate(answers).astype(np.float64)
    given = values if known.of == "probabilities" else linked(values, known.link)
    predict.widen(given, len(cases.classes), cases.kind)
    return calibrated_onnx.logits_from(values, known.link) if given is values else values


def _tried(known: Calibration, what: str, do: Callable[[], Calibration]) -> Calibration:
    """What `do` finds, or else `known`, which then says what is not done, and why."""
    try:
        return do()
    except Unfit as why:
        return dataclasses.replace(known, unmet=(*known.unmet, f"{what}: {why}"))


def _corrected(job: Job, known: Calibration, outputs: int) -> Calibration:
    """With the offset from the shares of classes that the model was trained on to those of val."""
    classes = len(job.val.classes)
    priors.enough(len(job.val))
    trained, natural = _trained(job, classes), priors.shares(job.val.targets, classes)
    offset = priors.offset(trained, natural, known.link, outputs)
    return dataclasses.replace(known, offset=offset, trained=trained, natural=natural)


def _trained(job: Job, classes: int) -> tuple[float, ...]:
    """As the suite says, or as the training cases are. Raises HarnessError for other classes."""
    told, several = job.model.prior, job.val.kind == "multilabel"
    if told and (len(told) != classes or not (several or abs(sum(told) - 1) <= 1e-3)):
        must = f"be the shares of {classes} classes{'' if several else ', which sum to 1'}"
        raise HarnessError(f"models.{job.run.model}.prior must {must}, got {list(told)}")
    if told:
        return told
    if job.model.onnx or job.model.weights:
        must = "must be told of a model that was trained elsewhere, got none"
        raise Unfit(f"models.{job.run.model}.prior {must}")
    return priors.shares(job.cases("train").targets, classes)


def described_as(known: Calibration | None) -> dict[str, Any]:
    """What the file says of it, as metadata."""
    return {} if known is None else {export.CALIBRATION: as_json(known)}


def chosen_as(known: Calibration | None) -> dict[str, Any]:
    """What a record says of it, as part of the selection; of knots how many there are."""
    if known is None:
        return {}
    told = {key: value for key, value in as_json(known).items() if key not in IN_THE_FILE}
    knots = {"knots": [len(row) for row in known.x]} if known.x else {}
    return {export.CALIBRATION: {**told, **knots}}


def calibration(job: Job) -> Calibration | None:
    """What the Run's file says of its calibration; None where the policy asks for none."""
    if not job.suite.policy.recalibrates:
        return None
    model = onnx.load(str(job.folder / "model.onnx"))
    told = export.metadata(model)[export.CALIBRATION]
    return strict.build(Calibration, told, f"{_KEY} of model.onnx")


def uncalibrated(job: Job, known: Calibration) -> predict.Model:
    """The Run's file as it would ship without its calibration, in ONNX Runtime."""
    model = onnx.load(str(job.folder / "model.onnx"))
    return predict.onnx_model(calibrated_onnx.before(model, known).SerializeToString())


def twin(job: Job) -> Any:
    """A newly loaded torch module of probabilities: what the file computes, calibrated as it is."""
    plain, known = job.probabilities(), calibration(job)
    if known is None or not known.changes:
        return plain
    from harness.calibrated_torch import Calibrated

    return Calibrated(plain[0], known).eval()
