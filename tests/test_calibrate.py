"""Calibration: fitted on val as scikit-learn fits it, and what ships is what was calibrated."""

import dataclasses
import json
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import line
import numpy as np
import onnx
import onnxruntime
import own
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from onnx import TensorProto, helper, numpy_helper
from scipy.special import expit, logit, softmax
from sklearn import calibration
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.frozen import FrozenEstimator
from sklearn.linear_model import LogisticRegression

from harness import calibrated_onnx, export, priors, reading
from harness.calibrate import Calibration, Unfit, columns, fitted, linked
from harness.calibrated_onnx import before, logits_from, logits_of, telling, write
from harness.cases import SHIPPED, UNCALIBRATED
from harness.errors import HarnessError
from harness.predictions import Predictions
from harness.record import Record, as_json
from harness.verbs._scope import ALL, Scope, open_scope
from harness.verbs.plan import planned
from harness.verbs.run import run

METHODS = ("temperature", "platt", "isotonic")
LINKS = [("sigmoid", 1), ("sigmoid", 3), ("softmax", 2), ("softmax", 4)]
"""Two classes by one output, labels, two classes by two, several classes."""
SURE = 2.5
BINS = 15


def drawn(link: str, outputs: int, n: int = 2_000, seed: int = 0) -> tuple[Any, Any]:
    """Logits, `SURE` times too large, and targets; float32 numbers in double precision."""
    rng = np.random.default_rng([seed, outputs])
    true = rng.normal(0, 1.5, (n, outputs)).astype(np.float32).astype(np.float64)
    if link == "sigmoid":
        labels = (rng.random((n, outputs)) < expit(true)).astype(np.int64)
        return np.float32(SURE * true).astype(np.float64), labels[:, 0] if outputs == 1 else labels
    share = softmax(true, axis=1)
    targets = (rng.random((n, 1)) > share.cumsum(axis=1)).sum(axis=1).clip(0, outputs - 1)
    return np.float32(SURE * true).astype(np.float64), targets


def fit(method: Any, link: Any, outputs: int, seed: int = 0, **more: Any) -> Calibration:
    logits, targets = drawn(link, outputs, seed=seed)
    start = Calibration(link=link, tensor="logits", **more)
    return fitted(start, method, logits + np.array(start.offset or 0.0), targets)


def by_hand(known: Calibration, logits: Any) -> Any:
    """What a file gives, in double precision, by other means than those of the package."""
    z = np.float32(np.float32(logits) + np.array(known.offset or 0.0)).astype(np.float64)
    if known.method in ("none", "temperature"):
        z = z / (known.temperature or 1.0)
        return expit(z) if known.link == "sigmoid" else softmax(z, axis=1)
    if known.link == "sigmoid":
        u = z
    elif z.shape[1] == 2:
        u = z[:, 1:] - z[:, :1]
    else:
        rest = [np.delete(z, k, axis=1) for k in range(z.shape[1])]
        u = np.stack([z[:, k] - np.logaddexp.reduce(r, axis=1) for k, r in enumerate(rest)], axis=1)
    u = np.float32(u).astype(np.float64)
    if known.method == "platt":
        q = expit(u * np.array(known.slope) + np.array(known.intercept))
    else:
        q = np.stack([np.interp(u[:, k], known.x[k], known.y[k]) for k in range(u.shape[1])], 1)
    if known.link == "sigmoid":
        return q
    if z.shape[1] == 2:
        return np.concatenate([1 - q, q], axis=1)
    total = q.sum(axis=1, keepdims=True)
    return np.where(total > 0, q / np.where(total > 0, total, 1), 1 / z.shape[1])


def file(link: str, outputs: int, opset: int = 20, last: str = "") -> onnx.ModelProto:
    """A file whose image is its logits; `last` is an operator that stands behind its link."""
    operator, attributes = export.LINKS[link]
    nodes = [
        helper.make_node("Flatten", ["image"], ["logits"], axis=1),
        helper.make_node(operator, ["logits"], ["linked"], **attributes),
    ]
    if last:
        nodes.append(helper.make_node(last, ["linked"], ["given"]))
    graph = helper.make_graph(
        nodes,
        "it",
        [helper.make_tensor_value_info("image", TensorProto.FLOAT, ["n", outputs])],
        [
            helper.make_tensor_value_info(
                "given" if last else "linked", TensorProto.FLOAT, ["n", outputs]
            )
        ],
    )
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", opset)], ir_version=9)


def answers(model: onnx.ModelProto, images: Any) -> Any:
    """In ONNX Runtime."""
    onnx.checker.check_model(model, full_check=True)
    session = onnxruntime.InferenceSession(
        model.SerializeToString(), providers=["CPUExecutionProvider"]
    )
    return session.run(None, {"image": images.astype(np.float32)})[0]


# What is fitted


