"""Calibration in torch: the twin of what `calibrated_onnx` writes into the file."""

from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from harness.calibrate import Calibration


class Calibrated(nn.Module):
    """A module of logits (n, outputs) as one of calibrated probabilities (n, outputs)."""

    offset: Tensor
    slope: Tensor
    intercept: Tensor
    x: Tensor
    y: Tensor
    steep: Tensor

    def __init__(self, module: nn.Module, known: Calibration) -> None:
        super().__init__()
        self.module, self.known = module, known
        for name in ("offset", "slope", "intercept"):
            self.register_buffer(name, _tensor(np.array(getattr(known, name))))
        for name, values in zip(("x", "y", "steep"), known.steps if known.x else (), strict=False):
            self.register_buffer(name, _tensor(values))

    def forward(self, images: Tensor) -> Tensor:
        logits = self.module(images)
        if self.known.offset:
            logits = logits + self.offset
        if self.known.method in ("none", "temperature"):
            return self._linked(logits / (self.known.temperature or 1.0))
        scores = self._columns(logits)
        if self.known.method == "platt":
            scores = scores * self.slope + self.intercept
            if self.known.link == "softmax" and logits.shape[1] == 2:
                return torch.cat([torch.zeros_like(scores), scores], dim=1).softmax(dim=1)
            return self._shared(scores.sigmoid())
        return self._shared(self._steps(scores))

    def _linked(self, logits: Tensor) -> Tensor:
        return logits.sigmoid() if self.known.link == "sigmoid" else logits.softmax(dim=1)

    def _columns(self, logits: Tensor) -> Tensor:
        """As `calibrate.columns`."""
        if self.known.link == "sigmoid":
            return logits
        if logits.shape[1] == 2:
            return logits[:, 1:] - logits[:, :1]
        own = torch.eye(logits.shape[1], dtype=torch.bool, device=logits.device)
        return logits - logits[:, None].masked_fill(own, -torch.inf).logsumexp(dim=2)

    def _steps(self, scores: Tensor) -> Tensor:
        inside = torch.clamp(scores.T, self.x[:, :1], self.x[:, -1:]).contiguous()
        at = torch.searchsorted(self.x, inside, right=True) - 1
        x, y, steep = (each.gather(1, at) for each in (self.x, self.y, self.steep))
        return (y + steep * (inside - x)).clamp(0, 1).T

    def _shared(self, found: Tensor) -> Tensor:
        """What sums to 1, where one of several classes is true."""
        if self.known.link == "sigmoid":
            return found
        if found.shape[1] == 1:
            return torch.cat([1 - found, found], dim=1)
        total = found.sum(dim=1, keepdim=True)
        share = found / total.clamp_min(torch.finfo(found.dtype).tiny)
        alike = torch.full_like(found, 1 / found.shape[1])
        return torch.where(total < torch.finfo(found.dtype).tiny, alike, share)


def _tensor(values: NDArray[Any]) -> Tensor:
    return torch.from_numpy(np.ascontiguousarray(values, dtype=np.float32))
