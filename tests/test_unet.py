"""Networks that give an image back: the study's sizes, the exported files, and what they refuse."""

import dataclasses
import itertools
import math
from typing import Any

import numpy as np
import onnxruntime  # type: ignore[import-untyped]
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray
from torch import Tensor, nn

from harness import shelf
from harness.errors import HarnessError
from harness.export import from_torch, linked
from harness.losses import mask_loss
from harness.models import dynunet, monai_unet, unet

Array = NDArray[Any]

SEGMENTERS = [
    name
    for name in shelf.names("models")
    if "segment" in (shelf.constant("models", name, "TASKS") or ())
]
SMALL: dict[str, dict[str, Any]] = {
    "dynunet": {"filters": 4},
    "monai_unet": {"channels": [4, 6, 8]},
    "unet": {"levels": 2},
}
SHAPES = ((2, 16, 24), (1, 16, 8, 20))


@dataclasses.dataclass
class Specimen:
    module: nn.Module
    shape: tuple[int, ...]
    outputs: int
    session: Any

    def torch(self, images: Tensor) -> Array:
        with torch.no_grad():
            logits = self.module(images)
        found = logits.sigmoid() if self.outputs == 1 else logits.softmax(dim=1)
        probabilities: Array = found.numpy()
        return probabilities

    def onnx(self, images: Tensor) -> Array:
        probabilities: Array = self.session.run(None, {"image": images.numpy()})[0]
        return probabilities


def images(n: int, shape: tuple[int, ...]) -> Tensor:
    return torch.randn(n, *shape, generator=torch.Generator().manual_seed(n))


def moved(name: str, shape: tuple[int, ...], outputs: int) -> nn.Module:
    """A small network after a step of training, so that no statistic is where it began."""
    torch.manual_seed(0)
    module: nn.Module = shelf.load("models", name).build(shape, outputs, **SMALL.get(name, {}))
    optimizer = torch.optim.SGD(module.parameters(), lr=0.1)
    masks = (images(4, shape)[:, 0] > 0.5).long()
    mask_loss(module.train()(images(4, shape) + 1), masks, "dice").mean().backward()
    optimizer.step()
    return module.eval()


@pytest.fixture(scope="module", params=itertools.product(SEGMENTERS, SHAPES), ids=str)
def any_model(request: pytest.FixtureRequest) -> Specimen:
    """Each segmenting file of the shelf, on a slice with one output and a volume with three."""
    name, shape = request.param
    outputs = len(shape) - 2 if len(shape) == 3 else 3
    module = moved(name, shape, outputs)
    model = from_torch(module, shelf.load("models", name), shape)
    model = linked(model, "sigmoid" if outputs == 1 else "softmax")
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    session = onnxruntime.InferenceSession(
        model.SerializeToString(), options, providers=["CPUExecutionProvider"]
    )
    return Specimen(module, shape, outputs, session)


@pytest.mark.parametrize("n", [1, 3])
def test_a_file_is_its_network_for_every_batch(any_model: Specimen, n: int) -> None:
    batch = images(n, any_model.shape)
    file, module = any_model.onnx(batch), any_model.torch(batch)
    assert file.shape == (n, any_model.outputs, *any_model.shape[1:])
    assert np.ptp(module) > 0.01
    assert np.abs(file - module).max() <= 1e-5


def test_a_batch_is_its_cases_one_by_one(any_model: Specimen) -> None:
    batch = images(3, any_model.shape) * torch.tensor([0.2, 1, 4]).reshape(
        -1, *[1] * len(any_model.shape)
    )
    for found in (any_model.onnx, any_model.torch):
        one_by_one = np.concatenate([found(case[None]) for case in batch])
        assert np.abs(found(batch) - one_by_one).max() <= 1e-5


def test_the_file_says_its_sizes_and_leaves_the_batch_open(any_model: Specimen) -> None:
    given_back = any_model.session.get_outputs()[0].shape
    assert given_back == ["batch", any_model.outputs, *any_model.shape[1:]]


