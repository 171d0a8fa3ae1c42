"""Losses of masks by case, from logits: overlaps such as soft Dice, entropies, and their sums."""

from monai.losses.tversky import TverskyLoss
from torch import Tensor
from torch.nn import functional

from harness.errors import HarnessError

OVERLAPS = {
    "dice": (0.5, 0.5, 0.5),
    "one_minus_precision": (1.0, 0.0, 1.0),
    "one_minus_iou": (1.0, 1.0, 1.0),
}
"""Weights a and b, and the smooth s, of 1 - (tp + s) / (tp + a fp + b fn + s): Tversky's index.

Salehi et al., Tversky loss function for image segmentation using 3D fully convolutional deep
networks (MLMI 2017). With probabilities p and a mask m, Dice is 1 - (2 sum pm + 1) / (sum p +
sum m + 1), precision 1 - (sum pm + 1) / (sum p + 1), and IoU 1 - (sum pm + 1) / (sum p + sum m -
sum pm + 1). The smooth makes it 0 where nothing is there and nothing found.
"""

PARTS = {"dice_bce": ("dice", "bce"), "dice_ce": ("dice", "cross_entropy")}
"""What is a sum of two."""

LINKS = {"bce": "sigmoid", "cross_entropy": "softmax"}
"""The entropies, and what each of them is for; overlaps are for either."""


def link(outputs: int) -> str:
    """What makes probabilities of logits: of one output a sigmoid, of several a softmax."""
    return "sigmoid" if outputs == 1 else "softmax"


def mask_loss(logits: Tensor, masks: Tensor, loss: str) -> Tensor:
    """Logits (n, outputs, *size) and masks (n, *size) int64 -> (n,), the loss of each case.

    One output is the only class, of several the first is the background. Overlaps are means over
    classes, without the background; entropies are means over voxels. Raises HarnessError where the
    loss is not for so many outputs.
    """
    parts = PARTS.get(loss, (loss,))
    outputs = logits.shape[1]
    for part in parts:
        if LINKS.get(part, link(outputs)) != link(outputs):
            wanted, other = (
                ("1 output", "dice_ce") if part == "bce" else ("2 or more outputs", "dice_bce")
            )
            raise HarnessError(
                f"train.loss {loss} must be given {wanted}, got {outputs}; choose {other}"
            )
    return sum((_part(logits, masks, part) for part in parts), start=logits.new_zeros(len(logits)))


def _part(logits: Tensor, masks: Tensor, part: str) -> Tensor:
    if part in OVERLAPS:
        return _overlap(logits, masks, *OVERLAPS[part])
    if part == "bce":
        truth = masks.to(logits.dtype)[:, None]
        voxels = functional.binary_cross_entropy_with_logits(logits, truth, reduction="none")
    else:
        voxels = functional.cross_entropy(logits, masks, reduction="none")
    return voxels.flatten(1).mean(dim=1)


def _overlap(logits: Tensor, masks: Tensor, a: float, b: float, smooth: float) -> Tensor:
    several = logits.shape[1] > 1
    loss = TverskyLoss(
        include_background=not several,
        to_onehot_y=several,
        sigmoid=not several,
        softmax=several,
        alpha=a,
        beta=b,
        smooth_nr=smooth,
        smooth_dr=smooth,
        reduction="none",
    )
    values: Tensor = loss(logits, masks[:, None])
    return values.mean(dim=1)