class Told(ClassifierMixin, BaseEstimator):  # type: ignore[misc]
    """A classifier whose decision function is what it is given."""

    def fit(self, x: Any, y: Any) -> "Told":
        self.classes_ = np.unique(y)
        return self

    def predict(self, x: Any) -> Any:
        return self.classes_[(x[:, 0] > 0) * 1 if x.shape[1] == 1 else x.argmax(axis=1)]

    def decision_function(self, x: Any) -> Any:
        return x[:, 0] if x.shape[1] == 1 else x


@pytest.mark.parametrize("outputs", [1, 2, 4])
@pytest.mark.parametrize("method", METHODS)
def test_it_is_what_scikit_learn_fits(method: Any, outputs: int) -> None:
    if method == "temperature" and not hasattr(calibration, "_TemperatureScaling"):
        pytest.skip("needs scikit-learn 1.8")
    link: Any = "sigmoid" if outputs == 1 else "softmax"
    logits, targets = drawn(link, outputs)
    given = columns(logits, link) if method != "temperature" or outputs == 2 else logits
    name = {"platt": "sigmoid"}.get(method, method)
    model = FrozenEstimator(Told().fit(given, targets))
    theirs = calibration.CalibratedClassifierCV(model, method=name, ensemble=False).fit(
        given, targets
    )
    fresh, _ = drawn(link, outputs, seed=1)
    expected = theirs.predict_proba(
        columns(fresh, link) if method != "temperature" or outputs == 2 else fresh
    )
    found = by_hand(fit(method, link, outputs), fresh)
    assert found[:, -1] == pytest.approx(expected[:, -1], abs=2e-5)


def test_a_temperature_makes_the_likelihood_greatest() -> None:
    for link, outputs in LINKS:
        logits, targets = drawn(link, outputs)
        best = fit("temperature", link, outputs).temperature
        assert best is not None
        assert best == pytest.approx(SURE, rel=0.1)
        one = np.atleast_2d(targets.T).T if link == "sigmoid" else np.eye(outputs)[targets]

        def loss(t: float, z: Any = logits, link: Any = link, one: Any = one) -> float:
            p = np.clip(linked(z / t, link), 1e-300, 1)
            rest = np.log(np.clip(1 - p, 1e-300, 1)) if link == "sigmoid" else 0.0
            return float(-(one * np.log(p) + (1 - one) * rest).sum())

        assert loss(best) < min(loss(best * 1.001), loss(best / 1.001))


def test_platts_targets_are_logistic_regression_of_halves() -> None:
    """Soft targets are two cases each, weighed."""
    logits, targets = drawn("sigmoid", 1)
    ill, well = (targets == 1).sum(), (targets == 0).sum()
    wanted = np.where(targets == 1, (ill + 1) / (ill + 2), 1 / (well + 2))
    theirs = LogisticRegression(C=np.inf, tol=1e-10, max_iter=1000).fit(
        np.concatenate([logits, logits]),
        np.repeat([1, 0], len(logits)),
        sample_weight=np.concatenate([wanted, 1 - wanted]),
    )
    found = fit("platt", "sigmoid", 1)
    assert found.slope == pytest.approx(theirs.coef_[0], rel=1e-4)
    assert found.intercept == pytest.approx(theirs.intercept_, abs=1e-4)


@given(
    arrays.arrays(np.float64, (40, 3), elements=st.floats(-20, 20, width=32)),
    st.floats(0.05, 20),
)
def test_a_temperature_changes_no_rank_and_no_argmax(logits: Any, temperature: float) -> None:
    known = Calibration(method="temperature", link="softmax", temperature=temperature)
    one = Calibration(method="temperature", link="sigmoid", temperature=temperature)
    many = by_hand(known, logits)
    top = np.sort(logits, axis=1)
    clear = (top[:, 2] - top[:, 1]) / temperature > 1e-9
    assert (many.argmax(axis=1) == logits.argmax(axis=1))[clear].all()
    column = np.sort(logits[:, :1], axis=0)
    assert (np.diff(by_hand(one, column), axis=0) >= 0).all()


@pytest.mark.parametrize(
    ("method", "change", "why"),
    [
        ("temperature", lambda z, y: (z[:29], y[:29]), "val must have 30 cases or more for it"),
        ("platt", lambda z, y: (z[:49], y[:49]), "val must have 50 cases or more for it, got 49"),
        ("isotonic", lambda z, y: (z[:199], y[:199]), "val must have 200 cases or more for it"),
        *[(m, lambda z, y: (z, 0 * y), "val must have cases of two classes or") for m in METHODS],
        *[(m, lambda z, y: (z, 0 * y + 1), "val must have cases of two classes") for m in METHODS],
        ("platt", lambda z, y: (z, (np.arange(len(y)) < 4) * 1), "val must have 5 cases with and"),
        ("temperature", lambda z, y: (z, (z[:, 0] > 0) * 1), "val must have a case on the wrong"),
        *[(m, lambda z, y: (-z, y), "val must be ranked better than at random") for m in METHODS],
        ("platt", lambda z, y: (0 * z, y), "val must have different answers, got one for all"),
        ("isotonic", lambda z, y: (0 * z, y), "val must be ranked better than at random"),
    ],
)
def test_where_val_says_too_little_nothing_is_fitted(method: Any, change: Any, why: str) -> None:
    logits, targets = change(*drawn("sigmoid", 1))
    with pytest.raises(Unfit, match=f"^{why}"):
        fitted(Calibration(link="sigmoid"), method, logits, targets)