@pytest.mark.parametrize("shape", SHAPES, ids=str)
@pytest.mark.parametrize("name", SEGMENTERS)
def test_a_network_learns_its_mask(name: str, shape: tuple[int, ...]) -> None:
    torch.manual_seed(0)
    module: Any = shelf.load("models", name).build(shape, 2, **SMALL.get(name, {}))
    image = images(2, shape)
    mask = (image[:, 0] > 0.3).long()
    optimizer = torch.optim.Adam(module.parameters(), lr=0.01)
    values = []
    for _ in range(30):
        optimizer.zero_grad()
        loss = mask_loss(module(image), mask, "dice_ce").mean()
        loss.backward()
        assert all(p.grad is not None and p.grad.isfinite().all() for p in module.parameters())
        optimizer.step()
        values.append(loss.item())
    assert values[-1] < 0.5 * values[0]


def trainable(module: nn.Module) -> int:
    return sum(p.numel() for p in module.parameters() if p.requires_grad)


def running(module: nn.Module) -> int:
    return sum(b.numel() for name, b in module.named_buffers() if "running" in name)


def test_unet_has_the_studys_parameters_and_statistics() -> None:
    module = unet.build((1, 256, 256), 1)
    assert (trainable(module), running(module)) == (139_573, 480)
    dropouts = [part.p for part in module.modules() if isinstance(part, nn.Dropout)]
    assert dropouts == [0.3]


@pytest.mark.parametrize("d", [2, 3])
@pytest.mark.parametrize("filters", [4, 64])
def test_unet_has_the_parameters_of_its_table(d: int, filters: int) -> None:
    """Counted layer by layer, as (inputs, outputs, kernel) and the pairs of each normalisation."""
    f = filters
    down = [(1, f), (f, f), (f, 2 * f), (2 * f, 2 * f), (2 * f, 4 * f), (4 * f, 4 * f)]
    down += [(4 * f, 8 * f), (8 * f, 8 * f), (8 * f, 16 * f), (16 * f, 16 * f)]
    up = [(16 * f + 8 * f, 8 * f), (8 * f, 8 * f), (4 * f + 4 * f, 4 * f), (4 * f, 4 * f)]
    up += [(2 * f + 2 * f, 2 * f), (2 * f, 2 * f), (f + f, f), (f, f)]
    rise = [(16 * f, 16 * f), (8 * f, 4 * f), (4 * f, 2 * f), (2 * f, f)]
    layers = [(a, b, 3**d) for a, b in down + up] + [(a, b, 2**d) for a, b in rise] + [(f, 1, 1)]
    normed = 2 * 2 * (f + 2 * f + 4 * f + 8 * f)
    with torch.device("meta"):
        module = unet.build((1, *[32] * d), 1, filters=filters)
    assert trainable(module) == sum(a * b * k + b for a, b, k in layers) + 2 * normed
    assert running(module) == 2 * normed
    widths = {p.shape[0] for p in module.parameters() if p.ndim == d + 2}
    assert max(widths) == 16 * filters


