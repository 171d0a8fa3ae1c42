"""The U-Net of a study of liver tumours: 4 to 64 filters, 139,573 parameters, on slices or volumes.

amarks3/DLFinalProject (2022), after Dong et al., Automatic brain tumor detection and segmentation
using U-Net based fully convolutional networks (MIUA 2017), whose 64 filters are `filters = 64`.
Each level has two convolutions, each with a leaky rectifier and then batch normalisation; the
bottom has dropout between them and no normalisation.

Two traits are kept as they were found: the first transposed convolution upwards keeps the width of
the bottom, where the others halve theirs, and the rectifiers of the level after it are not leaky.
"""

import math
from collections.abc import Sequence
from itertools import pairwise

import torch
from torch import Tensor, nn

from harness.errors import HarnessError
from harness.models._spatial import check_halved, dimensions

TASKS = ("segment",)
SLOPE = 0.1
INITIAL = ("he", "normal")

CONVOLUTION = {2: nn.Conv2d, 3: nn.Conv3d}
TRANSPOSED = {2: nn.ConvTranspose2d, 3: nn.ConvTranspose3d}
WEIGHTED = (nn.Conv2d, nn.Conv3d, nn.ConvTranspose2d, nn.ConvTranspose3d)
NORM = {2: nn.BatchNorm2d, 3: nn.BatchNorm3d}
POOL = {2: nn.MaxPool2d, 3: nn.MaxPool3d}


class UNet(nn.Module):
    """Levels down, the bottom, and levels up, each of which is given what went down beside it."""

    def __init__(
        self, d: int, channels: int, widths: Sequence[int], outputs: int, dropout: float
    ) -> None:
        super().__init__()
        *levels, bottom = widths
        raised = [bottom, *reversed(levels[:-1])]
        below = [bottom, *reversed(levels[1:])]
        self.pool = POOL[d](2)
        self.down = nn.ModuleList(
            _level(d, before, after, nn.LeakyReLU(SLOPE))
            for before, after in pairwise([channels, *levels])
        )
        self.bottom = nn.Sequential(
            *(_convolution(d, levels[-1], bottom), nn.LeakyReLU(SLOPE), nn.Dropout(dropout)),
            *(_convolution(d, bottom, bottom), nn.LeakyReLU(SLOPE)),
        )
        self.rise = nn.ModuleList(
            TRANSPOSED[d](before, after, 2, stride=2)
            for before, after in zip(below, raised, strict=True)
        )
        self.up = nn.ModuleList(
            _level(d, after + width, width, nn.LeakyReLU(SLOPE) if i else nn.ReLU())
            for i, (after, width) in enumerate(zip(raised, reversed(levels), strict=True))
        )
        self.head = CONVOLUTION[d](levels[0], outputs, kernel_size=1)

    def forward(self, image: Tensor) -> Tensor:
        beside = []
        for level in self.down:
            image = level(image)
            beside.append(image)
            image = self.pool(image)
        image = self.bottom(image)
        for transposed, level in zip(self.rise, self.up, strict=True):
            image = level(torch.cat([transposed(image), beside.pop()], dim=1))
        logits: Tensor = self.head(image)
        return logits


def build(
    shape: tuple[int, ...],
    outputs: int,
    *,
    filters: int = 4,
    levels: int = 4,
    dropout: float = 0.3,
    initial: str = "he",
) -> nn.Module:
    """Float32 slices (n, C, H, W) or volumes (n, C, D, H, W) -> logits (n, `outputs`, *sides).

    `filters` of the first level, twice as many in each of the `levels` and at the bottom below
    them. `dropout`: of the bottom. `initial`: weights normal, of variance 2 / inputs ("he", He et
    al. 2015) or of deviation 0.01 ("normal"), biases 0. Raises HarnessError if one of them cannot
    be, or where a side is not divisible by 2^levels.
    """
    d = dimensions(shape, outputs)
    if filters < 1 or levels < 1 or not 0 <= dropout < 1:
        got = f"{filters}, {levels} and {dropout}"
        raise HarnessError(
            f"filters and levels must be 1 or more and dropout from 0 to below 1, got {got}"
        )
    if initial not in INITIAL:
        raise HarnessError(f"initial must be one of {', '.join(INITIAL)}, got {initial!r}")
    check_halved(shape, levels)
    widths = [filters * 2**level for level in range(levels + 1)]
    return _initialised(UNet(d, shape[0], widths, outputs, dropout), initial)


def _initialised(network: nn.Module, initial: str) -> nn.Module:
    for module in network.modules():
        if isinstance(module, WEIGHTED):
            deviation = math.sqrt(2 / _inputs(module)) if initial == "he" else 0.01
            nn.init.normal_(module.weight, std=deviation)
            if module.bias is not None:
                nn.init.zeros_(module.bias)
    return network


def _convolution(d: int, before: int, after: int) -> nn.Module:
    return CONVOLUTION[d](before, after, kernel_size=3, padding=1)


def _level(d: int, before: int, after: int, rectifier: nn.Module) -> nn.Module:
    return nn.Sequential(
        *(_convolution(d, before, after), rectifier, NORM[d](after)),
        *(_convolution(d, after, after), rectifier, NORM[d](after)),
    )


def _inputs(layer: nn.Conv2d | nn.Conv3d | nn.ConvTranspose2d | nn.ConvTranspose3d) -> int:
    """How many numbers make one of the output; a transposed kernel does not overlap itself."""
    return layer.in_channels * (1 if layer.transposed else math.prod(layer.kernel_size))