def test_several_classes_need_two_that_are_there() -> None:
    logits, targets = drawn("softmax", 4)
    start = Calibration(link="softmax")
    with pytest.raises(Unfit, match="two classes or more"):
        fitted(start, "temperature", logits, 0 * targets)
    with pytest.raises(Unfit, match="5 cases with and without each class, got 0"):
        fitted(start, "platt", logits, targets.clip(0, 2))
    assert fitted(start, "temperature", logits, targets.clip(0, 2)).temperature
    with pytest.raises(Unfit, match="on the wrong side"):
        fitted(start, "temperature", logits, logits.argmax(axis=1))


# The file


@pytest.mark.parametrize("opset", [9, 11, 13, 17, 20])
@pytest.mark.parametrize(("link", "outputs"), LINKS)
@pytest.mark.parametrize("method", METHODS)
def test_the_file_gives_the_calibrated_probabilities(
    method: Any, link: Any, outputs: int, opset: int
) -> None:
    offset = tuple(np.linspace(-1, 1, outputs)) if opset == 20 else ()
    known, model = fit(method, link, outputs, offset=offset), file(link, outputs, opset)
    fresh, _ = drawn(link, outputs, seed=1)
    plain = answers(model, fresh)
    write(model, known)
    found = answers(model, fresh)
    tolerance = 1e-6
    if method == "isotonic" and outputs > 2 and link == "softmax":
        tolerance = 2e-3  # its log odds are rounded, and it is steep
    assert found == pytest.approx(by_hand(known, fresh), abs=tolerance)
    assert np.abs(found - plain).max() > 0.05
    if link == "softmax":
        assert found.sum(axis=1) == pytest.approx(np.ones(len(found)), abs=1e-6)
    assert [output.name for output in model.graph.output] == ["linked"]
    assert answers(before(model, known), fresh) == pytest.approx(plain, abs=0)


@pytest.mark.parametrize(("link", "outputs"), LINKS)
@pytest.mark.parametrize("method", METHODS)
def test_a_file_without_a_link_is_read_by_logarithms(method: Any, link: Any, outputs: int) -> None:
    model = file(link, outputs, last="Identity")
    assert logits_of(model, link) is None
    logits, targets = (part[:600] for part in drawn(link, outputs))
    told = answers(model, logits).astype(np.float64)
    start = Calibration(link=link, tensor="given", of="probabilities")
    z = logits_from(told, link)
    known = fitted(start, method, z, targets)
    direct = fitted(Calibration(link=link), method, logits, targets)
    write(model, known)
    found = answers(model, logits)
    assert found == pytest.approx(by_hand(known, z), abs=2e-3 if method == "isotonic" else 5e-6)
    unsaturated = told.max(axis=1) < 0.999
    apart = np.abs(found - by_hand(direct, logits))[unsaturated]
    assert np.quantile(apart, 0.99) < 1e-3
    assert answers(before(model, known), logits) == pytest.approx(told, abs=0)


@pytest.mark.parametrize(("link", "outputs"), LINKS)
@pytest.mark.parametrize("method", METHODS)
def test_the_torch_twin_gives_the_same(method: Any, link: Any, outputs: int) -> None:
    import torch

    from harness.calibrated_torch import Calibrated

    known, model = fit(method, link, outputs, offset=(0.5,) * outputs), file(link, outputs)
    write(model, known)
    fresh, _ = drawn(link, outputs, seed=1)
    with torch.inference_mode():
        twin = Calibrated(torch.nn.Identity(), known).eval()(torch.from_numpy(np.float32(fresh)))
    several = method == "isotonic" and link == "softmax" and outputs > 2
    assert twin.numpy() == pytest.approx(answers(model, fresh), abs=2e-3 if several else 1e-6)


def test_what_is_saturated_in_float32_is_told_apart() -> None:
    """Of logits of 20 and of 80 the probability is 1; of them at a temperature of 40 it is not."""
    known = Calibration(method="temperature", link="sigmoid", tensor="logits", temperature=40.0)
    model, logits = file("sigmoid", 1), np.array([[20.0], [40.0], [80.0]])
    assert set(answers(model, logits)[:, 0].tolist()) == {1.0}
    write(model, known)
    assert answers(model, logits)[:, 0] == pytest.approx(expit([0.5, 1, 2]), abs=1e-6)
    known = dataclasses.replace(known, link="softmax", tensor="given", of="probabilities")
    model, many = file("softmax", 3, last="Identity"), np.array([[60.0, 0, 20], [80, 0, 40]])
    write(model, known)
    assert answers(model, many) == pytest.approx(softmax(many / 40, axis=1), abs=1e-5)


