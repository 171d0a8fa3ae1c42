"""MONAI's DynUNet, the U-Net that plans itself: the strong baseline.

Isensee et al., nnU-Net: a self-configuring method for deep learning-based biomedical image
segmentation (Nature Methods 2021): plain blocks, leaky rectifiers, instance normalisation, twice as
many filters at each level up to 512 on slices and 320 in volumes. Of its rules of planning those
are kept that the shape alone decides; deep supervision is left out.
"""

from collections.abc import Sequence

from monai.networks.nets.dynunet import DynUNet
from torch import nn

from harness.errors import HarnessError
from harness.models._spatial import dimensions

TASKS = ("segment",)
MOST_FILTERS = {2: 512, 3: 320}
SMALLEST = 4
"""Voxels that are left along an axis at the bottom."""

Step = tuple[int, ...]


def build(
    shape: tuple[int, ...], outputs: int, *, filters: int = 32, levels: int | None = None
) -> nn.Module:
    """Float32 slices (n, C, H, W) or volumes (n, C, D, H, W) -> logits (n, `outputs`, *sides).

    `filters` of the first level; `levels`: as many as the shape allows, or no more than these.
    Raises HarnessError if one of them cannot be, or where the shape allows fewer than three.
    """
    d = dimensions(shape, outputs)
    if filters < 1 or (levels is not None and levels < 3):
        raise HarnessError(
            f"filters must be 1 or more and levels 3 or more, got {filters} and {levels}"
        )
    kernels, strides = plan(shape[1:], levels)
    if len(strides) < 3:
        raise HarnessError(
            f"the input must have a side that is divisible by 4 and at least {4 * SMALLEST}, got "
            f"{' x '.join(map(str, shape[1:]))}; choose another input.size"
        )
    return DynUNet(
        spatial_dims=d,
        in_channels=shape[0],
        out_channels=outputs,
        kernel_size=kernels,
        strides=strides,
        upsample_kernel_size=strides[1:],
        filters=[min(filters * 2**level, MOST_FILTERS[d]) for level in range(len(strides))],
    )


def plan(sides: Sequence[int], levels: int | None) -> tuple[list[Step], list[Step]]:
    """The side of the kernel, and the stride before it, along each axis at each level.

    An axis is halved while it is even and `SMALLEST` are left. A crop has fewer voxels along an
    axis where voxels are longer: one of half the longest or less waits until the others have come
    down to it, its kernels being 1 up to then.
    """
    now, kernels, strides = list(sides), list[Step](), list[Step]()
    stride: Step = (1,) * len(now)
    while max(stride) == 2 or not strides:
        now = [side // by for side, by in zip(now, stride, strict=True)]
        joins = [2 * side > max(now) for side in now]
        kernels.append(tuple(3 if join else 1 for join in joins))
        strides.append(stride)
        if len(strides) == levels:
            break
        stride = tuple(
            2 if join and side % 2 == 0 and side >= 2 * SMALLEST else 1
            for side, join in zip(now, joins, strict=True)
        )
    return kernels, strides
