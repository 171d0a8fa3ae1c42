"""How a network under training does on the whole cases of val, on the grid that it works on."""

from typing import Any, Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from harness.inference import Reader, windowed
from harness.losses import mask_loss
from harness.suite import Train


class Prepared(Protocol):
    """Cases that are ready for a network: `case(i)` gives an image (C, ...) and its mask (...)."""

    def __len__(self) -> int: ...

    def case(self, i: int) -> tuple[NDArray[np.float32], NDArray[np.uint8]]: ...


@torch.inference_mode()
def validate(
    module: nn.Module, train: Train, val: Prepared, reader: Reader, device: str
) -> dict[str, float | None]:
    """The mean loss of whole cases, and the mean Dice over their classes; None where undefined.

    A class that a case has not, and that is not found there, does not count.
    """
    module.eval()
    losses, dices = [], []
    for i in range(len(val)):
        image, mask = val.case(i)
        logits = torch.from_numpy(_logits(module, image, reader, device))
        truth = torch.from_numpy(mask.astype(np.int64))
        losses.append(mask_loss(logits[None], truth[None], train.loss).item())
        found = reader.mask(_link(logits).numpy())
        dices += dice_of(mask, found, max(len(logits) - 1, 1))
    known = [dice for dice in dices if dice is not None]
    return {
        "val_loss": float(np.mean(losses)),
        "val_dice": float(np.mean(known)) if known else None,
    }


def _logits(
    module: nn.Module, image: NDArray[np.float32], reader: Reader, device: str
) -> NDArray[np.float32]:
    def model(windows: NDArray[np.float32]) -> NDArray[np.float32]:
        found: NDArray[np.float32] = module(torch.from_numpy(windows).to(device)).cpu().numpy()
        return found

    return windowed(model, image, reader.input.size or (), reader.input.overlap)


def _link(logits: Tensor) -> Tensor:
    return logits.sigmoid() if len(logits) == 1 else logits.softmax(dim=0)


def dice_of(truth: NDArray[Any], found: NDArray[Any], classes: int) -> list[float | None]:
    """Of each class, None where neither has it."""
    values: list[float | None] = []
    for k in range(1, classes + 1):
        a, b = truth == k, found == k
        both = int(a.sum() + b.sum())
        values.append(2 * int((a & b).sum()) / both if both else None)
    return values