def test_a_link_that_is_read_elsewhere_stays() -> None:
    model = file("sigmoid", 1)
    model.graph.node.append(helper.make_node("Identity", ["linked"], ["unused"]))
    known = Calibration(method="temperature", link="sigmoid", tensor="logits", temperature=2.0)
    write(model, known)
    assert [node.op_type for node in model.graph.node].count("Sigmoid") == 2
    assert answers(model, np.ones((1, 1)))[0, 0] == pytest.approx(expit(0.5), abs=1e-6)


@pytest.mark.parametrize(("link", "outputs"), LINKS)
@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize(("opset", "ir", "domain"), [(9, 3, ""), (20, 9, "ai.onnx")])
def test_an_old_file_and_one_that_spells_the_domain_out(
    opset: int, ir: int, domain: str, method: Any, link: Any, outputs: int
) -> None:
    """Before IR 4 each constant had to be an input; `ai.onnx` is the empty domain, written out."""
    known, model = fit(method, link, outputs), file(link, outputs, opset)
    model.ir_version, model.opset_import[0].domain = ir, domain
    fresh, _ = drawn(link, outputs, seed=1)
    plain = answers(model, fresh)
    write(model, known)
    several = method == "isotonic" and link == "softmax" and outputs > 2
    assert answers(model, fresh) == pytest.approx(
        by_hand(known, fresh), abs=2e-3 if several else 1e-6
    )
    assert answers(before(model, known), fresh) == pytest.approx(plain, abs=0)


def test_a_file_before_opset_9_is_refused_in_a_sentence() -> None:
    known = fit("platt", "softmax", 4)
    with pytest.raises(HarnessError) as refused:
        write(file("softmax", 4, opset=8), known)
    assert str(refused.value) == (
        "the ONNX file must be of opset 9 or later to be calibrated, got 8; "
        "convert it, or calibrate none"
    )
    write(file("softmax", 4, opset=8), Calibration(link="softmax"))


def test_another_axis_or_operator_is_no_link() -> None:
    model = file("softmax", 3)
    assert logits_of(model, "softmax") == "logits"
    assert logits_of(model, "sigmoid") is None
    model.graph.node[1].attribute[0].i = 0
    assert logits_of(model, "softmax") is None


def test_a_second_calibration_is_on_top_of_the_first() -> None:
    model, logits = file("sigmoid", 1), np.linspace(-9, 9, 50)[:, None]
    first = Calibration(
        method="platt", link="sigmoid", tensor="logits", slope=(0.5,), intercept=(1.0,)
    )
    write(model, first)
    tensor = logits_of(model, "sigmoid")
    assert tensor is not None
    z = answers(telling(model, tensor), logits)
    assert z[:, 0] == pytest.approx(0.5 * logits[:, 0] + 1, abs=1e-5)
    second = Calibration(method="temperature", link="sigmoid", tensor=tensor, temperature=2.0)
    once = answers(model, logits)
    write(model, second)
    assert answers(model, logits)[:, 0] == pytest.approx(expit(z[:, 0] / 2), abs=1e-6)
    assert answers(before(model, second), logits) == pytest.approx(once, abs=0)


# Priors


@pytest.mark.parametrize(("link", "outputs"), LINKS)
def test_an_offset_changes_odds_by_the_ratio_of_the_priors(link: Any, outputs: int) -> None:
    rng = np.random.default_rng(0)
    classes = 2 if outputs == 1 else outputs
    trained, natural = rng.dirichlet(np.full(classes, 5), 2)
    logits = rng.normal(size=(50, outputs))
    found = linked(logits + np.array(priors.offset(trained, natural, link, outputs)), link)
    p = linked(logits, link)
    if link == "softmax":
        expected = p * natural / trained
        expected /= expected.sum(axis=1, keepdims=True)
    else:
        now, then = natural[-outputs:], trained[-outputs:]
        true, false = p * now / then, (1 - p) * (1 - now) / (1 - then)
        expected = true / (true + false)
    assert found == pytest.approx(expected)


def test_an_offset_undoes_an_oversampling() -> None:
    """Of many cases, a logistic regression of which the ill are taken more often."""
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=100_000), np.zeros(100_000, np.int64)
    y[rng.random(len(x)) < expit(2 * x - 4)] = 1
    taken = (y == 1) | (rng.random(len(x)) < 0.1)
    model = LogisticRegression(C=np.inf).fit(x[taken, None], y[taken])
    z = model.decision_function(x[:, None])[:, None]
    shares = [priors.shares(each, 2) for each in (y[taken], y)]
    fixed = expit(z + np.array(priors.offset(*shares, "sigmoid", 1)))
    assert expit(z).mean() > 2 * y.mean()
    assert fixed.mean() == pytest.approx(y.mean(), rel=0.03)


