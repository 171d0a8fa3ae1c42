"""The models shelf: sizes known from elsewhere, and what must hold for every network on it."""

import dataclasses
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime  # type: ignore[import-untyped]
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray
from safetensors.torch import save_file
from torch import nn

from harness import shelf
from harness.errors import HarnessError
from harness.export import from_torch
from harness.models import liquid, resnet, slice_cnn, slice_rnn, vgg16

STUDY = (1, 28, 28, 28)
SHAPES = ((2, 4, 28, 20), (2, 28, 20))  # a volume; an image, for a model that refuses volumes

Array = NDArray[Any]


@dataclasses.dataclass
class Specimen:
    module: nn.Module
    shape: tuple[int, ...]
    session: Any

    def cases(self, n: int) -> torch.Tensor:
        """Random images, each brighter than the one before."""
        images = torch.rand(n, *self.shape, generator=torch.Generator().manual_seed(n))
        return images * torch.linspace(0.2, 3, n).reshape(-1, *[1] * len(self.shape))


def specimen(builder: Any, shape: tuple[int, ...], outputs: int, **args: Any) -> Specimen:
    torch.manual_seed(0)
    module: nn.Module = builder.build(shape, outputs, **args)
    return Specimen(module, shape, opened(from_torch(module, builder, shape)))


def opened(model: onnx.ModelProto) -> Any:
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    return onnxruntime.InferenceSession(
        model.SerializeToString(), options, providers=["CPUExecutionProvider"]
    )


def torch_logits(model: Specimen, images: torch.Tensor) -> Array:
    with torch.no_grad():
        logits: Array = model.module(images).numpy()
    return logits


def onnx_logits(model: Specimen, images: torch.Tensor) -> Array:
    logits: Array = model.session.run(None, {"image": images.numpy()})[0]
    return logits


def assert_same(left: Array, right: Array) -> None:
    """Within 1e-5, and within a thousandth of how far the cases are apart."""
    apart = float(np.ptp(right, axis=0).max())
    assert apart > 0
    assert np.abs(left - right).max() <= min(1e-5, 1e-3 * apart)


CLASSIFIERS = [
    name
    for name in shelf.names("models")
    if "classify" in (shelf.constant("models", name, "TASKS") or ("classify",))
]


