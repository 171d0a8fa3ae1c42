"""VGG16 (Simonyan and Zisserman, Very deep convolutional networks, ICLR 2015; configuration D).

Layers, initial values and state-dict keys are torchvision's, so that its weights fit.
"""

from pathlib import Path

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor, nn
from torch.nn import functional

from harness.errors import HarnessError

BLOCKS = ((64, 2), (128, 2), (256, 3), (512, 3), (512, 3))  # channels, convolutions; then a pooling
SMALLEST = 32  # px, halved five times
POOLED = 7  # px a side, whatever the image
HIDDEN = 4096
LAST = "classifier.6"


class AveragePool(nn.Module):
    """`nn.AdaptiveAvgPool2d(POOLED)` of features (n, C, height, width), as two constant matrices.

    ONNX has no adaptive pooling; products it has for every size.
    """

    rows: Tensor
    columns: Tensor

    def __init__(self, height: int, width: int) -> None:
        super().__init__()
        self.register_buffer("rows", _averages(height), persistent=False)
        self.register_buffer("columns", _averages(width).T.contiguous(), persistent=False)

    def forward(self, features: Tensor) -> Tensor:
        return self.rows @ features @ self.columns


class VGG16(nn.Module):
    """Images below 32 px a side are enlarged to it, bilinearly."""

    def __init__(self, channels: int, height: int, width: int, outputs: int) -> None:
        super().__init__()
        self.given = (height, width)
        self.seen = (max(height, SMALLEST), max(width, SMALLEST))
        self.features = nn.Sequential(*_convolutions(channels))
        self.avgpool = AveragePool(*(side // SMALLEST for side in self.seen))
        self.classifier = nn.Sequential(
            *(nn.Linear(BLOCKS[-1][0] * POOLED**2, HIDDEN), nn.ReLU(), nn.Dropout(0.5)),
            *(nn.Linear(HIDDEN, HIDDEN), nn.ReLU(), nn.Dropout(0.5)),
            nn.Linear(HIDDEN, outputs),
        )
        self.apply(_initialise)

    def forward(self, image: Tensor) -> Tensor:
        if self.seen != self.given:
            image = functional.interpolate(image, size=self.seen, mode="bilinear")
        pooled: Tensor = self.avgpool(self.features(image))
        logits: Tensor = self.classifier(pooled.flatten(1))
        return logits


def build(shape: tuple[int, ...], outputs: int, *, weights: str = "") -> nn.Module:
    """Float32 images (n, C, H, W) of `shape` (C, H, W) -> logits (n, `outputs`).

    `weights`: a safetensors file under torchvision's keys. Everything must fit, but the last
    layer: for another number of outputs it keeps its fresh random values.
    Raises HarnessError if shape or weights cannot be.
    """
    if len(shape) != 3 or min(shape) < 1:
        raise HarnessError(f"shape must be channels, height and width of an image, got {shape}")
    module = VGG16(*shape, outputs=outputs)
    if weights:
        _load(module, Path(weights))
    return module


def _convolutions(channels: int) -> list[nn.Module]:
    layers: list[nn.Module] = []
    for width, repeats in BLOCKS:
        for _ in range(repeats):
            layers += [nn.Conv2d(channels, width, kernel_size=3, padding=1), nn.ReLU()]
            channels = width
        layers.append(nn.MaxPool2d(2))
    return layers


def _initialise(module: nn.Module) -> None:
    if isinstance(module, nn.Conv2d):
        nn.init.kaiming_normal_(module.weight, mode="fan_out", nonlinearity="relu")
    elif isinstance(module, nn.Linear):
        nn.init.normal_(module.weight, std=0.01)
    if isinstance(module, nn.Conv2d | nn.Linear) and module.bias is not None:
        nn.init.zeros_(module.bias)


def _averages(side: int) -> Tensor:
    """(POOLED, side): row i averages floor(i side / 7) to ceil((i + 1) side / 7); POOLED is 7."""
    starts = [i * side // POOLED for i in range(POOLED)]
    ends = [-(-(i + 1) * side // POOLED) for i in range(POOLED)]
    return torch.tensor(
        [
            [(start <= pixel < end) / (end - start) for pixel in range(side)]
            for start, end in zip(starts, ends, strict=True)
        ]
    )


def _load(module: VGG16, file: Path) -> None:
    try:
        given = load_file(file)
    except (OSError, SafetensorError) as error:
        raise HarnessError(f"weights must be a safetensors file, got {file}: {error}") from error
    wanted = module.state_dict()
    if given.keys() != wanted.keys():
        different = sorted(given.keys() ^ wanted.keys())
        raise HarnessError(
            f"weights must have torchvision's keys of VGG16, got {file}, which differs in "
            f"{len(different)}, first {different[0]}"
        )
    if len(given[f"{LAST}.bias"]) != len(wanted[f"{LAST}.bias"]):
        given |= {key: wanted[key] for key in (f"{LAST}.weight", f"{LAST}.bias")}
    for key, tensor in wanted.items():
        if given[key].shape != tensor.shape:
            raise HarnessError(
                f"{key} of weights must be {tuple(tensor.shape)}, got {tuple(given[key].shape)} "
                f"in {file}"
            )
    module.load_state_dict(given)
