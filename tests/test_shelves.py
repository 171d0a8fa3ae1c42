"""The contract of every file on every shelf, so that a new file is tested at once."""

import inspect
import math
from collections.abc import Callable
from inspect import Parameter
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from harness import shelf
from harness.cases import SHIPPED
from harness.contracts import KINDS_OF
from harness.errors import HarnessError
from harness.predictions import Predictions
from harness.report import Board, Recipe, render

FILES = [(kind, name) for kind in shelf.SHELVES for name in shelf.names(kind)]
KEYWORD, REST = Parameter.KEYWORD_ONLY, Parameter.VAR_KEYWORD

Array = NDArray[np.float64]


def each(kind: str) -> pytest.MarkDecorator:
    """One test a file of a shelf."""
    return pytest.mark.parametrize("name", shelf.names(kind))


def demand(function: Callable[..., Any], *names: str) -> dict[str, Parameter]:
    """The parameters after `names`, which come first and in this order; the rest by keyword."""
    parameters = dict(inspect.signature(function).parameters)
    assert list(parameters)[: len(names)] == list(names)
    rest = {name: parameters[name] for name in list(parameters)[len(names) :]}
    assert {parameter.kind for parameter in rest.values()} <= {KEYWORD, REST}
    return rest


def of(task: str) -> list[str]:
    """The metrics of a task."""
    return [n for n in shelf.names("metrics") if task in shelf.load("metrics", n).TASKS]


def predictions(classes: int, n: int = 40) -> Predictions:
    """Cases of every class, with ties among the probabilities."""
    rng = np.random.default_rng(classes)
    raw = rng.integers(1, 6, size=(n, classes)).astype(np.float64)
    probability = raw / raw.sum(axis=1, keepdims=True)
    return Predictions(
        classes=tuple("abc"[:classes]),
        id=np.arange(n),
        split=np.full(n, "test"),
        variant=np.full(n, SHIPPED),
        y_true=np.arange(n) % classes,
        probability=probability,
        decision=probability.argmax(axis=1),
    )


@pytest.mark.parametrize(("kind", "name"), FILES)
def test_a_file_says_what_it_is_in_one_line(kind: str, name: str) -> None:
    first = shelf.summary(kind, name)
    assert first.endswith((".", ":"))
    assert 10 < len(first) <= 100


def test_an_unknown_name_is_answered_with_the_known_ones() -> None:
    for kind in shelf.SHELVES:
        with pytest.raises(HarnessError, match=", ".join(shelf.names(kind))):
            shelf.load(kind, "absent")


@each("models")
def test_models_build_from_shape_and_outputs(name: str) -> None:
    build = shelf.load("models", name).build
    options = demand(build, "shape", "outputs")
    assert list(options) == list(shelf.arguments("models", name, "build"))
    assert REST not in {option.kind for option in options.values()}
    assert set(shelf.constant("models", name, "TASKS") or ("classify",)) <= {"classify", "segment"}
    if to_onnx := getattr(shelf.load("models", name), "to_onnx", None):
        assert demand(to_onnx, "module", "shape") == {}


@each("datasets")
def test_datasets_have_a_source_and_a_fingerprint(name: str) -> None:
    module = shelf.load("datasets", name)
    assert module.SOURCE.keys() >= {"url", "licence", "citation"}
    assert all(isinstance(value, str) and value for value in module.SOURCE.values())
    arguments = demand(module.load, "split", "root")
    assert list(arguments) == list(shelf.arguments("datasets", name, "load"))
    taken = demand(module.fingerprint, "root")
    free = any(parameter.kind is REST for parameter in taken.values())
    assert free or taken.keys() == arguments.keys()


@each("metrics")
def test_metrics_say_what_their_numbers_mean(name: str) -> None:
    module = shelf.load("metrics", name)
    assert shelf.constant("metrics", name, "TASKS") == module.TASKS
    assert module.TASKS
    assert set(module.TASKS) <= KINDS_OF.keys()
    assert isinstance(module.UNIT, str)
    assert module.UNIT
    assert module.BETTER in ("higher", "lower", None) or math.isfinite(module.BETTER)
    assert isinstance(module.NEEDS, str)
    assert isinstance(module.PER_CLASS, bool)
    args = demand(module.measure, "predictions", "weights")
    if hasattr(module, "influence"):
        assert demand(module.influence, "predictions", "units") == args
    if "segment" in module.TASKS:
        assert demand(module.columns, "pair", "empty") == args


@pytest.mark.parametrize("name", of("classify"))
@pytest.mark.parametrize("classes", [2, 3])
def test_metrics_know_weights_only_as_multiplicities(name: str, classes: int) -> None:
    measure = shelf.load("metrics", name).measure
    cases = predictions(classes)
    times = np.random.default_rng(0).integers(1, 4, size=len(cases))
    ones = np.ones((1, len(cases)))
    found: Array = measure(cases, np.vstack([ones, 2 * ones, times]))
    repeated = cases.where(np.repeat(np.arange(len(cases)), times))
    assert found.shape == (3,)
    assert np.isfinite(found).all()
    if not name.endswith("_floor"):  # what chance makes of so many cases
        assert found[1] == pytest.approx(found[0], rel=1e-12)
    assert measure(repeated, np.ones((1, len(repeated))))[0] == pytest.approx(found[2], rel=1e-12)


@pytest.mark.parametrize("name", of("classify"))
def test_metrics_are_undefined_without_weight(name: str) -> None:
    cases = predictions(2)
    assert np.isnan(shelf.load("metrics", name).measure(cases, np.zeros((1, len(cases))))).all()


@each("backends")
def test_backends_say_why_they_cannot(name: str) -> None:
    module = shelf.load("backends", name)
    reason = module.available()
    assert reason is None or (isinstance(reason, str) and reason)
    assert demand(module.open, "servable", "device", "precision", "threads") == {}


def test_the_fake_backend_offers_itself_to_no_suite() -> None:
    assert shelf.load("backends", "fake").available() is not None


@each("report")
def test_sections_are_silent_where_there_is_nothing_to_say(name: str) -> None:
    assert demand(shelf.load("report", name).section, "view") == {}
    everything = Recipe(name="r", title="T", suites=("s",), sections=(name,))
    nothing = Recipe(name="r", title="T", suites=("s",), sections=())
    for kind in ("md", "html"):
        assert render(everything, Board(), kind) == render(nothing, Board(), kind)
