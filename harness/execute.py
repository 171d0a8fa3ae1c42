"""One Run through all its steps: data, fit, export, predict, score, time, and the record, last."""

import dataclasses
import time
from collections.abc import Callable, Mapping
from functools import cached_property
from pathlib import Path
from typing import Any

from harness import shelf, store
from harness.environment import environment
from harness.errors import HarnessError
from harness.plan import Run, file_digest
from harness.progress import Progress
from harness.record import Record, as_json, measurement_from_json, read_record
from harness.samples import SHIPPED, Predictions, Samples
from harness.suite import Dataset, Model, Suite, Train

SMOKE_CASES = 64
ARTIFACTS = {
    "weights": "weights.safetensors",
    "onnx": "model.onnx",
    "predictions": "predictions.parquet",
    "history": "history.jsonl",
}

Facts = dict[str, Any]


@dataclasses.dataclass(frozen=True)
class Job:
    """A Run under way, and what its steps share, each made when first needed."""

    suite: Suite
    run: Run
    digests: Mapping[str, str]
    root: Path | None
    folder: Path
    progress: Progress

    @property
    def dataset(self) -> Dataset:
        return self.suite.datasets[self.run.dataset]

    @property
    def model(self) -> Model:
        return self.suite.models[self.run.model]

    @cached_property
    def train(self) -> Train:
        return self.suite.training(self.run.dataset, self.run.model)

    @cached_property
    def val(self) -> Samples:
        return self.cases("val")

    @cached_property
    def link(self) -> str:
        return "sigmoid" if self.train.loss == "bce" else "softmax"

    @cached_property
    def outputs(self) -> int:
        """One logit for two classes with loss bce, else one a class."""
        classes = len(self.val.classes)
        if self.model.onnx or self.train.loss != "bce":
            return classes
        if classes != 2:
            raise HarnessError(f"train.loss bce must have 2 classes, got {classes}; cross_entropy")
        return 1

    def cases(self, split: str) -> Samples:
        """One split of the data, its numeric groups in bands."""
        reader = shelf.load("datasets", self.dataset.load)
        samples: Samples = reader.load(split, self.root, **self.dataset.args)
        samples = samples.banded(self.dataset.groups)
        return samples.first(SMOKE_CASES) if self.suite.smoke else samples

    def build(self) -> Any:
        """A new torch module of logits, checked on two blank images."""
        import torch

        builder = shelf.load("models", str(self.model.build))
        module = builder.build(self.val.shape, self.outputs, **self.model.args)
        with torch.inference_mode():
            got = tuple(module.eval()(torch.zeros(2, *self.val.shape)).shape)
        if got != (2, self.outputs):
            raise HarnessError(
                f"models.{self.run.model} must give (2, {self.outputs}) logits for 2 images, "
                f"got {got}"
            )
        return module

    @cached_property
    def module(self) -> Any:
        """The fitted torch module of logits, as its weights file holds it."""
        from harness.weights import load_weights

        return load_weights(self.build(), self.folder / "weights.safetensors").eval()

    @cached_property
    def probabilities(self) -> Any:
        """The fitted module with its link: what the exported file computes."""
        from torch import nn

        link = nn.Sigmoid() if self.link == "sigmoid" else nn.Softmax(dim=1)
        return nn.Sequential(self.module, link).eval()


def execute(
    suite: Suite,
    run: Run,
    digests: Mapping[str, str],
    *,
    root: Path | None,
    runs: Path,
    progress: Progress,
    debug: bool = False,
) -> Record:
    """Bring one Run up to date and return its record; a fault of the Run is a `failed` record.

    Raises HarnessError only where the record cannot be written.
    """
    folder = store.run_folder(runs, run, digests["fit"])
    with store.locked(folder, lambda: progress.say(f"{run.id}  waiting for another process")):
        record = finished(folder, digests)
        if record is not None:
            return record
        job = Job(suite, run, digests, root, folder, progress)
        try:
            record = _measure(job)
        except store.Unwritable:
            raise
        except Exception as error:
            if debug:
                raise
            record = _failed(job, error)
        store.write_json(folder / "record.json", as_json(record))
        return record


def finished(folder: Path, digests: Mapping[str, str]) -> Record | None:
    """The record in `folder` if every step of it was done with these digests."""
    if not (folder / "record.json").is_file():
        return None
    record = read_record(folder / "record.json")
    return record if record.status == "ok" and record.digests == digests else None


def _measure(job: Job) -> Record:
    state = store.State.open(job.folder, job.run)
    fit = _step(job, state, "fit", _fit)
    export = _step(job, state, "export", _export)
    predict = _step(job, state, "predict", _predict)
    score = _step(job, state, "score", _score)
    timed = _step(job, state, "time", _time)
    steps = {"fit": fit, "export": export, "predict": predict, "score": score, "time": timed}
    rows = [row for facts in steps.values() for row in facts.get("measurements", [])]
    conditions = environment()
    dirty = [facts["dirty"] for facts in steps.values()]
    return Record(
        run=_described(job),
        status="ok",
        measurements=tuple(map(measurement_from_json, rows)),
        selection={**fit["selection"], "threshold": job.suite.policy.threshold},
        environment={**conditions, "dirty": any(dirty), "fit_threads": fit.get("threads")},
        artifacts=_artifacts(job.folder),
        warnings=tuple(w for facts in steps.values() for w in facts.get("warnings", [])),
        seconds={step: facts["seconds"] for step, facts in steps.items()},
        digests=job.digests,
    )