def test_shares_are_counted() -> None:
    assert priors.shares(np.array([0, 2, 2, 1]), 3) == (0.25, 0.25, 0.5)
    assert priors.shares(np.array([[1, 0], [1, 1]]), 2) == (1.0, 0.5)
    with pytest.raises(Unfit, match=r"^training must have cases of every class, got shares 0, 1$"):
        priors.offset((0.0, 1.0), (0.5, 0.5), "sigmoid", 1)


# The line


def cases(seed: int = 0, n: int = 2_000, share: float | None = None) -> dict[str, Any]:
    """A pixel of each image tells the true log odds, from -4 to 4; n of val and of test."""
    rng = np.random.default_rng(seed)
    total = 2 * n + 200
    value = np.clip(rng.normal(127.5, 45, total), 0, 255).round().astype(np.uint8)
    image = np.zeros((total, *own.SHAPE[1:]), np.uint8)
    image[:, 1, 2, 3] = value
    ill = rng.random(total) < expit(8 * (value / 255) - 4)
    part = np.array(["val"] * n + ["test"] * n + ["train"] * 200)
    if share is not None:
        ill[part == "train"] = np.arange(200) < share * 200
    return {
        "image": image,
        "label": np.where(ill, "malignant", "benign"),
        "subject": np.char.add("p", np.arange(total).astype(str)),
        "sex": np.where(np.arange(total) % 2 == 0, "F", "M"),
        "part": part,
    }


POLICY = '\n[policy]\ncalibrate = "{method}"\nprior = "{prior}"\n'


def line_of(
    method: str = "temperature",
    prior: str = "as-trained",
    models: str = "",
    args: str = "",
    **changes: Any,
) -> Scope:
    """Write the suite `own` into the current folder, and open it."""
    folder = Path()
    models = models or own.bright(folder, scale=8 * SURE, shift=-4 * SURE)
    data = own.dataset("lesions", args=f', official = "part"{args}')
    metrics = '["roc_auc", "accuracy", "brier", "log_loss"]'
    path = Path(own.suite(folder, data, models, metrics=metrics, **changes))
    policy = POLICY.format(method=method, prior=prior)
    text = path.read_text("utf-8").replace('["onnxruntime"]', '["onnxruntime", "torch"]')
    path.write_text(text + policy, encoding="utf-8")
    return open_scope(str(path), ALL, folder, folder / "runs")


def done(scope: Scope) -> Record:
    assert (answer := run(scope, fresh=False, quiet=True, debug=False)).code == 0, answer.text
    return line.record(scope)


def table(scope: Scope, split: str = "test", variant: str = SHIPPED) -> Predictions:
    data = (scope.folder(scope.runs[0]) / "predictions.parquet").read_bytes()
    return Predictions.from_parquet(data, "it").select(split, variant)


def ece(probability: Any, target: Any) -> float:
    """Of P(positive), in bins of equal width."""
    at = np.minimum((probability * BINS).astype(int), BINS - 1)
    sums = [np.bincount(at, weights=each, minlength=BINS) for each in (probability, target)]
    return float(np.abs(sums[0] - sums[1]).sum() / len(probability))


def floor(probability: Any) -> float:
    """The mean of `ece` where the probabilities are right."""
    rng = np.random.default_rng(0)
    return float(
        np.mean([ece(probability, rng.random(len(probability)) < probability) for _ in range(200)])
    )


@pytest.mark.parametrize(("link", "outputs"), LINKS)
def test_a_temperature_removes_what_is_above_the_floor(link: Any, outputs: int) -> None:
    for seed in range(3):
        known = fit("temperature", link, outputs, seed=seed)
        logits, targets = drawn(link, outputs, seed=100 + seed)
        true = targets[:, None] == np.arange(outputs) if targets.ndim == 1 else targets
        true = (targets == 1)[:, None] if outputs == 1 else true
        then, now = (
            np.mean([ece(p[:, k], true[:, k]) - floor(p[:, k]) for k in range(outputs)])
            for p in (linked(logits, link), by_hand(known, logits))
        )
        assert then > 0.03
        assert now <= 0.2 * then


@pytest.fixture(scope="module", autouse=True)
def hasty() -> Iterator[None]:
    with line.no_warm_up():
        yield


