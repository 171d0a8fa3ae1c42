"""Calibration, fitted on val: what stands between the logits of a file and its probabilities."""

import dataclasses
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize, minimize_scalar  # type: ignore[import-untyped]
from scipy.special import expit, log_softmax, logsumexp  # type: ignore[import-untyped]

Array = NDArray[np.float64]
Link = Literal["sigmoid", "softmax"]
Method = Literal["none", "temperature", "platt", "isotonic"]

FEWEST = {"temperature": 30, "platt": 50, "isotonic": 200}
"""Cases of val. scikit-learn advises 1,000 for isotonic."""
RAREST = 5
"""Cases with, and cases without, each class that is fitted by itself."""
WIDEST = 10.0
"""The logarithm of a temperature is sought between minus this and this, as scikit-learn does."""


class Unfit(Exception):
    """Why val says nothing of a calibration: "val must ..., got ..."."""


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Calibration:
    """What is done to logits (n, outputs), and where it is from.

    `offset` is added to them, an entry an output: the log odds of the prior. Then, by `method`:

    * temperature: z / `temperature`, and the link (Guo et al., On calibration of modern neural
      networks, ICML 2017). One for all outputs.
    * platt: sigmoid(`slope` u + `intercept`) of each of `columns` (Platt, 1999).
    * isotonic: of each of `columns` the piecewise linear function through the knots `x` and `y`
      (Zadrozny and Elkan, 2002), constant outside of them.

    The latter two are of each class against the rest, divided by their sum where one of several
    classes is true, as by scikit-learn's CalibratedClassifierCV.

    `tensor` names the tensor of the file that is read: logits, or probabilities whose logarithm is
    taken. `n` cases of `split` are what it was fitted on. `trained` and `natural` are the shares of
    the classes. `unmet` says what was asked for and not done. `earlier` is what a finished file
    said of its own calibration, on top of which this one is.
    """

    method: Method = "none"
    link: Link
    tensor: str = ""
    of: Literal["logits", "probabilities"] = "logits"
    split: str = "val"
    n: int = 0
    offset: tuple[float, ...] = ()
    temperature: float | None = None
    slope: tuple[float, ...] = ()
    intercept: tuple[float, ...] = ()
    x: tuple[tuple[float, ...], ...] = ()
    y: tuple[tuple[float, ...], ...] = ()
    trained: tuple[float, ...] = ()
    natural: tuple[float, ...] = ()
    unmet: tuple[str, ...] = ()
    earlier: Any = None

    @property
    def changes(self) -> bool:
        """Whether any probability is another one."""
        return self.method != "none" or bool(self.offset)

    @property
    def steps(self) -> tuple[Array, Array, Array]:
        """The knots x and y, and the slope after each, (columns, knots): the last is repeated."""
        most = max(map(len, self.x))
        x, y = (
            np.array([[*row, *[row[-1]] * (most - len(row))] for row in rows])
            for rows in (self.x, self.y)
        )
        apart, rise = np.diff(x, append=x[:, -1:]), np.diff(y, append=y[:, -1:])
        return x, y, np.divide(rise, apart, out=np.zeros_like(rise), where=apart > 0)


def fitted(found: Calibration, method: Method, logits: Array, targets: NDArray[Any]) -> Calibration:
    """`found` with `method` fitted to logits (n, outputs), which have its offset already.

    targets: (n,) class indices, or (n, outputs) of 0 and 1. Numbers are rounded as in the file, so
    that a case of val is where the file sees it. Raises Unfit.
    """
    if len(logits) < FEWEST[method]:
        raise Unfit(f"val must have {FEWEST[method]} cases or more for it, got {len(logits)}")
    logits = logits.astype(np.float32).astype(np.float64)
    scores = columns(logits, found.link).astype(np.float32).astype(np.float64)
    true = truths(targets, found.link, logits.shape[1])
    several = found.link == "softmax" and logits.shape[1] > 2
    if true.any(axis=0).sum() < 2 if several else true.all() or not true.any():
        raise Unfit("val must have cases of two classes or more for it, got one class")
    if method == "temperature":
        best = _temperature(logits if several else scores, true, several)
        return dataclasses.replace(found, method=method, temperature=best)
    fewest = min(int(true.sum(axis=0).min()), int((~true).sum(axis=0).min()))
    if fewest < RAREST:
        raise Unfit(f"val must have {RAREST} cases with and without each class, got {fewest}")
    pairs = list(zip(scores.T, true.T, strict=True))
    if method == "platt":
        slope, intercept = zip(*(_platt(*pair) for pair in pairs), strict=True)
        return dataclasses.replace(found, method=method, slope=slope, intercept=intercept)
    x, y = zip(*(_isotonic(*pair) for pair in pairs), strict=True)
    return dataclasses.replace(found, method=method, x=x, y=y)


