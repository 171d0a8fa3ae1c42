"""The steps of a Run, in order: what each does, and what it found. Only `execute` runs them."""

import contextlib
import dataclasses
import functools
from collections.abc import Callable, Collection, Iterator, Mapping
from pathlib import Path
from typing import Any

from harness import builders, contracts, disk, store, tasks
from harness.errors import HarnessError
from harness.job import Job
from harness.record import as_json
from harness.volumes import SIZE

Facts = dict[str, Any]
"""What a step found: `measurements`, `warnings`, and the `files` that it wrote."""


@dataclasses.dataclass(frozen=True, slots=True)
class Step:
    """`after` names the step whose files this one reads: it is stale where that one is."""

    do: Callable[[Job], Facts]
    after: str | None


def stale(state: store.State, digests: Mapping[str, str], again: Collection[str] = ()) -> list[str]:
    """The steps to do: those not done with these digests, those of `again`, and those after."""
    found: list[str] = []
    for name, step in STEPS.items():
        undone = name in again or state.done(name, digests[name]) is None
        if step.after in found or undone:
            found.append(name)
    return found


def _fit(job: Job) -> Facts:
    if job.model.onnx:
        from harness.guards.provenance import selected_on

        split = selected_on(Path(job.model.onnx))
        return {"selection": {"split": split, "rule": "a finished file"}}
    if job.model.weights:
        from harness.weights import adopt_weights

        adopt_weights(job.build(), Path(job.model.weights), job.folder / "weights.safetensors")
        rule = {"split": "none", "rule": "weights as given"}
        return {"selection": rule, "files": ["weights.safetensors"]}
    import torch

    from harness.fit import fit

    taught = tasks.of(job.suite.task).teach(job)
    with _as_it_was():
        selection = fit(
            job.build,
            job.train,
            taught.feed,
            taught.losses,
            taught.check,
            seed=job.run.seed,
            device=job.run.device,
            folder=job.folder,
            report=lambda row: job.progress.epoch(job.run.id, row, job.train.epochs),
        )
    return {
        "selection": selection,
        "files": ["weights.safetensors", "history.jsonl"],
        "threads": torch.get_num_threads(),
        "unread": list(taught.unread),
    }


@contextlib.contextmanager
def _as_it_was() -> Iterator[None]:
    """Deterministic algorithms are for training only: a resumed Run is timed without them."""
    import torch

    before = torch.are_deterministic_algorithms_enabled()
    try:
        yield
    finally:
        torch.use_deterministic_algorithms(before)


def _export(job: Job) -> Facts:
    from harness import export, size
    from harness.tasks._calibrated import calibrated, chosen_as, described_as

    described = _described(job)
    if job.model.onnx:
        path = Path(job.model.onnx)
        model, link = export.outside(path, job.model.link, described)
        rows, outputs = size.initializers(model), export.outputs(model)
        _demand_outputs(job, outputs)
        answer = (outputs, *job.shape[1:]) if job.segments else (outputs,)
    else:
        builder = builders.load(str(job.model.build))
        model = export.linked(export.from_torch(job.module, builder, job.shape), job.link)
        rows, answer, link = size.parameters(job.module), job.answer, job.link
    known = calibrated(job, model, answer)
    rows += export.export(
        model,
        shape=job.shape,
        answer=answer,
        metadata={**described, "link": link, **described_as(known)},
        path=job.folder / "model.onnx",
    )
    chosen = {"threshold": job.suite.policy.threshold, **chosen_as(known)}
    return {"measurements": as_json(rows), "files": ["model.onnx"], "selection": chosen}


_LAYOUTS = {False: {3: "NCHW", 4: "NCDHW"}, True: {3: "NCXY", 4: "NCXYZ"}}
"""By the axes of an image; of masks these are RAS: rightwards, to the front, and upwards."""


def _demand_outputs(job: Job, outputs: int) -> None:
    """Raises HarnessError for a finished file of masks that is of other classes than the data."""
    classes = len(job.val.classes)
    fits = (1, 2) if classes == 1 else (classes + 1,)
    if job.segments and outputs not in fits:
        raise HarnessError(
            f"models.{job.run.model} must give {' or '.join(map(str, fits))} outputs a voxel, the "
            f"background and {', '.join(job.val.classes)}, got {outputs}"
        )


def _described(job: Job) -> dict[str, Any]:
    """What the shipped file says of itself, its link apart."""
    return {
        "task": job.suite.task,
        "layout": _LAYOUTS[job.segments][len(job.shape)],
        "size": list(job.shape[1:]),
        "classes": list(job.val.classes),
        "threshold": job.suite.policy.threshold,
        **tasks.of(job.suite.task).describe(job),
    }


def _predict(job: Job) -> Facts:
    table, found = tasks.of(job.suite.task).ask(job)
    disk.write(job.folder / "predictions.parquet", table.to_parquet())
    return {"files": ["predictions.parquet"], **found}


def _score(job: Job) -> Facts:
    from harness.guards.every import warn
    from harness.guards.evidence import Evidence
    from harness.rows import measured

    path = job.folder / "predictions.parquet"
    predictions = tasks.of(job.suite.task).read(path)
    sizes = job.dataset.groups.get(SIZE, ())
    rows = measured(predictions, job.suite.metrics, job.suite.policy, sizes)
    evidence = Evidence.of(
        predictions,
        selection=store.State.open(job.folder, job.run).steps["fit"]["selection"],
        over=job.suite.policy.interval.over,
    )
    return {"measurements": as_json(rows), "warnings": as_json(warn(evidence))}


def _time(job: Job) -> Facts:
    from harness.latency import measure
    from harness.tasks._calibrated import twin

    latency, warnings = job.suite.latency, []
    module = None if job.model.onnx else functools.partial(twin, job)
    if module is None and "torch" in latency.backends:
        rest = tuple(name for name in latency.backends if name != "torch")
        latency = dataclasses.replace(latency, backends=rest)
        skipped = "a finished ONNX file has no torch module: latency in torch was not measured"
        warnings.append({"code": "backend-skipped", "message": skipped})
    servable = contracts.Servable(onnx=job.folder / "model.onnx", shape=job.shape, module=module)
    timing = measure(servable, latency, job.run.device)
    return {
        "measurements": as_json(timing.measurements),
        "warnings": warnings + as_json(timing.warnings),
    }


STEPS = {
    "fit": Step(_fit, None),
    "export": Step(_export, "fit"),
    "predict": Step(_predict, "export"),
    "score": Step(_score, "predict"),
    "time": Step(_time, "export"),
}
