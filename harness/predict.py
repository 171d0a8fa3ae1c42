"""The exported file, and its torch twin, over every case of val and test: Predictions."""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from harness.errors import HarnessError
from harness.predictions import Predictions, decide
from harness.samples import Kind, Samples

BATCH = 64
TRAIN_CASES = 500
"""So many training cases are asked, for the gap between them and test."""

Model = Callable[[NDArray[np.float32]], NDArray[np.float32]]


def predict(
    models: Mapping[str, Model], splits: Sequence[Samples], threshold: float
) -> Predictions:
    """Every model on every split; a model maps images (n, ...) to probabilities (n, outputs).

    Raises HarnessError where an output does not fit the classes.
    """
    parts = [
        _part(variant, model, samples, threshold)
        for samples in splits
        for variant, model in models.items()
    ]
    return Predictions.concatenated(parts)


def _part(variant: str, model: Model, samples: Samples, threshold: float) -> Predictions:
    n = len(samples)
    outputs = [model(samples.batch(slice(i, i + BATCH))) for i in range(0, n, BATCH)]
    found = np.concatenate(outputs).astype(np.float64)
    probability = widen(found, len(samples.classes), samples.kind)
    return Predictions(
        classes=samples.classes,
        kind=samples.kind,
        id=samples.ids,
        split=np.full(n, samples.split),
        variant=np.full(n, variant),
        y_true=samples.targets,
        probability=probability,
        decision=decide(probability, samples.kind, threshold),
        subject=samples.subjects,
        groups=samples.groups,
    )


def widen(
    probability: NDArray[np.float64], classes: int, kind: Kind = "nominal"
) -> NDArray[np.float64]:
    """(n, 1) of a binary task as (n, 2); softmax rows summed to 1 in float64; labels as they are.

    Raises HarnessError where the columns do not fit the classes or a value is not a probability.
    """
    if probability.shape[1] == 1 and classes == 2 and kind != "multilabel":
        probability = np.concatenate([1 - probability, probability], axis=1)
    if probability.shape[1] != classes:
        raise HarnessError(
            f"the model must have an output for each of {classes} classes, "
            f"got {probability.shape[1]}"
        )
    wrong = int((~np.isfinite(probability) | (probability < 0) | (probability > 1)).any(1).sum())
    if wrong:
        raise HarnessError(
            f"probabilities must be finite and in [0, 1], got others in {wrong} of "
            f"{len(probability)} cases; check the softmax or link that gave them"
        )
    if kind == "multilabel":
        return probability
    total: NDArray[np.float64] = probability.sum(axis=1, keepdims=True)
    apart = np.abs(total - 1)
    if wrong := int((apart > 1e-4).sum()):
        raise HarnessError(
            f"probabilities of a case must sum to 1, got others in {wrong} of {len(total)} cases, "
            f"at worst {total.flat[apart.argmax()]:g}; check the softmax or link that gave them"
        )
    scaled: NDArray[np.float64] = probability / total
    return scaled


def onnx_model(file: Path | bytes) -> Model:
    """A file, or its bytes, in ONNX Runtime on the CPU: the session that quality is measured in."""
    import onnxruntime

    given, name = (file, "the file") if isinstance(file, bytes) else (str(file), str(file))
    try:
        session = onnxruntime.InferenceSession(given, providers=["CPUExecutionProvider"])
    except Exception as error:  # onnxruntime raises its own undocumented types
        first_line = str(error).partition("\n")[0]
        raise HarnessError(f"{name} must run in onnxruntime, got: {first_line}") from error
    name = session.get_inputs()[0].name

    def run(images: NDArray[np.float32]) -> NDArray[np.float32]:
        outputs: NDArray[np.float32] = session.run(None, {name: images})[0]
        return outputs

    return run


def torch_model(module: Any) -> Model:
    """A torch module of probabilities as a function of arrays."""
    import torch

    @torch.inference_mode()
    def run(images: NDArray[np.float32]) -> NDArray[np.float32]:
        outputs: NDArray[np.float32] = module(torch.from_numpy(images)).numpy()
        return outputs

    return run