def columns(logits: Array, link: Link) -> Array:
    """(n, outputs) -> (n, columns): the log odds of what is fitted by itself.

    Of a sigmoid the logits; of two classes the second against the first; of more each against all
    others: what one-against-the-rest classifiers call their decision function.
    """
    if link == "sigmoid":
        return logits
    if logits.shape[1] == 2:
        return logits[:, 1:] - logits[:, :1]
    others = logits[:, None, :] + np.where(np.eye(logits.shape[1]), -np.inf, 0)
    odds: Array = logits - logsumexp(others, axis=2)
    return odds


def truths(targets: NDArray[Any], link: Link, outputs: int) -> NDArray[np.bool_]:
    """(n, columns): whether each case is of it."""
    if targets.ndim == 2:
        return np.asarray(targets == 1)
    classes = np.array([1]) if link == "sigmoid" or outputs == 2 else np.arange(outputs)
    return np.asarray(targets[:, None] == classes)


def linked(logits: Array, link: Link) -> Array:
    """(n, outputs): the probabilities."""
    found: Array = expit(logits) if link == "sigmoid" else np.exp(log_softmax(logits, axis=1))
    return found


def _temperature(logits: Array, true: NDArray[np.bool_], several: bool) -> float:
    """The T of least mean negative log likelihood of logits / T; `several`: one class a case."""
    sided = np.where(true, logits, -logits)
    if several:
        rivals = np.where(true, -np.inf, logits).max(axis=1, keepdims=True)
        sided = logits[true][:, None] - rivals
    if sided.min() >= 0:
        raise Unfit("val must have a case on the wrong side for it, got none: no temperature fits")

    def loss(log_beta: float) -> float:
        z = np.exp(log_beta) * logits
        if several:
            return float(-log_softmax(z, axis=1)[true].mean())
        return float(np.logaddexp(0, np.where(true, -z, z)).mean())

    found = minimize_scalar(
        loss, bounds=(-WIDEST, WIDEST), method="bounded", options={"xatol": 1e-10}
    )
    if abs(found.x) > WIDEST - 0.1:
        raise Unfit("val must be ranked better than at random, got no finite temperature that fits")
    return float(np.exp(-found.x))


def _platt(scores: Array, true: NDArray[np.bool_]) -> tuple[float, float]:
    """Slope and intercept, fitted to Platt's targets, which are a little off 0 and 1."""
    spread = float(scores.std())
    if not spread > 0:
        raise Unfit("val must have different answers, got one for all")
    middle, ill = float(scores.mean()), int(true.sum())
    well = len(true) - ill
    wanted = np.where(true, (ill + 1) / (ill + 2), 1 / (well + 2))
    u = (scores - middle) / spread

    def loss(at: Array) -> tuple[float, Array]:
        z = at[0] * u + at[1]
        apart = expit(z) - wanted
        value = float((np.logaddexp(0, z) - wanted * z).mean())
        return value, np.array([(apart * u).mean(), apart.mean()])

    start = np.array([0.0, np.log((ill + 1) / (well + 1))])
    at = minimize(loss, start, jac=True, method="BFGS", options={"gtol": 1e-9}).x
    if not at[0] > 0:
        raise Unfit("val must be ranked better than at random, got a slope that is not above 0")
    return float(at[0] / spread), float(at[1] - at[0] * middle / spread)


def _isotonic(
    scores: Array, true: NDArray[np.bool_]
) -> tuple[tuple[float, ...], tuple[float, ...]]:
    """The knots of scikit-learn's isotonic regression."""
    from sklearn.isotonic import IsotonicRegression

    found = IsotonicRegression(y_min=0, y_max=1, out_of_bounds="clip")
    found.fit(scores, true.astype(np.float64))
    x, y = found.X_thresholds_.tolist(), found.y_thresholds_.tolist()
    if y[0] == y[-1]:
        raise Unfit("val must be ranked better than at random, got the same answer for all")
    return tuple(x), tuple(y)
