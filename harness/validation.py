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
    """Loss, accuracy at 0.5 or argmax, and ROC AUC over all cases; AUC None where undefined."""
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
    decided = (scores[:, 0] > 0.5).long() if binary else scores.argmax(dim=1)
    return {
        "val_loss": loss_of(logits, targets, train.loss).mean().item(),
        "val_accuracy": (decided == targets).double().mean().item(),
        "val_roc_auc": _roc_auc(val.targets, scores.numpy(), len(val.classes)),
    }


def _roc_auc(
    targets: np.ndarray[Any, Any], scores: np.ndarray[Any, Any], classes: int
) -> float | None:
    """Mean one-against-rest AUC; None where a class is absent or a score is not finite."""
    from sklearn.metrics import roc_auc_score

    if len(np.unique(targets)) < classes or not np.isfinite(scores).all():
        return None
    if classes == 2:
        return float(roc_auc_score(targets, scores[:, -1]))
    return float(np.mean([roc_auc_score(targets == k, scores[:, k]) for k in range(classes)]))


def loss_of(logits: Tensor, targets: Tensor, loss: str) -> Tensor:
    """(n, outputs) logits and (n,) class indices -> (n,) losses."""
    if loss == "bce":
        truth = targets.to(logits.dtype)
        return functional.binary_cross_entropy_with_logits(logits[:, 0], truth, reduction="none")
    return functional.cross_entropy(logits, targets, reduction="none")
