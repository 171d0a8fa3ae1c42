"""The study's convolutions over one slice, applied to every slice of a volume.

As17-01 (LungTissues, 2024): experiments 1, 2, 3 and 5 have the shallow trunk, experiment 4 the deep
ones.
"""

from collections.abc import Sequence

from torch import Tensor, nn

from harness.errors import HarnessError

POOL = (0, 2)
TRUNKS = {  # (channels, kernel) of each convolution, and where two by two pixels become one
    "shallow": ((6, 5), POOL, (16, 3), POOL),
    "deep": ((6, 5), (6, 5), POOL, (16, 3), (16, 3), POOL),
    "deep-unpooled": ((6, 5), (6, 5), POOL, (16, 3), (16, 3)),
}


class SliceTrunk(nn.Module):
    """One 2D trunk applied to every slice: (n, C, D, H, W) -> features (n, D, `features`).

    Slices are folded into the batch, which is the study's loop over slices in one call.
    Raises HarnessError where `shape` (C, D, H, W) or the name of the trunk cannot be.
    """

    def __init__(self, shape: Sequence[int], name: str = "shallow") -> None:
        super().__init__()
        if name not in TRUNKS:
            raise HarnessError(f"trunk must be one of {', '.join(TRUNKS)}, got {name!r}")
        channels, self.depth, height, width = _volume(shape, name)
        self.slice_shape = (channels, height, width)
        self.layers = nn.Sequential(*_layers(channels, name), nn.Flatten())
        last = [width for width, _ in TRUNKS[name] if width][-1]
        self.features = last * _side(height, name) * _side(width, name)

    def forward(self, image: Tensor) -> Tensor:
        slices = image.transpose(1, 2).reshape(-1, *self.slice_shape)
        features: Tensor = self.layers(slices)
        return features.reshape(-1, self.depth, self.features)


def _layers(channels: int, name: str) -> list[nn.Module]:
    layers: list[nn.Module] = []
    for width, side in TRUNKS[name]:
        if (width, side) == POOL:
            layers.append(nn.MaxPool2d(side))
        else:
            layers += [nn.Conv2d(channels, width, side), nn.ReLU()]
            channels = width
    return layers


def _volume(shape: Sequence[int], name: str) -> tuple[int, int, int, int]:
    if len(shape) != 4 or min(shape) < 1:
        raise HarnessError(
            f"shape must be channels, depth, height and width of a volume, got {tuple(shape)}"
        )
    channels, depth, height, width = shape
    if min(_side(height, name), _side(width, name)) < 1:
        least = next(pixels for pixels in range(1, 100) if _side(pixels, name) >= 1)
        raise HarnessError(f"slices must be at least {least} x {least} px, got {height} x {width}")
    return channels, depth, height, width


def _side(pixels: int, name: str) -> int:
    """Of a slice's height or width, after all convolutions and poolings."""
    for width, side in TRUNKS[name]:
        pixels = pixels // side if (width, side) == POOL else pixels - side + 1
    return pixels
