"""A small convolutional network per slice; the volume's logit is the mean over its slices.

Trunk and head are those of the study by As17-01 (LungTissues, 2024), experiments 1 to 4.
"""

from collections.abc import Sequence
from itertools import pairwise

from torch import Tensor, nn

from harness.errors import HarnessError
from harness.models._trunk import SliceTrunk

MEANS = ("logits", "features")


class SliceCNN(nn.Module):
    """The trunk, then the same multilayer perceptron for every slice, and a mean over slices.

    The mean is of the logits, or (`early`) of what goes into the last rectifier and layer.
    """

    def __init__(self, trunk: SliceTrunk, body: nn.Module, top: nn.Module, early: bool) -> None:
        super().__init__()
        self.trunk = trunk
        self.body = body
        self.top = top
        self.early = early

    def forward(self, image: Tensor) -> Tensor:
        hidden: Tensor = self.body(self.trunk(image))
        logits: Tensor = self.top(hidden.mean(dim=1) if self.early else hidden)
        return logits if self.early else logits.mean(dim=1)


def build(
    shape: tuple[int, ...],
    outputs: int,
    *,
    hidden: Sequence[int] = (120, 84),
    dropout: float = 0.0,
    trunk: str = "shallow",
    mean: str = "logits",
) -> nn.Module:
    """Float32 volumes (n, C, D, H, W) of `shape` (C, D, H, W) -> logits (n, `outputs`).

    `hidden`: units of the head's hidden layers; `dropout`: probability before each of its layers;
    `trunk`: shallow, deep or deep-unpooled; `mean` over slices: of logits, or of features, those
    of the last hidden layer. Raises HarnessError if any of them cannot be.
    """
    if any(units < 1 for units in hidden):
        raise HarnessError(f"hidden must be positive numbers of units, got {list(hidden)}")
    if not 0 <= dropout < 1:
        raise HarnessError(f"dropout must be at least 0 and below 1, got {dropout}")
    if mean not in MEANS:
        raise HarnessError(f"mean must be one of {', '.join(MEANS)}, got {mean!r}")
    slices = SliceTrunk(shape, trunk)
    units = [slices.features, *hidden]
    body: list[nn.Module] = []
    for before, after in pairwise(units):
        body += [nn.Dropout(dropout), nn.Linear(before, after), nn.ReLU()]
    top = [*body[-1:], nn.Dropout(dropout), nn.Linear(units[-1], outputs)]
    return SliceCNN(slices, nn.Sequential(*body[:-1]), nn.Sequential(*top), mean == "features")
