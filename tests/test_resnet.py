"""ResNets: their sizes, and each kind of convolution against torch's own."""

from typing import Any

import numpy as np
import onnxruntime  # type: ignore[import-untyped]
import pytest
import torch
from torch import nn
from torch.nn import functional

from harness.export import from_torch
from harness.models import resnet

KINDS = ("2.5d", "3d", "acs")


@pytest.fixture
def narrow(monkeypatch: pytest.MonkeyPatch) -> None:
    """Few channels and one block a stage; eleven channels so that thirds do not come out even."""
    monkeypatch.setattr(resnet, "WIDTHS", (8, 11, 8, 8))
    monkeypatch.setattr(resnet, "BLOCKS", {18: (1, 1, 1, 1), 50: (1, 1, 1, 1)})


def count(shape: tuple[int, ...], outputs: int, **args: Any) -> int:
    return sum(p.numel() for p in resnet.build(shape, outputs, **args).parameters())


def expected(depth: int, channels: int, outputs: int, cube: bool = False) -> int:
    """Weights of the convolutions, two numbers a channel of each norm, and the last layer."""
    sides = {1: 1, 3: 27 if cube else 9}
    total, before = channels * 64 * sides[3] + 2 * 64, 64
    for stage, (width, repeats) in enumerate(zip((64, 128, 256, 512), BLOCKS[depth], strict=True)):
        after = width if depth == 18 else 4 * width
        for index in range(repeats):
            path = [(before, width, 3), (width, after, 3)]
            if depth == 50:
                path = [(before, width, 1), (width, width, 3), (width, after, 1)]
            if before != after or (stage and not index):
                path.append((before, after, 1))
            total += sum(a * b * sides[side] + 2 * b for a, b, side in path)
            before = after
    return total + before * outputs + outputs


BLOCKS = {18: (2, 2, 2, 2), 50: (3, 4, 6, 3)}


@pytest.mark.parametrize("depth", [18, 50])
def test_parameters(depth: int) -> None:
    assert count((3, 28, 28), 5, depth=depth) == expected(depth, 3, 5)
    flat = expected(depth, 1, 2)
    for kind in ("2.5d", "acs"):
        assert count((1, 28, 28, 28), 2, depth=depth, convolution=kind) == flat
    assert count((1, 28, 28, 28), 2, depth=depth) == expected(depth, 1, 2, cube=True)


def test_resnet18_has_the_size_of_cifars() -> None:
    """kuangliu's ResNet-18 for ten classes of colour images has 11,173,962 parameters."""
    assert count((3, 32, 32), 10) == 11_173_962


@pytest.mark.parametrize("stride", [1, 2])
@pytest.mark.parametrize("side", [1, 3])
def test_acs_is_a_flat_kernel_in_each_plane(side: int, stride: int) -> None:
    torch.manual_seed(0)
    layer = resnet.ACSConv(3, 8, side, stride)
    volumes = torch.rand(2, 3, 7, 6, 5)
    views = []
    start = 0
    for axis, part in enumerate((3, 3, 2)):
        kernel = [side] * 3
        kernel[axis] = 1
        plain = nn.Conv3d(3, part, tuple(kernel), stride, [k // 2 for k in kernel], bias=False)  # type: ignore[arg-type]
        with torch.no_grad():
            plain.weight.copy_(layer.weight[start : start + part].unsqueeze(2 + axis))
        views.append(plain(volumes))
        start += part
    assert torch.allclose(layer(volumes), torch.cat(views, dim=1), atol=1e-6)


def test_two_and_a_half_dimensions_are_two_for_every_slice() -> None:
    torch.manual_seed(0)
    layer: Any = resnet._conv2_5d(2, 5, 3, 1)
    volumes = torch.rand(3, 2, 4, 9, 8)
    slices = [
        functional.conv2d(volumes[:, :, k], layer.weight[:, :, 0], padding=1) for k in range(4)
    ]
    assert torch.allclose(layer(volumes), torch.stack(slices, dim=2), atol=1e-6)


@pytest.mark.usefixtures("narrow")
@pytest.mark.parametrize("depth", [18, 50])
@pytest.mark.parametrize(
    ("shape", "convolution"),
    [((3, 28, 27), "2d"), *(((1, 13, 12, 15), kind) for kind in KINDS)],
)
def test_the_file_agrees_for_any_number_of_cases(
    depth: int, shape: tuple[int, ...], convolution: str
) -> None:
    torch.manual_seed(0)
    module = resnet.build(shape, 4, depth=depth, convolution=convolution)
    module.train()(torch.rand(8, *shape))  # running statistics that are not those of the start
    module.eval()
    data = from_torch(module, resnet, shape).SerializeToString()
    session = onnxruntime.InferenceSession(data, providers=["CPUExecutionProvider"])
    images = torch.rand(5, *shape)
    with torch.no_grad():
        logits = module(images).numpy()
    for n in (1, 5):
        found = session.run(None, {"image": images[:n].numpy()})[0]
        np.testing.assert_allclose(found, logits[:n], atol=1e-5)


def test_the_default_convolution_is_that_of_the_shape() -> None:
    flat = [m for m in resnet.build((1, 8, 8), 2).modules() if isinstance(m, nn.Conv3d)]
    solid = [m for m in resnet.build((1, 8, 8, 8), 2).modules() if isinstance(m, nn.Conv3d)]
    assert not flat
    assert {m.kernel_size for m in solid} == {(3, 3, 3), (1, 1, 1)}