@pytest.fixture(scope="module")
def original(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a suite and the one run of it."""
    folder = tmp_path_factory.mktemp("original")
    own.save(folder / "lesions.npz", **cases())
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        done(line_of())
    return folder


@pytest.fixture
def here(original: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy of it for a test to change, and we are there."""
    folder = Path(shutil.copytree(original, tmp_path / "copy"))
    monkeypatch.chdir(folder)
    return folder


@pytest.fixture
def empty(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty folder, and we are there."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


def told(record: Record) -> dict[str, Any]:
    found: dict[str, Any] = dict(record.selection["calibration"])
    return found


def test_a_temperature_removes_four_fifths_of_the_error(here: Path) -> None:
    scope = line_of()
    after, raw = table(scope), table(scope, variant=UNCALIBRATED)
    now, then = (
        ece(each.probability[:, 1], each.y_true) - floor(each.probability[:, 1])
        for each in (after, raw)
    )
    assert then > 0.05
    assert now <= 0.2 * then
    assert told(line.record(scope))["temperature"] == pytest.approx(SURE, rel=0.15)
    order = np.argsort(raw.probability[:, 1], kind="stable")
    assert (np.diff(after.probability[order, 1]) >= 0).all()
    assert (after.decision == raw.decision).all()


def test_the_rows_and_the_file_say_what_was_done(here: Path) -> None:
    scope = line_of()
    record, folder = line.record(scope), scope.folder(scope.runs[0])
    known = told(record)
    assert (known["method"], known["split"], known["n"]) == ("temperature", "val", 2_000)
    metadata = export.metadata(onnx.load(str(folder / "model.onnx")))
    assert metadata["calibration"]["temperature"] == known["temperature"]
    assert metadata["link"] == "sigmoid"
    raw = table(scope, variant=UNCALIBRATED)
    row = record.find("brier", variant=UNCALIBRATED)
    assert row is not None
    assert row.value == pytest.approx(float(((raw.probability[:, 1] - raw.y_true) ** 2).mean()))
    for metric in ("brier", "log_loss"):
        after, plain = record.find(metric), record.find(metric, variant=UNCALIBRATED)
        assert after.value < plain.value  # type: ignore[union-attr, operator]
        assert plain.kind == "value"  # type: ignore[union-attr]
        assert plain.ci is not None  # type: ignore[union-attr]
    assert record.find("roc_auc").value == record.find("roc_auc", variant=UNCALIBRATED).value  # type: ignore[union-attr]
    assert len(table(scope, "val", UNCALIBRATED)) == 2_000


def test_the_shipped_file_gives_what_is_in_the_table(here: Path) -> None:
    scope, data = line_of(), cases()
    model = onnx.load(str(scope.folder(scope.runs[0]) / "model.onnx"))
    images = (data["image"][data["part"] == "test"] / 255)[:, None]
    found = answers(model, images)[:, 0]
    z = SURE * (8 * images[:, 0, 1, 2, 3] - 4)
    temperature = told(line.record(scope))["temperature"]
    assert found == pytest.approx(expit(z / temperature), abs=1e-6)
    assert found == pytest.approx(table(scope).probability[:, 1], abs=1e-6)


def test_run_again_calibrates_nothing_again(here: Path) -> None:
    scope = line_of()
    file = scope.folder(scope.runs[0]) / "model.onnx"
    first = (file.stat().st_mtime_ns, file.read_bytes())
    assert planned(scope).data["runs"][0]["stale"] == []
    done(scope)
    assert (file.stat().st_mtime_ns, file.read_bytes()) == first


@pytest.mark.parametrize("change", [{"method": "platt"}, {"method": "none"}, {"prior": "natural"}])
def test_another_policy_exports_again_and_trains_nothing(
    here: Path, change: dict[str, str]
) -> None:
    scope = line_of(**change)
    assert planned(scope).data["runs"][0]["stale"] == ["export", "predict", "score", "time"]
    assert scope.folder(scope.runs[0]) == line_of().folder(scope.runs[0])


def test_labels_of_test_change_nothing_that_is_fitted(here: Path) -> None:
    data = cases()
    tested = np.flatnonzero(data["part"] == "test")
    data["label"][tested] = np.random.default_rng(1).permutation(data["label"][tested])
    before = line.record(line_of())
    for method in METHODS:
        own.save(Path("lesions.npz"), **cases())
        expected = told(
            done(line_of(method, "natural", own.bright(Path(), scale=20.0, shift=-10.0)))
        )
        own.save(Path("lesions.npz"), **data)
        after = done(line_of(method, "natural", own.bright(Path(), scale=20.0, shift=-10.0)))
        assert told(after) == expected
        assert after.find("brier").value != before.find("brier").value  # type: ignore[union-attr]


def test_without_calibration_nothing_is_said_of_it(here: Path) -> None:
    scope = line_of("none")
    record = done(scope)
    assert "calibration" not in record.selection
    assert not [row for row in record.measurements if row.where.get("variant") == UNCALIBRATED]
    model = onnx.load(str(scope.folder(scope.runs[0]) / "model.onnx"))
    assert "calibration" not in export.metadata(model)
    assert not len(table(scope, variant=UNCALIBRATED))


def test_a_small_val_ships_as_it_was_and_says_so(empty: Path) -> None:
    own.save(Path("lesions.npz"), **cases(n=60))
    scope = line_of("isotonic")
    record = done(scope)
    why = "isotonic: val must have 200 cases or more for it, got 60"
    assert told(record) == {"method": "none", "split": "val", "n": 60, "unmet": [why]}
    [warning] = [each for each in record.warnings if each["code"] == "not-calibrated"]
    assert warning["message"].startswith(f"the file ships without what the policy asks, {why}; ")
    model = onnx.load(str(scope.folder(scope.runs[0]) / "model.onnx"))
    assert export.metadata(model)["calibration"]["unmet"] == [why]
    assert model.graph.node[-1].op_type == "Sigmoid"
    same = table(scope).probability == table(scope, variant=UNCALIBRATED).probability
    assert same.all()


@pytest.mark.parametrize("method", ["none", *METHODS])
def test_a_trained_network_and_its_twin_are_calibrated_alike(empty: Path, method: str) -> None:
    import torch
    from safetensors.torch import load_file

    from harness.models import slice_cnn

    own.save(Path("lesions.npz"), **cases(n=400, share=0.8))
    scope = line_of(method, "natural", own.CNN)
    record, folder = done(scope), scope.folder(scope.runs[0])
    assert record.find("parity_max_abs").value < 1e-5  # type: ignore[union-attr, operator]
    assert {row.where["backend"] for row in record.measurements if "backend" in row.where} == {
        "onnxruntime",
        "torch",
    }
    assert told(record)["trained"] == [pytest.approx(0.2), pytest.approx(0.8)]
    module = slice_cnn.build(own.SHAPE, 1, hidden=[4]).eval()
    module.load_state_dict(load_file(folder / "weights.safetensors"))
    data = cases(n=400, share=0.8)
    images = np.float32(data["image"][data["part"] == "test"] / np.float32(255))[:, None]
    with torch.inference_mode():
        logits = module(torch.from_numpy(images)).numpy()
    metadata = export.metadata(onnx.load(str(folder / "model.onnx")))["calibration"]
    fields = {field.name for field in dataclasses.fields(Calibration)}
    known = Calibration(**{key: value for key, value in metadata.items() if key in fields})
    natural = float((data["label"][data["part"] == "val"] == "malignant").mean())
    assert known.offset == pytest.approx([logit(natural) - logit(0.8)])
    found = answers(onnx.load(str(folder / "model.onnx")), images)
    tolerance = 1e-4 if method == "isotonic" else 1e-6
    assert found == pytest.approx(by_hand(known, logits), abs=tolerance)
    raw = table(scope, variant=UNCALIBRATED).probability[:, 1]
    assert raw == pytest.approx(expit(logits[:, 0]), abs=1e-6)


KINDS = {
    "labels": ("sigmoid", 3, "platt", ', kind = "multilabel", classes = ["a", "b", "c"]'),
    "two outputs": ("softmax", 2, "temperature", ""),
    "classes": ("softmax", 3, "isotonic", ""),
}


@pytest.mark.parametrize("last", ["", "Identity"])
@pytest.mark.parametrize("kind", KINDS)
def test_the_line_ships_calibrated_probabilities_of_every_kind(
    empty: Path, kind: str, last: str
) -> None:
    """Of somebody's file, whose logits are the first pixels; `Identity` hides its link."""
    link, outputs, method, args = KINDS[kind]
    data = cases(n=400)
    rng, total = np.random.default_rng(0), len(data["label"])
    data["image"][:, 0, 0, :outputs] = rng.integers(0, 256, (total, outputs))
    true = 4 * (data["image"][:, 0, 0, :outputs] / 255 - 0.5)
    noise = rng.logistic(size=true.shape) if kind == "labels" else rng.gumbel(size=true.shape)
    seen = true + noise
    data["label"] = (seen > 0) * 1 if kind == "labels" else seen.argmax(axis=1).astype(str)
    own.save(Path("lesions.npz"), **data)
    model = file(link, outputs, last=last)
    pixels = int(np.prod(own.SHAPE))
    weights, shift = SURE * 4 * np.eye(pixels, outputs), np.full(outputs, -SURE * 2)
    model.graph.node[0].output[0] = "pixels"
    model.graph.node.insert(1, helper.make_node("Gemm", ["pixels", "w", "b"], ["logits"]))
    model.graph.initializer.extend(
        numpy_helper.from_array(np.float32(v), n) for v, n in ((weights, "w"), (shift, "b"))
    )
    model.graph.input[0].CopyFrom(
        helper.make_tensor_value_info("image", TensorProto.FLOAT, ["n", *own.SHAPE])
    )
    onnx.save(model, "theirs.onnx")
    shares = {"labels": [0.3, 0.4, 0.5], "two outputs": [0.2, 0.8], "classes": [0.2, 0.3, 0.5]}
    models = line.finished("theirs", Path("theirs.onnx"), "identity")
    scope = line_of(method, "natural", models + f"prior = {shares[kind]}\n", args)
    done(scope)
    shipped = onnx.load(str(scope.folder(scope.runs[0]) / "model.onnx"))
    told = export.metadata(shipped)["calibration"]
    fields = {field.name for field in dataclasses.fields(Calibration)}
    known = Calibration(**{key: value for key, value in told.items() if key in fields})
    of = "probabilities" if last else "logits"
    assert (known.method, known.link, known.of, known.unmet) == (method, link, of, ())
    assert len(known.offset) == outputs
    images = np.float32(data["image"][data["part"] == "test"] / np.float32(255))[:, None]
    plain = answers(model, images)
    z = logits_from(plain.astype(np.float64), link) if last else SURE * true[data["part"] == "test"]
    tolerance = 5e-3 if method == "isotonic" else 1e-5
    found = table(scope).probability
    assert found == pytest.approx(by_hand(known, z), abs=tolerance)
    assert found == pytest.approx(answers(shipped, images), abs=1e-6)
    assert table(scope, variant=UNCALIBRATED).probability == pytest.approx(plain, abs=1e-6)
    assert np.abs(found - plain).max() > 0.05


def test_the_prior_of_a_finished_file_has_to_be_told(here: Path) -> None:
    models = own.bright(Path(), scale=8.0, shift=-4.0)
    record = done(line_of("none", "natural", models))
    [why] = told(record)["unmet"]
    assert why == (
        "prior: models.bright.prior must be told of a model that was trained elsewhere, got none"
    )
    record = done(line_of("none", "natural", models + "prior = [0.5, 0.5]\n"))
    assert told(record)["trained"] == [0.5, 0.5]
    assert "unmet" not in told(record)
    scope = line_of("none", "natural", models + "prior = [0.5, 0.2, 0.3]\n")
    assert run(scope, fresh=False, quiet=True, debug=False).code == 2
    assert line.record(scope).error == (
        "models.bright.prior must be the shares of 2 classes, which sum to 1, got [0.5, 0.2, 0.3]"
    )


def test_another_prior_trains_nothing_again(here: Path) -> None:
    done(line_of("none", "natural", own.CNN))
    scope = line_of("none", "natural", own.CNN + "prior = [0.5, 0.5]\n")
    assert planned(scope).data["runs"][0]["stale"] == ["export", "predict", "score", "time"]
    scope = line_of("temperature", models=own.CNN)
    first = scope.digests(scope.runs[0])
    scope = line_of("temperature", models=own.CNN + "prior = [0.5, 0.5]\n")
    assert scope.digests(scope.runs[0]) == first


def test_a_calibrated_file_is_taken_as_it_is(here: Path) -> None:
    scope = line_of()
    source = line.record(scope)
    shutil.copy(scope.folder(scope.runs[0]) / "model.onnx", Path("taken.onnx"))
    models = line.finished("taken", Path("taken.onnx"), link=None)
    plain = line_of("none", models=models)
    record = done(plain)
    assert record.find("brier") == source.find("brier")
    metadata = export.metadata(onnx.load(str(plain.folder(plain.runs[0]) / "model.onnx")))
    assert metadata["calibration"]["temperature"] == told(source)["temperature"]
    assert "calibration" not in record.selection
    again = line_of("temperature", models=models)
    assert told(done(again))["temperature"] == pytest.approx(1, abs=1e-3)
    metadata = export.metadata(onnx.load(str(again.folder(again.runs[0]) / "model.onnx")))
    assert metadata["calibration"]["earlier"]["temperature"] == told(source)["temperature"]


def test_what_is_no_probability_is_refused(here: Path) -> None:
    models = line.finished("odd", line.onnx_file(Path("odd.onnx"), shape=own.SHAPE), "identity")
    scope = line_of(models=models)
    assert run(scope, fresh=False, quiet=True, debug=False).code == 2
    assert str(line.record(scope).error).startswith("probabilities must be finite and in [0, 1]")


def test_folds_are_calibrated_each_on_its_own(empty: Path) -> None:
    data = cases(n=300)
    own.save(Path("lesions.npz"), **data)
    scope = line_of()
    path = Path("own.toml")
    text = (empty / path).read_text("utf-8").replace(', official = "part"', "")
    text = text.replace("[models.", "[datasets.lesions.split]\nfolds = 3\n[models.", 1)
    (empty / path).write_text(text, encoding="utf-8")
    scope = open_scope(str(empty / path), ALL, empty, empty / "runs")
    record = done(scope)
    known = record.selection["fold_calibrations"]
    assert len({each["temperature"] for each in known}) == 3
    assert record.find("brier", variant=UNCALIBRATED).n == len(data["label"])  # type: ignore[union-attr]


def test_masks_are_not_calibrated_yet() -> None:
    for key, value in (("calibrate", "temperature"), ("prior", "natural")):
        with pytest.raises(HarnessError) as refused:
            reading.load("phantom-lesions", [f'policy.{key}="{value}"'])
        usual = "none" if key == "calibrate" else "as-trained"
        assert str(refused.value).endswith(
            f"policy.{key} must be {usual} with task segment, as voxels are not calibrated yet,"
            f" got '{value}'"
        )


def test_it_is_read_back_as_it_was_written() -> None:
    from harness import strict

    for method in METHODS:
        known = fit(method, "softmax", 4, offset=(0.1, 0.2, 0.3, 0.4), unmet=("a: b",))
        assert strict.build(Calibration, json.loads(json.dumps(as_json(known))), "it") == known
    assert calibrated_onnx.MOST < 1