@pytest.fixture(scope="module", params=CLASSIFIERS)
def any_model(request: pytest.FixtureRequest) -> Specimen:
    """Each file of the shelf with its default arguments, on the first small shape it takes."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(vgg16, "HIDDEN", 64)
        builder = shelf.load("models", request.param)
        for shape in SHAPES:
            try:
                return specimen(builder, shape, 1)
            except HarnessError:
                continue
    pytest.fail(f"{request.param} builds for none of {SHAPES}")


@pytest.mark.parametrize("logits", [torch_logits, onnx_logits])
class TestEveryModel:
    def test_gives_a_logit_a_case(self, any_model: Specimen, logits: Any) -> None:
        for n in (1, 3):
            given_back = logits(any_model, any_model.cases(n))
            assert given_back.shape == (n, 1)
            assert np.isfinite(given_back).all()

    def test_a_batch_is_its_cases_one_by_one(self, any_model: Specimen, logits: Any) -> None:
        cases = any_model.cases(5)
        one_by_one = [logits(any_model, case[None]) for case in cases]
        assert_same(logits(any_model, cases), np.concatenate(one_by_one))

    def test_permuted_cases_give_permuted_logits(self, any_model: Specimen, logits: Any) -> None:
        cases, order = any_model.cases(5), [3, 0, 4, 2, 1]
        assert_same(logits(any_model, cases[order]), logits(any_model, cases)[order])


def test_the_exported_file_agrees_with_torch(any_model: Specimen) -> None:
    cases = any_model.cases(4)
    assert_same(onnx_logits(any_model, cases), torch_logits(any_model, cases))


def trainable(module: nn.Module) -> int:
    return sum(p.numel() for p in module.parameters() if p.requires_grad)


@pytest.mark.parametrize(
    ("hidden", "parameters"),
    [
        ((120, 84), 59_405),
        ((60, 42), 27_701),
        ((128, 128, 64, 32), 79_245),
        ((256, 64), 120_205),
        ([30, 21], 13_739),
    ],
)
def test_slice_cnn_has_the_studys_parameters(hidden: Sequence[int], parameters: int) -> None:
    assert trainable(slice_cnn.build(STUDY, 1, hidden=hidden)) == parameters


@pytest.mark.parametrize(
    ("layers", "parameters", "effective"),
    [
        ([[30, 1]], 53_528, 16_776),
        ([[21, 1]], 37_265, 11_753),
        ([[5, 1]], 9_953, 3_473),
        ([[21, 14], [7, 1]], 37_930, 5_406),
    ],
)
def test_liquid_has_the_studys_parameters(
    layers: list[list[int]], parameters: int, effective: int
) -> None:
    sparse: Any = liquid.build(STUDY, 1, layers=layers)
    dense: Any = liquid.build(STUDY, 1, wiring="fully_connected", layers=layers)
    assert (trainable(sparse), sparse.parameters_effective()) == (parameters, effective)
    assert (trainable(dense), dense.parameters_effective()) == (parameters, parameters)


def test_vgg16_has_torchvisions_parameters_and_keys() -> None:
    with torch.device("meta"):
        module = vgg16.build((3, 224, 224), 1000)
    convolutions = [0, 2, 5, 7, 10, 12, 14, 17, 19, 21, 24, 26, 28]
    layers = [f"features.{i}" for i in convolutions] + [f"classifier.{i}" for i in (0, 3, 6)]
    assert trainable(module) == 138_357_544
    assert [*module.state_dict()] == [f"{x}.{kind}" for x in layers for kind in ("weight", "bias")]


def test_folded_slices_are_the_studys_loop() -> None:
    module: Any = slice_cnn.build((2, 5, 14, 17), 3).eval()
    volumes = torch.rand(4, 2, 5, 14, 17)
    with torch.no_grad():
        by_slice = [
            module.top(module.body(module.trunk.layers(volumes[:, :, position])))
            for position in range(5)
        ]
        assert torch.allclose(module(volumes), torch.stack(by_slice).mean(dim=0), atol=1e-6)


def test_dropout_acts_in_training_alone() -> None:
    module = slice_cnn.build((1, 2, 12, 12), 1, dropout=0.5)
    volumes = torch.rand(2, 1, 2, 12, 12)
    assert not torch.equal(module(volumes), module(volumes))
    module.eval()
    assert torch.equal(module(volumes), module(volumes))


WIRINGS = [
    ("autoncp", [[30, 2]]),
    ("autoncp", [[21, 14], [7, 2]]),
    ("fully_connected", [[9, 2]]),
    ("fully_connected", [[6, 6], [7, 5], [3, 2]]),
    ("ncp", [[10, 6, 2]]),
    ("ncp", [[10, 6, 5], [8, 7, 2]]),
]


@pytest.mark.parametrize(("wiring", "layers"), WIRINGS)
def test_liquid_file_is_one_small_scan_a_layer(wiring: str, layers: list[list[int]]) -> None:
    torch.manual_seed(1)
    module = liquid.build((2, 7, 16, 14), 2, wiring=wiring, layers=layers).eval()
    stir(module)
    model = liquid.to_onnx(module, (2, 7, 16, 14))
    onnx.checker.check_model(model, full_check=True)
    assert [node.op_type for node in model.graph.node].count("Scan") == len(layers)
    made = Specimen(module, (2, 7, 16, 14), opened(model))
    for n in (1, 6):
        cases = made.cases(n)
        assert np.abs(onnx_logits(made, cases) - torch_logits(made, cases)).max() < 1e-6


STAGES: list[dict[str, Any]] = [
    {"linear": 5, "dropout": 0.2},
    {"norm": True, "dropout": 0.2},
    {"dropout": 0.5},
    {"readout": True, "layers": [[9, 4]]},
    {"norm": True, "linear": 6, "readout": True, "layers": [[9, 4], [8, 3]]},
    {"trunk": "deep"},
    {"trunk": "deep-unpooled", "wiring": "fully_connected"},
]


@pytest.mark.parametrize("args", STAGES, ids=str)
def test_liquid_file_has_every_stage(args: dict[str, Any]) -> None:
    torch.manual_seed(1)
    shape = (2, 5, 28, 24)
    module = liquid.build(shape, 2, **{"layers": [[7, 2]], **args}).eval()
    stir(module)
    for part in module.modules():
        if isinstance(part, nn.BatchNorm1d):
            assert part.running_mean is not None
            assert part.running_var is not None
            part.running_mean.copy_(torch.rand_like(part.running_mean))
            part.running_var.copy_(0.5 + torch.rand_like(part.running_var))
    model = liquid.to_onnx(module, shape)
    onnx.checker.check_model(model, full_check=True)
    made = Specimen(module, shape, opened(model))
    for n in (1, 5):
        cases = made.cases(n)
        assert np.abs(onnx_logits(made, cases) - torch_logits(made, cases)).max() < 1e-5


def test_liquid_norm_is_over_batch_and_slices() -> None:
    module: Any = liquid.build((1, 3, 14, 14), 1, layers=[[7, 1]], norm=True).train()
    volumes = torch.rand(6, 1, 3, 14, 14) * torch.tensor([0.1, 1, 3]).reshape(-1, 1, 1)
    module(volumes)
    variance, mean = torch.var_mean(module.trunk(volumes).flatten(0, 1), dim=0)
    norm = module.stages[0]
    assert torch.allclose(norm.running_mean, norm.momentum * mean, atol=1e-6)
    expected = 1 - norm.momentum + norm.momentum * variance
    assert torch.allclose(norm.running_var, expected, atol=1e-6)


def test_liquid_stages_are_the_studys_loop() -> None:
    """Its N2 and N5 of experiment 3, and the norm of N3, one slice after the other."""
    torch.manual_seed(1)
    args: dict[str, Any] = {"linear": 6, "norm": True, "dropout": 0.4, "readout": True}
    module: Any = liquid.build((2, 5, 14, 17), 3, layers=[[9, 4]], **args).eval()
    norm, dropout, linear, _ = module.stages
    norm.running_mean.uniform_()
    volumes = torch.rand(4, 2, 5, 14, 17)
    with torch.no_grad():
        by_slice = [norm(module.trunk.layers(volumes[:, :, position])) for position in range(5)]
        sequence = torch.stack([torch.relu(linear(features)) for features in by_slice], dim=1)
        expected = module.readout(module.layers[0](sequence)[0].mean(dim=1))
        assert torch.allclose(module(volumes), expected, atol=1e-6)
    assert dropout.p == 0.4


def test_liquid_without_stages_has_the_keys_it_always_had() -> None:
    keys = liquid.build(STUDY, 1, layers=[[21, 14], [7, 1]]).state_dict()
    assert {key.split(".")[0] for key in keys} == {"trunk", "layers"}


RECURRENT: list[dict[str, Any]] = [
    {"cell": cell, **args}
    for cell in ("lstm", "rnn")
    for args in (
        {"hidden": [5]},
        {"hidden": [6, 3], "readout": False},
        {"hidden": [4, 5], "layers": 3},
    )
]


@pytest.mark.parametrize("args", RECURRENT, ids=str)
def test_slice_rnn_file_is_a_node_a_layer(args: dict[str, Any]) -> None:
    torch.manual_seed(1)
    shape = (2, 7, 16, 14)
    module = slice_rnn.build(shape, 3, **args).eval()
    stir(module)
    model = slice_rnn.to_onnx(module, shape)
    onnx.checker.check_model(model, full_check=True)
    operators = [node.op_type for node in model.graph.node]
    assert operators.count(args["cell"].upper()) == len(args["hidden"]) * args.get("layers", 1)
    made = Specimen(module, shape, opened(model))
    for n in (1, 6):
        cases = made.cases(n)
        assert np.abs(onnx_logits(made, cases) - torch_logits(made, cases)).max() < 1e-6


def test_slice_rnn_file_is_refused_for_another_network() -> None:
    with pytest.raises(HarnessError, match=r"built by .*slice_rnn, got SliceCNN"):
        slice_rnn.to_onnx(slice_cnn.build(STUDY, 1), STUDY)


@pytest.mark.parametrize(
    ("cell", "single"), [("lstm", nn.LSTMCell), ("rnn", nn.RNNCell)], ids=["lstm", "rnn"]
)
def test_slice_rnn_steps_from_slice_to_slice(cell: str, single: type[nn.Module]) -> None:
    torch.manual_seed(1)
    module: Any = slice_rnn.build((2, 5, 14, 17), 3, cell=cell, hidden=[8]).eval()
    step = single(module.trunk.features, 8)
    weights = module.recurrent[0].state_dict()
    step.load_state_dict({key.removesuffix("_l0"): tensor for key, tensor in weights.items()})
    volumes, state, logits = torch.rand(4, 2, 5, 14, 17), None, []
    with torch.no_grad():
        for position in range(5):
            state = step(module.trunk.layers(volumes[:, :, position]), state)
            said = state[0] if cell == "lstm" else state
            logits.append(module.readout[1](torch.relu(said)))
        assert torch.allclose(module(volumes), torch.stack(logits).mean(dim=0), atol=1e-6)


def stir(module: nn.Module) -> None:
    """Move every parameter off its initial value, as training would."""
    with torch.no_grad():
        for parameter in module.parameters():
            if parameter.requires_grad:
                parameter.add_(0.1 * torch.randn_like(parameter))


def test_liquid_file_is_small_at_the_studys_size() -> None:
    model = liquid.to_onnx(liquid.build(STUDY, 1, layers=[[30, 1]]), STUDY)
    assert model.ByteSize() < 250_000


def test_liquid_file_is_refused_for_another_network() -> None:
    with pytest.raises(HarnessError, match=r"built by .*liquid, got SliceCNN"):
        liquid.to_onnx(slice_cnn.build(STUDY, 1), STUDY)


@pytest.mark.parametrize(("wiring", "layers"), WIRINGS)
def test_gradient_reaches_live_synapses_and_no_other(wiring: str, layers: list[list[int]]) -> None:
    torch.manual_seed(2)
    module: Any = liquid.build((1, 3, 14, 14), 2, wiring=wiring, layers=layers).double()
    for layer in module.layers:
        drive = torch.rand(8, 3, layer.sensory_size, dtype=torch.float64)
        layer(drive)[0].square().sum().backward()
        for kind in ("", "sensory_"):
            live = getattr(layer.rnn_cell, f"{kind}sparsity_mask") > 0
            for key in ("w", "mu", "sigma", "erev"):
                assert torch.equal(getattr(layer.rnn_cell, kind + key).grad != 0, live)


@given(height=st.integers(1, 30), width=st.integers(1, 30))
def test_pooling_is_torchs_adaptive_average(height: int, width: int) -> None:
    features = torch.rand(2, 3, height, width)
    expected = nn.AdaptiveAvgPool2d(7)(features)
    assert torch.allclose(vgg16.AveragePool(height, width)(features), expected, atol=1e-6)


@pytest.fixture
def narrow(monkeypatch: pytest.MonkeyPatch) -> None:
    """VGG16 with a few channels."""
    monkeypatch.setattr(vgg16, "BLOCKS", ((4, 2), (4, 2), (4, 3), (4, 3), (4, 3)))
    monkeypatch.setattr(vgg16, "HIDDEN", 8)


@pytest.fixture
def weights(narrow: None, tmp_path: Path) -> tuple[dict[str, torch.Tensor], str]:
    state = vgg16.build((3, 32, 32), 5).state_dict()
    save_file(state, tmp_path / "vgg.safetensors")
    return state, str(tmp_path / "vgg.safetensors")


@pytest.mark.usefixtures("narrow")
def test_small_images_are_enlarged() -> None:
    small, large = vgg16.build((3, 28, 40), 2).eval(), vgg16.build((3, 32, 40), 2).eval()
    large.load_state_dict(small.state_dict())
    images = torch.rand(2, 3, 28, 40)
    enlarged = nn.functional.interpolate(images, size=(32, 40), mode="bilinear")
    assert torch.equal(small(images), large(enlarged))


def test_weights_come_back(weights: tuple[dict[str, torch.Tensor], str]) -> None:
    state, file = weights
    loaded = vgg16.build((3, 64, 48), 5, weights=file).state_dict()
    assert all(torch.equal(loaded[key], tensor) for key, tensor in state.items())


def test_last_layer_is_fresh_for_other_outputs(
    weights: tuple[dict[str, torch.Tensor], str],
) -> None:
    state, file = weights
    loaded = vgg16.build((3, 32, 32), 2, weights=file).state_dict()
    differing = {key for key in state if not torch.equal(state[key], loaded[key])}
    assert differing == {"classifier.6.weight", "classifier.6.bias"}
    assert loaded["classifier.6.weight"].shape == (2, 8)


def test_weights_that_do_not_fit_are_refused(
    weights: tuple[dict[str, torch.Tensor], str], tmp_path: Path
) -> None:
    state, file = weights
    (tmp_path / "text").write_text("no tensors here, only a line of text")
    save_file({"extra": torch.zeros(1), **state}, tmp_path / "more")
    refused = {
        str(tmp_path / "absent"): "weights must be a safetensors file, got .*absent",
        str(tmp_path / "text"): "weights must be a safetensors file, got .*text",
        str(tmp_path / "more"): "weights must have torchvision's keys .* differs in 1, first extra",
    }
    for path, sentence in refused.items():
        with pytest.raises(HarnessError, match=sentence):
            vgg16.build((3, 32, 32), 5, weights=path)
    with pytest.raises(HarnessError, match=r"must be \(4, 1, 3, 3\), got \(4, 3, 3, 3\)"):
        vgg16.build((1, 32, 32), 5, weights=file)


@pytest.mark.parametrize(
    ("builder", "shape", "args", "sentence"),
    [
        (slice_cnn, (1, 28, 28), {}, "shape must be channels, depth, .* got"),
        (slice_cnn, (1, 0, 28, 28), {}, "shape must be channels, depth, .* got"),
        (slice_cnn, (1, 4, 28, 11), {}, "slices must be at least 12 x 12 px, got 28 x 11"),
        (slice_cnn, STUDY, {"hidden": [120, 0]}, "hidden must be .* got"),
        (slice_cnn, STUDY, {"trunk": "wide"}, "trunk must be one of shallow, deep, deep-unpooled"),
        (slice_cnn, (1, 4, 17, 28), {"trunk": "deep"}, "at least 20 x 20 px, got 17 x 28"),
        (
            slice_cnn,
            STUDY,
            {"mean": "pixels"},
            "mean must be one of logits, features, got",
        ),
        (liquid, STUDY, {"linear": -1}, "linear 0 or more units, got 0.0 and -1"),
        (slice_rnn, STUDY, {"cell": "gru"}, "cell must be one of lstm, rnn, got 'gru'"),
        (slice_rnn, STUDY, {"hidden": []}, "hidden and layers must be positive numbers"),
        (
            slice_rnn,
            STUDY,
            {"readout": False},
            "must end in 1 units without readout, got 40",
        ),
        (resnet, (28, 28), {}, "shape must be that of an image or a volume"),
        (resnet, (1, 28, 28), {"depth": 34}, "depth must be one of 18, 50, got 34"),
        (resnet, (1, 28, 28), {"convolution": "acs"}, "convolution must be one of 2d, got 'acs'"),
        (resnet, STUDY, {"convolution": "2d"}, "must be one of 3d, 2.5d, acs, got '2d'"),
        (slice_cnn, STUDY, {"dropout": 1.0}, "dropout must be .* got 1.0"),
        (liquid, (1, 28, 28), {}, "shape must be"),
        (liquid, STUDY, {"wiring": "random"}, "one of autoncp, fully_connected, ncp, got 'random'"),
        (liquid, STUDY, {"layers": []}, "layers must end in 1 motor neurons, got"),
        (liquid, STUDY, {"layers": [[30, 2]]}, "layers must end in 1 motor neurons, got"),
        (liquid, STUDY, {"layers": [30, 1]}, r"must be \[units, outputs\] .* got 30"),
        (liquid, STUDY, {"layers": [[30, 0]]}, r"must be \[units, outputs\] .* got \[30, 0\]"),
        (liquid, STUDY, {"wiring": "ncp"}, r"must be \[inter, command, motor\] .* got"),
        (liquid, STUDY, {"layers": [[3, 1]]}, "layers must be possible .* less than"),
        (liquid, STUDY, {"sparsity": 0.0}, "layers must be possible .* Sparsity"),
        (
            liquid,
            STUDY,
            {"wiring": "fully_connected", "layers": [[2, 3], [2, 1]]},
            "layers must be possible .* 3 outputs are more than 2 units",
        ),
        (
            liquid,
            STUDY,
            {"wiring": "ncp", "layers": [[12, 8, 1]], "motor_fanin": 9},
            "layers must be possible .* Motor fanin parameter is 9",
        ),
        (vgg16, STUDY, {}, "shape must be channels, height and width"),
        (vgg16, (3, 0, 32), {}, "shape must be channels, height and width"),
    ],
)
def test_what_cannot_be_built_is_one_sentence(
    builder: Any, shape: tuple[int, ...], args: dict[str, Any], sentence: str
) -> None:
    with pytest.raises(HarnessError, match=sentence):
        builder.build(shape, 1, **args)
