"""Animations: a walk through all slices of a case, what is true and predicted drawn over each."""

import io
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from harness.pictures.slices import (
    COLOURS,
    ERRORS,
    EXTRA,
    OTHER,
    PREDICTION,
    TRUTH,
    Masks,
    Plane,
    grey,
    planes,
    true_mask,
    upright,
)
from harness.suite import Input
from harness.volumes import Case

SIDE, FOOT, TEXT = 384, 46, 12
"""Pixels: of the longer side of a slice, of the legend below it, of its letters."""
MS = 160
"""Of one slice."""
Picture = NDArray[np.uint8]


def animation(case: Case, mask: Masks, input: Input, classes: int) -> bytes:
    """WebP, a frame a slice from the feet upwards, each with its number and the legend.

    mask: (X, Y, Z), predicted.
    """
    from PIL import Image

    first, *others = (Image.fromarray(frame) for frame in frames(case, mask, input, classes))
    file = io.BytesIO()
    first.save(file, "webp", save_all=True, append_images=others, duration=MS, loop=0, quality=80)
    return file.getvalue()


def frames(case: Case, mask: Masks, input: Input, classes: int) -> Iterator[Picture]:
    """(rows, columns, 3) of each slice."""
    truth = true_mask(case)
    named = [name for name in COLOURS if name != OTHER or classes > 1]
    for at in range(mask.shape[-1]):
        shades = _sized(upright(grey(case, input, at)), case.spacing, smooth=True)
        labels = (upright(each[..., at]) for each in (truth, mask))
        true, guess = (_sized(each, case.spacing, smooth=False) for each in labels)
        picture = np.repeat(shades[..., None], 3, axis=2)
        _paint(picture, true, guess)
        told = f"slice {at + 1} of {mask.shape[-1]}"
        yield np.concatenate([picture, _foot(picture.shape[1], named, told)])


def _sized(plane: Any, spacing: tuple[float, ...], *, smooth: bool) -> Picture:
    """(rows, columns) of voxels -> of pixels that are square in mm."""
    from PIL import Image

    how = Image.Resampling.BILINEAR if smooth else Image.Resampling.NEAREST
    height, width = plane.shape[0] * spacing[1], plane.shape[1] * spacing[0]
    scale = SIDE / max(height, width)
    size = max(1, round(scale * width)), max(1, round(scale * height))
    return np.asarray(Image.fromarray(np.ascontiguousarray(plane)).resize(size, how))


def _paint(picture: Picture, truth: Masks, mask: Masks) -> None:
    """Errors as tints, what is too much striped as well; outlines of each class over them."""
    parts = planes(truth, mask)
    stripes = np.add.outer(*map(np.arange, mask.shape)) % 8 < 4
    for name in ERRORS:
        where = parts[name] & stripes if name == EXTRA else parts[name]
        picture[where] = (0.45 * picture[where] + 0.55 * _rgb(name)).astype(np.uint8)
    for name, labels in ((TRUTH, truth), (PREDICTION, mask)):
        picture[_rim(labels)] = _rgb(name)


def _rgb(name: str) -> NDArray[np.uint8]:
    """(3,) of what is drawn."""
    return np.frombuffer(bytes.fromhex(COLOURS[name][1:]), np.uint8)


def _rim(labels: Masks) -> Plane:
    """Pixels that touch another label by a face, or are one away from such a pixel."""
    padded = np.pad(labels, 2, mode="edge")
    height, width = labels.shape
    near = [
        (down, right) for down in range(5) for right in range(5) if (down - 2) * (right - 2) == 0
    ]
    rim = np.zeros(labels.shape, dtype=bool)
    for down, right in near:
        rim |= padded[down : down + height, right : right + width] != labels
    inside: Plane = rim & (labels > 0)
    return inside


def _foot(width: int, named: Sequence[str], told: str) -> Picture:
    """What the colours of what is `named` mean, and what is told, under a picture."""
    from PIL import Image, ImageDraw, ImageFont

    image = Image.new("RGB", (width, FOOT), (20, 24, 27))
    draw = ImageDraw.Draw(image)
    font = ImageFont.load_default(size=TEXT)
    x, y = 6, 4
    for name in named:
        room = 16 + draw.textlength(name, font)
        if x + room > width:
            x, y = 6, y + 20
        if name in ERRORS:
            draw.rectangle((x, y + 3, x + 10, y + 13), fill=COLOURS[name])
        else:
            draw.line((x, y + 8, x + 10, y + 8), fill=COLOURS[name], width=2)
        draw.text((x + 14, y), name, fill=(227, 231, 232), font=font)
        x += int(room) + 12
    draw.text((width - 6 - draw.textlength(told, font), FOOT - 20), told, "white", font)
    return np.asarray(image)
