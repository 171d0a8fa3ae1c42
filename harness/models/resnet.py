"""ResNets for small images and volumes, as MedMNIST's own baselines have them.

He et al., Deep residual learning for image recognition (CVPR 2016), with a stem for 28 pixels: one
3 x 3 convolution and no pooling, after kuangliu's networks for CIFAR. For volumes each convolution
is one of three (Yang et al., Reinventing 2D convolutions for 3D images, IEEE JBHI 2021):

* 2.5d: the 2D kernel over height and width of every slice;
* 3d: a cubic kernel;
* acs: the output channels in three parts, whose 2D kernels lie in three planes.
"""

from collections.abc import Callable, Sequence
from functools import partial

import torch
from torch import Tensor, nn
from torch.nn import functional

from harness.errors import HarnessError

WIDTHS = (64, 128, 256, 512)
BLOCKS = {18: (2, 2, 2, 2), 50: (3, 4, 6, 3)}
EXPANSION = 4  # of a bottleneck

Convolve = Callable[[int, int, int, int], nn.Module]
"""(channels in, channels out, kernel side, stride) -> a convolution that keeps the size at 1."""


class Residual(nn.Module):
    """relu(layers(x) + shortcut(x)); the shortcut is x itself where sizes agree."""

    def __init__(self, layers: nn.Module, shortcut: nn.Module) -> None:
        super().__init__()
        self.layers = layers
        self.shortcut = shortcut

    def forward(self, image: Tensor) -> Tensor:
        total: Tensor = self.layers(image) + self.shortcut(image)
        return functional.relu(total)


class ACSConv(nn.Module):
    """A 2D kernel (out, in, k, k) laid into three planes, a third of the output channels each."""

    def __init__(self, before: int, after: int, side: int, stride: int) -> None:
        super().__init__()
        self.weight = nn.Conv2d(before, after, side, bias=False).weight
        self.stride = stride
        self.side = side
        self.parts = [len(part) for part in torch.arange(after).tensor_split(3)]

    def forward(self, image: Tensor) -> Tensor:
        views = []
        for axis, kernel in enumerate(torch.split(self.weight, self.parts)):
            padding = [self.side // 2] * 3
            padding[axis] = 0
            flat = kernel.unsqueeze(2 + axis)
            views.append(functional.conv3d(image, flat, stride=self.stride, padding=padding))
        return torch.cat(views, dim=1)


class ResNet(nn.Module):
    """Stem, four stages, the mean over space, and a linear layer."""

    def __init__(self, stages: Sequence[nn.Module], features: int, outputs: int) -> None:
        super().__init__()
        self.stages = nn.Sequential(*stages)
        self.linear = nn.Linear(features, outputs)

    def forward(self, image: Tensor) -> Tensor:
        logits: Tensor = self.linear(self.stages(image).flatten(2).mean(dim=2))
        return logits


def build(
    shape: tuple[int, ...], outputs: int, *, depth: int = 18, convolution: str = ""
) -> nn.Module:
    """Float32 images (n, C, H, W) or volumes (n, C, D, H, W) of `shape` -> logits (n, `outputs`).

    `depth`: 18 or 50. `convolution`: 2d for images, 2.5d, 3d or acs for volumes; by default 2d or
    3d, as the shape is. Raises HarnessError if one of them cannot be.
    """
    kinds = {3: ("2d",), 4: ("3d", "2.5d", "acs")}.get(len(shape), ())
    if not kinds or min(shape) < 1:
        raise HarnessError(f"shape must be that of an image or a volume, got {tuple(shape)}")
    if depth not in BLOCKS:
        raise HarnessError(f"depth must be one of {', '.join(map(str, BLOCKS))}, got {depth}")
    convolution = convolution or kinds[0]
    if convolution not in kinds:
        raise HarnessError(f"convolution must be one of {', '.join(kinds)}, got {convolution!r}")
    convolve, norm = _kind(convolution)
    block = partial(_basic if depth == 18 else _bottleneck, convolve, norm)
    stages: list[nn.Module] = [convolve(shape[0], 64, 3, 1), norm(64), nn.ReLU()]
    before = 64
    for stage, (width, repeats) in enumerate(zip(WIDTHS, BLOCKS[depth], strict=True)):
        after = width if depth == 18 else EXPANSION * width
        for index in range(repeats):
            stages.append(block(before, width, after, 2 if stage and not index else 1))
            before = after
    return ResNet(stages, before, outputs)


def _kind(convolution: str) -> tuple[Convolve, Callable[[int], nn.Module]]:
    if convolution == "2d":
        return _conv2d, nn.BatchNorm2d
    known: dict[str, Convolve] = {"3d": _conv3d, "2.5d": _conv2_5d, "acs": ACSConv}
    return known[convolution], nn.BatchNorm3d


def _conv2d(before: int, after: int, side: int, stride: int) -> nn.Module:
    return nn.Conv2d(before, after, side, stride, side // 2, bias=False)


def _conv3d(before: int, after: int, side: int, stride: int) -> nn.Module:
    return nn.Conv3d(before, after, side, stride, side // 2, bias=False)


def _conv2_5d(before: int, after: int, side: int, stride: int) -> nn.Module:
    kernel, padding = (1, side, side), (0, side // 2, side // 2)
    return nn.Conv3d(before, after, kernel, stride, padding, bias=False)


def _basic(
    convolve: Convolve,
    norm: Callable[[int], nn.Module],
    before: int,
    width: int,
    after: int,
    stride: int,
) -> nn.Module:
    layers = nn.Sequential(
        *(convolve(before, width, 3, stride), norm(width), nn.ReLU()),
        *(convolve(width, after, 3, 1), norm(after)),
    )
    return Residual(layers, _shortcut(convolve, norm, before, after, stride))


def _bottleneck(
    convolve: Convolve,
    norm: Callable[[int], nn.Module],
    before: int,
    width: int,
    after: int,
    stride: int,
) -> nn.Module:
    layers = nn.Sequential(
        *(convolve(before, width, 1, 1), norm(width), nn.ReLU()),
        *(convolve(width, width, 3, stride), norm(width), nn.ReLU()),
        *(convolve(width, after, 1, 1), norm(after)),
    )
    return Residual(layers, _shortcut(convolve, norm, before, after, stride))


def _shortcut(
    convolve: Convolve, norm: Callable[[int], nn.Module], before: int, after: int, stride: int
) -> nn.Module:
    if before == after and stride == 1:
        return nn.Identity()
    return nn.Sequential(convolve(before, after, 1, stride), norm(after))
