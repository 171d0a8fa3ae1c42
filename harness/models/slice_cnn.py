"""A small convolutional network per slice; the volume's logit is the mean over its slices.

Trunk and head are those of the study by As17-01 (LungTissues, 2024), experiments 1 and 2.
"""

from collections.abc import Sequence
from itertools import pairwise

from torch import Tensor, nn

from harness.errors import HarnessError

WIDTHS = (6, 16)
SMALLEST = 12  # px; a smaller slice leaves no pixel after the second pooling


class SliceTrunk(nn.Module):
    """One 2D trunk applied to every slice: (n, C, D, H, W) -> features (n, D, `features`).

    Slices are folded into the batch, which is the study's loop over slices in one call.
    """

    def __init__(self, shape: Sequence[int]) -> None:
        super().__init__()
        channels, self.depth, height, width = _volume(shape)
        self.slice_shape = (channels, height, width)
        self.features = WIDTHS[1] * _side(height) * _side(width)
        self.layers = nn.Sequential(
            *(nn.Conv2d(channels, WIDTHS[0], kernel_size=5), nn.ReLU(), nn.MaxPool2d(2)),
            *(nn.Conv2d(WIDTHS[0], WIDTHS[1], kernel_size=3), nn.ReLU(), nn.MaxPool2d(2)),
            nn.Flatten(),
        )

    def forward(self, image: Tensor) -> Tensor:
        slices = image.transpose(1, 2).reshape(-1, *self.slice_shape)
        features: Tensor = self.layers(slices)
        return features.reshape(-1, self.depth, self.features)


class SliceCNN(nn.Module):
    """The trunk, then the same multilayer perceptron for every slice, then the mean of logits."""

    def __init__(self, trunk: SliceTrunk, head: nn.Module) -> None:
        super().__init__()
        self.trunk = trunk
        self.head = head

    def forward(self, image: Tensor) -> Tensor:
        logits: Tensor = self.head(self.trunk(image))
        return logits.mean(dim=1)


def build(
    shape: tuple[int, ...],
    outputs: int,
    *,
    hidden: Sequence[int] = (120, 84),
    dropout: float = 0.0,
) -> nn.Module:
    """Float32 volumes (n, C, D, H, W) of `shape` (C, D, H, W) -> logits (n, `outputs`).

    `hidden`: units of the head's hidden layers; `dropout`: probability after each of them.
    Raises HarnessError if shape, hidden or dropout cannot be.
    """
    if any(units < 1 for units in hidden):
        raise HarnessError(f"hidden must be positive numbers of units, got {list(hidden)}")
    if not 0 <= dropout < 1:
        raise HarnessError(f"dropout must be at least 0 and below 1, got {dropout}")
    trunk = SliceTrunk(shape)
    return SliceCNN(trunk, _perceptron([trunk.features, *hidden], outputs, dropout))


def _perceptron(units: Sequence[int], outputs: int, dropout: float) -> nn.Sequential:
    layers: list[nn.Module] = []
    for before, after in pairwise(units):
        layers += [nn.Linear(before, after), nn.ReLU(), nn.Dropout(dropout)]
    return nn.Sequential(*layers, nn.Linear(units[-1], outputs))


def _volume(shape: Sequence[int]) -> tuple[int, int, int, int]:
    if len(shape) != 4 or min(shape) < 1:
        raise HarnessError(
            f"shape must be channels, depth, height and width of a volume, got {tuple(shape)}"
        )
    channels, depth, height, width = shape
    if min(height, width) < SMALLEST:
        raise HarnessError(
            f"slices must be at least {SMALLEST} x {SMALLEST} px, got {height} x {width}"
        )
    return channels, depth, height, width


def _side(pixels: int) -> int:
    """Of a slice's height or width, after both convolutions and poolings."""
    return ((pixels - 4) // 2 - 2) // 2
