"""Losses by case, and how a module under training does on val."""

from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from harness.samples import Samples
from harness.suite import Train


@torch.inference_mode()
def validate(module: nn.Module, train: Train, val: Samples, device: str) -> dict[str, float | None]:
    """Loss, accuracy at 0.5 or argmax, and ROC AUC over all cases; AUC None where undefined.

    Of several labels a case, accuracy and AUC are means over labels.
    """
    module.eval()
    logits = torch.cat(
        [
            module(torch.from_numpy(val.batch(slice(i, i + train.batch_size))).to(device)).cpu()
            for i in range(0, len(val), train.batch_size)
        ]
    ).double()
    targets = torch.from_numpy(val.targets)
    binary = train.loss == "bce"
    scores = logits.sigmoid() if binary else logits.softmax(dim=1)
    decided = (scores > 0.5).long() if binary else scores.argmax(dim=1)
    if targets.ndim == 1 and binary:
        decided = decided[:, 0]
    return {
        "val_loss": loss_of(logits, targets, train.loss).mean().item(),
        "val_accuracy": (decided == targets).double().mean().item(),
        "val_roc_auc": _roc_auc(val.targets, scores.numpy(), len(val.classes)),
    }


def _roc_auc(
    targets: np.ndarray[Any, Any], scores: np.ndarray[Any, Any], classes: int
) -> float | None:
    """Mean one-against-rest AUC; None where a class has no case, or all, or a score is infinite."""
    from sklearn.metrics import roc_auc_score

    if targets.ndim == 1:
        counted = np.arange(1 if classes == 2 else 0, classes)
        truth, scores = targets[:, None] == counted, scores[:, -len(counted) :]
    else:
        truth = targets == 1
    if truth.all(axis=0).any() or not truth.any(axis=0).all() or not np.isfinite(scores).all():
        return None
    return float(np.mean([roc_auc_score(*pair) for pair in zip(truth.T, scores.T, strict=True)]))


def loss_of(logits: Tensor, targets: Tensor, loss: str) -> Tensor:
    """(n, outputs) logits and truth -> (n,) losses.

    Truth is (n,) class indices, or (n, outputs) of 0 and 1, whose loss is the mean over labels.
    """
    if loss == "bce":
        truth = targets.to(logits.dtype).reshape(logits.shape)
        losses = functional.binary_cross_entropy_with_logits(logits, truth, reduction="none")
        return losses.mean(dim=1)
    return functional.cross_entropy(logits, targets, reduction="none")
