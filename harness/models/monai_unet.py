"""MONAI's U-Net with residual units, by default as a study of liver tumours has it.

abushaah/MedicalImagingCNN (2025): channels 8, 16, 32 and 64, one residual unit, batch
normalisation. The study gave four strides for these four channels, of which the last was never
used; here there is one between each two channels, and no way to give more.
"""

from collections.abc import Sequence

from monai.networks.nets.unet import UNet
from torch import nn

from harness.errors import HarnessError
from harness.models._spatial import check_halved, dimensions

TASKS = ("segment",)
NORMS = ("batch", "instance")


def build(
    shape: tuple[int, ...],
    outputs: int,
    *,
    channels: Sequence[int] = (8, 16, 32, 64),
    residual_units: int = 1,
    norm: str = "batch",
) -> nn.Module:
    """Float32 slices (n, C, H, W) or volumes (n, C, D, H, W) -> logits (n, `outputs`, *sides).

    `channels`: of each level, the sides halved between two; `residual_units`: convolutions of each,
    0 for plain ones. `norm`: batch or instance. Raises HarnessError if one of them cannot be, or
    where a side is not divisible by 2^(levels - 1), or a single voxel is left of the input.
    """
    d = dimensions(shape, outputs)
    if len(channels) < 2 or min(channels) < 1 or residual_units < 0:
        got = f"{list(channels)} and {residual_units}"
        raise HarnessError(
            f"channels must be two or more positive numbers and residual_units 0 or more, got {got}"
        )
    if norm not in NORMS:
        raise HarnessError(f"norm must be one of {', '.join(NORMS)}, got {norm!r}")
    halvings = len(channels) - 1
    check_halved(shape, halvings)
    if max(shape[1:]) == 2**halvings:
        raise HarnessError(
            f"a side of the input must be longer than {2**halvings}, so that there is something to "
            f"normalise, got {' x '.join(map(str, shape[1:]))}; give fewer channels"
        )
    return UNet(
        spatial_dims=d,
        in_channels=shape[0],
        out_channels=outputs,
        channels=tuple(channels),
        strides=(2,) * halvings,
        num_res_units=residual_units,
        norm=norm,
    )
