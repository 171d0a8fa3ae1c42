"""What networks that give an image back ask of its shape."""

from harness.errors import HarnessError


def dimensions(shape: tuple[int, ...], outputs: int) -> int:
    """2 of slices (C, H, W), 3 of volumes (C, D, H, W). Raises HarnessError for what is neither."""
    if len(shape) not in (3, 4) or min(shape) < 1:
        raise HarnessError(f"shape must be that of an image or a volume, got {tuple(shape)}")
    if outputs < 1:
        raise HarnessError(f"outputs must be 1 or more, got {outputs}")
    return len(shape) - 1


def check_halved(shape: tuple[int, ...], times: int) -> None:
    """Raise HarnessError unless every side can be halved so often without a remainder."""
    sides, factor = shape[1:], 2**times
    if any(side % factor for side in sides):
        raise HarnessError(
            f"sides of the input must be divisible by {factor}, as a network of {times} levels "
            f"halves them so often, got {' x '.join(map(str, sides))}; choose another input.size"
        )