def _step(job: Job, state: store.State, step: str, do: Callable[[Job], Facts]) -> Facts:
    """What a step found: as remembered if it is fresh, else done now and remembered."""
    digest = job.digests[step]
    facts = state.done(step, digest)
    if facts is None:
        job.progress.step(job.run.id, step)
        start = time.perf_counter()
        found = do(job)
        files = found.pop("files", [])
        where = environment()
        found |= {"commit": where["commit"], "dirty": bool(where["dirty"])}
        found["seconds"] = round(time.perf_counter() - start, 3)
        state.finish(step, digest, files, found)
        facts = state.steps[step]
    return facts


def _fit(job: Job) -> Facts:
    if job.model.onnx:
        return {"selection": {"split": "none", "rule": "a finished file"}}
    if job.model.weights:
        from harness.weights import adopt_weights

        adopt_weights(job.build(), Path(job.model.weights), job.folder / "weights.safetensors")
        rule = {"split": "none", "rule": "weights as given"}
        return {"selection": rule, "files": ["weights.safetensors"]}
    import torch

    from harness.fit import fit

    selection = fit(
        job.build,
        job.train,
        job.cases("train"),
        job.val,
        seed=job.run.seed,
        device=job.run.device,
        folder=job.folder,
        report=lambda row: job.progress.epoch(job.run.id, row, job.train.epochs),
    )
    files = ["weights.safetensors", "history.jsonl"]
    return {"selection": selection, "files": files, "threads": torch.get_num_threads()}


def _export(job: Job) -> Facts:
    from harness import export

    if job.model.onnx:
        model, link = export.outside(Path(job.model.onnx), job.model.link)
        rows, outputs = export.initializers(model), export.outputs(model)
    else:
        model = export.from_torch(
            job.module, shelf.load("models", str(job.model.build)), job.val.shape
        )
        rows, outputs, link = export.parameters(job.module), job.outputs, job.link
    rows += export.export(
        model,
        shape=job.val.shape,
        outputs=outputs,
        link=link,
        metadata={
            "task": job.suite.task,
            "layout": "NCDHW" if len(job.val.shape) == 4 else "NCHW",
            "range": [0, 1],
            "size": job.val.shape[1:],
            "classes": job.val.classes,
            "threshold": job.suite.policy.threshold,
        },
        path=job.folder / "model.onnx",
    )
    return {"measurements": as_json(rows), "files": ["model.onnx"]}


def _predict(job: Job) -> Facts:
    from harness import predict

    models = {SHIPPED: predict.onnx_model(job.folder / "model.onnx")}
    if not job.model.onnx:
        models["torch"] = predict.torch_model(job.probabilities)
    splits = [job.val, job.cases("test")]
    table = predict.predict(models, splits, job.suite.policy.threshold)
    store.write(job.folder / "predictions.parquet", table.to_parquet())
    return {"files": ["predictions.parquet"]}


def _score(job: Job) -> Facts:
    from harness.score import score, warn

    path = job.folder / "predictions.parquet"
    predictions = Predictions.from_parquet(path.read_bytes(), str(path))
    rows = score(predictions, job.suite.metrics, job.suite.policy)
    return {"measurements": as_json(rows), "warnings": as_json(warn(predictions))}


def _time(job: Job) -> Facts:
    from harness.latency import measure

    latency, warnings = job.suite.latency, []
    module = None if job.model.onnx else lambda: job.probabilities
    if module is None and "torch" in latency.backends:
        rest = tuple(name for name in latency.backends if name != "torch")
        latency = dataclasses.replace(latency, backends=rest)
        skipped = "a finished ONNX file has no torch module: latency in torch was not measured"
        warnings.append({"code": "backend-skipped", "message": skipped})
    servable = shelf.Servable(
        onnx=job.folder / "model.onnx", shape=job.val.shape, module=module
    )
    timing = measure(servable, latency, job.run.device)
    return {
        "measurements": as_json(timing.measurements),
        "warnings": warnings + as_json(timing.warnings),
    }


def _described(job: Job) -> dict[str, Any]:
    """The Run's fields, and what a reader of the record wants to know without the suite."""
    reader = shelf.load("datasets", job.dataset.load)
    return {
        **dataclasses.asdict(job.run),
        "id": job.run.id,
        "title": job.suite.title,
        "task": job.suite.task,
        "metrics": [metric.name for metric in job.suite.metrics],
        "data": reader.fingerprint(job.root, **job.dataset.args),
        "source": dict(reader.SOURCE),
        "classes": list(job.val.classes),
        "policy": as_json(job.suite.policy),
    }


def _artifacts(folder: Path) -> dict[str, dict[str, str]]:
    return {
        name: {"path": file, "sha256": file_digest(folder / file)}
        for name, file in ARTIFACTS.items()
        if (folder / file).is_file()
    }


def _failed(job: Job, error: Exception) -> Record:
    known = isinstance(error, HarnessError)
    message = str(error) if known else f"{type(error).__name__}: {error}"
    run = {**dataclasses.asdict(job.run), "id": job.run.id, "title": job.suite.title}
    run["task"] = job.suite.task
    return Record(
        run=run, status="failed", error=message, environment=environment(), digests=job.digests
    )
