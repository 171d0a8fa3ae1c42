"""The liquid-network study's 30 models: the sizes that it reports are those of what we declare."""

from typing import Any

import pytest
import torch

from harness import builders, reading
from harness.size import parameters
from harness.suite import Suite

VOLUME = (1, 28, 28, 28)

STUDY = [  # class of the study, our model, trainable parameters there, effective ones recomputed
    ("CNNExp1N1", "cnn-120-84", 59_405, None),
    ("LiqExp1N2", "ltc-21", 37_265, 11_753),
    ("CNNExp1N3", "cnn-120-84", 59_405, None),
    ("CNNExp1N4", "cnn-60-42", 27_701, None),
    ("LiqExp1N5", "ltc-21-7", 37_930, 5_406),
    ("LiqExp1N6", "ltc-30", 53_528, 16_776),
    ("CNNExp2N1", "cnn-128-128-64-32", 79_245, None),
    ("LiqExp2N2", "ltc-full-21", 37_265, 37_265),
    ("CNNExp2N3", "cnn-256-64", 120_205, None),
    ("CNNExp2N4", "cnn-30-21", 13_739, None),
    ("LiqExp2N5", "ltc-full-21-7", 37_930, 37_930),
    ("LiqExp2N6", "ltc-full-30", 53_528, 53_528),
    ("CNNExp3N1", "cnn-120-84-dropout", 59_405, None),
    ("LiqExp3N2", "ltc-21-linear", 127_537, 110_661),
    ("LiqExp3N3", "ltc-21-norm", 38_065, 12_553),
    ("LiqExp3N4", "ltc-21-dropout", 37_265, 11_753),
    ("LiqExp3N5", "ltc-21-readout", 37_306, 5_226),
    ("CNNExp3N6", "cnn-120-84-mean", 59_405, None),
    ("CNNExp4N1", "deep-cnn-64-32", 15_655, None),
    ("LiqExp4N2", "deep-ltc-21", 18_475, 8_323),
    ("CNNExp4N3", "deep-cnn-120-84", 83_751, None),
    ("CNNExp4N4", "deep-cnn-60-42", 41_487, None),
    ("LiqExp4N5", "deep-ltc-21-7", 19_140, 6_068),
    ("LiqExp4N6", "deep-ltc-21-unpooled", 55_627, 19_555),
    ("LiqExp5N1", "ltc-5", 9_953, 3_473),
    ("LSTMExp5N2", "lstm-40", 71_797, None),
    ("LSTMExp5N3", "lstm-40-1", 71_928, None),
    ("LSTMExp5N4", "lstm-40x2", 84_917, None),
    ("RNNExp5N5", "rnn-40", 18_757, None),
    ("RNNExp5N6", "rnn-40x2", 22_037, None),
]


@pytest.fixture(scope="module")
def suite() -> Suite:
    return reading.load("liquid3d")


def built(suite: Suite, model: str) -> Any:
    declared = suite.models[model]
    return builders.load(str(declared.build)).build(VOLUME, 1, **declared.args)


@pytest.mark.parametrize("row", STUDY, ids=[row[0] for row in STUDY])
def test_parameters_are_the_studys(suite: Suite, row: tuple[str, str, int, int | None]) -> None:
    _, model, trainable, effective = row
    found = {each.metric: each.value for each in parameters(built(suite, model))}
    assert found["parameters_trainable"] == trainable
    assert found["parameters_effective"] == (effective or trainable)


def test_the_suite_declares_the_study_and_two_best_epochs(suite: Suite) -> None:
    best = {"cnn-120-84-best", "ltc-30-best"}
    assert suite.models.keys() == {row[1] for row in STUDY} | best
    assert len(STUDY) == 30
    assert list(suite.datasets) == ["adrenal", "vessel", "nodule"]


@pytest.mark.parametrize("model", ["cnn-120-84", "ltc-30"])
def test_a_best_epoch_is_the_same_training(suite: Suite, model: str) -> None:
    last, best = suite.models[model], suite.models[f"{model}-best"]
    assert (last.build, last.args, best.train) == (best.build, best.args, {"select": "best"})
    assert suite.training("adrenal", model).select == "last"


def test_the_protocol_is_the_studys(suite: Suite) -> None:
    train = suite.training("vessel", "ltc-30")
    assert (train.optimizer, train.lr, train.batch_size, train.epochs) == ("adam", 5e-4, 64, 500)
    assert (train.stop.rule, train.stop.patience, train.stop.min_delta) == ("study", 10, 1e-3)


@pytest.mark.parametrize("model", ["lstm-40", "lstm-40-1", "rnn-40x2"])
def test_recurrence_is_over_slices_and_not_over_the_batch(suite: Suite, model: str) -> None:
    torch.manual_seed(0)
    module = built(suite, model).eval()
    volumes = 5 * torch.rand(4, *VOLUME) * torch.linspace(0, 1, 28).reshape(-1, 1, 1)
    with torch.no_grad():
        logits = module(volumes)
        permuted = module(volumes[[2, 0, 3, 1]])
        backwards = module(volumes.flip(2))
    assert torch.allclose(permuted, logits[[2, 0, 3, 1]], atol=1e-6)
    assert (backwards - logits).abs().max() > 1e-3