@pytest.mark.parametrize("d", [2, 3])
def test_unet_is_the_study_written_out(d: int) -> None:
    """Convolution, rectifier, normalisation; what comes up before what went beside it."""
    module: Any = moved("unet", (1, *[8] * d), 2)
    state, image = module.state_dict(), images(3, (1, *[8] * d))
    convolve = [nn.functional.conv2d, nn.functional.conv3d][d - 2]
    transpose = [nn.functional.conv_transpose2d, nn.functional.conv_transpose3d][d - 2]
    pool = [nn.functional.max_pool2d, nn.functional.max_pool3d][d - 2]

    def layer(x: Tensor, key: str, at: int, slope: float, norm: bool = True) -> Tensor:
        x = convolve(x, state[f"{key}.{at}.weight"], state[f"{key}.{at}.bias"], padding=1)
        x = torch.where(x > 0, x, slope * x)
        if not norm:
            return x
        kinds = ("running_mean", "running_var", "weight", "bias")
        columns = [state[f"{key}.{at + 2}.{kind}"].reshape(-1, *[1] * d) for kind in kinds]
        mean, variance, weight, bias = columns
        return (x - mean) / torch.sqrt(variance + 1e-5) * weight + bias

    def level(x: Tensor, key: str, slope: float) -> Tensor:
        return layer(layer(x, key, 0, slope), key, 3, slope)

    def rise(x: Tensor, i: int) -> Tensor:
        return transpose(x, state[f"rise.{i}.weight"], state[f"rise.{i}.bias"], stride=2)

    first = level(image, "down.0", 0.1)
    second = level(pool(first, 2), "down.1", 0.1)
    bottom = layer(pool(second, 2), "bottom", 0, 0.1, norm=False)
    bottom = layer(bottom, "bottom", 3, 0.1, norm=False)
    up = level(torch.cat([rise(bottom, 0), second], dim=1), "up.0", 0.0)
    up = level(torch.cat([rise(up, 1), first], dim=1), "up.1", 0.1)
    expected = convolve(up, state["head.weight"], state["head.bias"])
    with torch.no_grad():
        assert torch.allclose(module(image), expected, atol=1e-5)


def layers(module: nn.Module) -> list[Any]:
    kinds = (nn.Conv2d, nn.Conv3d, nn.ConvTranspose2d, nn.ConvTranspose3d)
    return [part for part in module.modules() if isinstance(part, kinds)]


@pytest.mark.parametrize("shape", [(1, 32, 32), (1, 16, 16, 16)])
def test_unet_begins_as_declared(shape: tuple[int, ...]) -> None:
    torch.manual_seed(0)
    for part in layers(unet.build(shape, 1, filters=16, initial="normal")):
        assert part.weight.std().item() == pytest.approx(
            0.01, abs=0.03 / part.weight.numel() ** 0.5
        )
        assert not part.bias.any()
    for part in layers(unet.build(shape, 1, filters=16, initial="he")):
        one = torch.ones(1, part.in_channels, *[8] * (len(shape) - 1))
        with torch.no_grad():
            part.weight.copy_(part.weight.square())
            total = part(one)[(0, slice(None), *[4] * (len(shape) - 1))].mean().item()
        assert total == pytest.approx(2, rel=6 / part.weight.numel() ** 0.5)


def test_unet_drops_out_in_training_alone() -> None:
    module, image = unet.build((1, 16, 16), 1, dropout=0.5), images(2, (1, 16, 16))
    assert not torch.equal(module(image), module(image))
    module.eval()
    assert torch.equal(module(image), module(image))


def test_monai_unet_is_the_studys_without_its_unused_stride() -> None:
    from monai.networks.nets.unet import UNet

    with pytest.warns(UserWarning, match="values of strides will not be used"):
        study = UNet(
            spatial_dims=3,
            in_channels=1,
            out_channels=2,
            channels=(8, 16, 32, 64),
            strides=(2, 2, 2, 2),
            num_res_units=1,
            norm="batch",
        ).eval()
    ours = monai_unet.build((1, 16, 16, 16), 2).eval()
    ours.load_state_dict(study.state_dict())
    image = images(2, (1, 16, 16, 16))
    assert torch.equal(ours(image), study(image))


@given(sides=st.lists(st.integers(1, 200), min_size=2, max_size=3), most=st.integers(3, 8))
def test_dynunet_plans_what_a_shape_allows(sides: list[int], most: int) -> None:
    kernels, strides = dynunet.plan(sides, most)
    assert len(kernels) == len(strides) <= most
    assert strides[0] == (1,) * len(sides)
    now = sides
    for stride, kernel in zip(strides, kernels, strict=True):
        assert all(side % by == 0 for side, by in zip(now, stride, strict=True))
        now = [side // by for side, by in zip(now, stride, strict=True)]
        assert all(side >= 4 for side, by in zip(now, stride, strict=True) if by == 2)
        assert [k == 3 for k in kernel] == [2 * side > max(now) for side in now]
    if len(strides) < most:
        assert all(s % 2 or s < 8 or 2 * s <= max(now) for s in now)


@pytest.mark.parametrize(
    ("sides", "factors", "flat"),
    [
        ((40, 56, 40), (8, 8, 8), 0),
        ((96, 96, 16), (16, 16, 4), 2),
        ((256, 256), (64, 64), 0),
        ((128, 128, 128), (32, 32, 32), 0),
    ],
)
def test_dynunet_halves_long_axes_first(
    sides: tuple[int, ...], factors: tuple[int, ...], flat: int
) -> None:
    """`flat`: levels whose kernels do not cross slices."""
    kernels, strides = dynunet.plan(sides, None)
    assert tuple(math.prod(axis) for axis in zip(*strides, strict=True)) == factors
    assert [kernel[-1] for kernel in kernels].count(1) == flat


def test_dynunet_has_monais_widths() -> None:
    with torch.device("meta"):
        wide: Any = dynunet.build((1, 512, 512), 2)
        deep: Any = dynunet.build((1, 128, 128, 128), 2)
        narrow: Any = dynunet.build((1, 64, 64), 2, filters=8, levels=3)
    assert wide.filters == [32, 64, 128, 256, 512, 512, 512, 512]
    assert deep.filters == [32, 64, 128, 256, 320, 320]
    assert narrow.filters == [8, 16, 32]


def test_dynunet_gives_logits_in_training_too() -> None:
    module = dynunet.build((1, 16, 16), 2, filters=2).train()
    assert module(images(2, (1, 16, 16))).shape == (2, 2, 16, 16)


@pytest.mark.parametrize(
    ("builder", "shape", "args", "sentence"),
    [
        (unet, (64, 64), {}, r"shape must be that of an image or a volume, got \(64, 64\)"),
        (unet, (1, 0, 64), {}, "shape must be that of an image or a volume"),
        (unet, (1, 64, 72), {}, "divisible by 16, .* got 64 x 72; choose another input.size"),
        (unet, (1, 64, 64), {"levels": 0}, "levels must be 1 or more .* got 4, 0 and 0.3"),
        (unet, (1, 64, 64), {"filters": 0}, "filters and levels must be 1 or more"),
        (unet, (1, 64, 64), {"dropout": 1.0}, "dropout from 0 to below 1, got 4, 4 and 1.0"),
        (unet, (1, 64, 64), {"initial": "zero"}, "initial must be one of he, normal, got 'zero'"),
        (monai_unet, (1, 64, 36), {}, "divisible by 8, .* got 64 x 36"),
        (monai_unet, (1, 8, 8), {}, "must be longer than 8, .* got 8 x 8; give fewer channels"),
        (monai_unet, (1, 64, 64), {"channels": [8]}, r"channels must be .* got \[8\] and 1"),
        (monai_unet, (1, 64, 64), {"residual_units": -1}, "residual_units 0 or more, got"),
        (monai_unet, (1, 64, 64), {"norm": "group"}, "norm must be one of batch, instance, got"),
        (dynunet, (1, 15, 30), {}, "divisible by 4 and at least 16, got 15 x 30"),
        (dynunet, (1, 64, 64), {"levels": 2}, "levels 3 or more, got 32 and 2"),
        (dynunet, (1, 64, 64), {"filters": 0}, "filters must be 1 or more"),
    ],
)
def test_what_cannot_be_built_is_one_sentence(
    builder: Any, shape: tuple[int, ...], args: dict[str, Any], sentence: str
) -> None:
    with pytest.raises(HarnessError, match=sentence):
        builder.build(shape, 1, **args)


@pytest.mark.parametrize("name", SEGMENTERS)
def test_no_outputs_cannot_be_built(name: str) -> None:
    with pytest.raises(HarnessError, match="outputs must be 1 or more, got 0"):
        shelf.load("models", name).build((1, 64, 64), 0)
