"""Losses of masks: numpy's formulas, MONAI's own losses, and what must hold for all of them."""

from typing import Any, get_args

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from monai.losses.dice import DiceCELoss, DiceLoss
from numpy.typing import NDArray
from torch import Tensor

from harness.errors import HarnessError
from harness.losses import link, mask_loss
from harness.suite import Loss

Array = NDArray[np.float64]

LOSSES: dict[int, tuple[str, ...]] = {
    1: ("bce", "dice", "dice_bce", "one_minus_precision", "one_minus_iou"),
    3: ("cross_entropy", "dice", "dice_ce", "one_minus_precision", "one_minus_iou"),
}
EVERY = [(outputs, loss) for outputs, losses in LOSSES.items() for loss in losses]


def cases(n: int, outputs: int, size: tuple[int, ...], seed: int = 0) -> tuple[Tensor, Tensor]:
    """Logits and masks; the last mask is empty, the one before it full of class 1."""
    generator = torch.Generator().manual_seed(seed)
    logits = 3 * torch.randn(n, outputs, *size, generator=generator, dtype=torch.float64)
    masks = torch.randint(0, max(outputs, 2), (n, *size), generator=generator)
    masks[-1] = 0
    masks[-2] = 1
    return logits, masks


def probabilities(logits: Array) -> Array:
    """(outputs, ...) -> the foreground classes, (classes, ...)."""
    if len(logits) == 1:
        return 1 / (1 + np.exp(-logits))
    raised = np.exp(logits - logits.max(axis=0))
    return (raised / raised.sum(axis=0))[1:]


def written_out(logits: Array, mask: NDArray[np.int64], loss: str) -> float:
    """One case, from the formulas."""
    if loss in ("dice_bce", "dice_ce"):
        entropy = "bce" if loss == "dice_bce" else "cross_entropy"
        return written_out(logits, mask, "dice") + written_out(logits, mask, entropy)
    found = probabilities(logits)
    truth = np.stack([mask == k for k in range(1, len(found) + 1)]).astype(np.float64)
    if loss in ("bce", "cross_entropy"):
        every = np.concatenate([1 - found.sum(axis=0, keepdims=True), found])
        said = np.take_along_axis(every, mask[None], axis=0)
        return float(-np.log(said).mean())
    values = []
    for p, m in zip(found, truth, strict=True):
        both = (p * m).sum()
        values.append(
            {
                "dice": 1 - (2 * both + 1) / (p.sum() + m.sum() + 1),
                "one_minus_precision": 1 - (both + 1) / (p.sum() + 1),
                "one_minus_iou": 1 - (both + 1) / (p.sum() + m.sum() - both + 1),
            }[loss]
        )
    return float(np.mean(values))


def test_every_loss_of_a_suite_is_there() -> None:
    assert {loss for _, loss in EVERY} == set(get_args(Loss))


@pytest.mark.parametrize("size", [(7, 5), (5, 4, 3)])
@pytest.mark.parametrize(("outputs", "loss"), EVERY)
def test_a_loss_is_its_formula(outputs: int, loss: str, size: tuple[int, ...]) -> None:
    logits, masks = cases(4, outputs, size)
    expected = [written_out(a, m, loss) for a, m in zip(logits.numpy(), masks.numpy(), strict=True)]
    assert mask_loss(logits, masks, loss).numpy() == pytest.approx(expected, rel=1e-9)


@pytest.mark.parametrize("outputs", [1, 3])
@pytest.mark.parametrize("size", [(7, 5), (5, 4, 3)])
def test_overlaps_are_monais(outputs: int, size: tuple[int, ...]) -> None:
    logits, masks = cases(5, outputs, size)
    one = outputs == 1
    kind: dict[str, Any] = {"sigmoid": one, "softmax": not one, "to_onehot_y": not one}
    kind |= {"include_background": one, "reduction": "none"}
    dice = DiceLoss(**kind, smooth_nr=1, smooth_dr=1)(logits, masks[:, None])
    iou = DiceLoss(**kind, jaccard=True, smooth_nr=2, smooth_dr=2)(logits, masks[:, None])
    for loss, expected in (("dice", dice), ("one_minus_iou", iou)):
        assert torch.allclose(mask_loss(logits, masks, loss), expected.flatten(1).mean(dim=1))


def test_dice_and_entropy_is_monais() -> None:
    logits, masks = cases(5, 3, (7, 5))
    theirs = DiceCELoss(
        softmax=True, to_onehot_y=True, include_background=False, smooth_nr=1, smooth_dr=1
    )
    ours = mask_loss(logits, masks, "dice_ce").mean()
    assert ours.item() == pytest.approx(theirs(logits, masks[:, None]).item(), rel=1e-9)


@pytest.mark.parametrize(("outputs", "loss"), EVERY)
def test_a_batch_is_its_cases_one_by_one(outputs: int, loss: str) -> None:
    logits, masks = cases(6, outputs, (6, 5))
    together = mask_loss(logits, masks, loss)
    alone = torch.cat([mask_loss(logits[[i]], masks[[i]], loss) for i in range(6)])
    assert together.shape == (6,)
    assert torch.allclose(together, alone)


@pytest.mark.parametrize("height", [1.0, 60.0, 1e4])
@pytest.mark.parametrize(("outputs", "loss"), EVERY)
def test_values_and_gradients_are_finite(outputs: int, loss: str, height: float) -> None:
    logits, masks = cases(4, outputs, (6, 5))
    logits = (height * logits).float().requires_grad_()
    values = mask_loss(logits, masks, loss)
    values.sum().backward()  # type: ignore[no-untyped-call]
    assert logits.grad is not None
    assert values.isfinite().all()
    assert logits.grad.isfinite().all()


@pytest.mark.parametrize(("outputs", "loss"), EVERY)
def test_an_empty_mask_still_teaches_to_find_nothing(outputs: int, loss: str) -> None:
    logits = torch.zeros(1, outputs, 6, 5, requires_grad=True)
    mask_loss(logits, torch.zeros(1, 6, 5, dtype=torch.int64), loss).sum().backward()  # type: ignore[no-untyped-call]
    assert logits.grad is not None
    assert (logits.grad[:, -1] > 0).all()


@pytest.mark.parametrize(("outputs", "loss"), EVERY)
def test_nothing_is_lost_on_a_sure_and_right_answer(outputs: int, loss: str) -> None:
    masks = cases(4, outputs, (6, 5))[1]
    channels = [masks == k for k in range(outputs)] if outputs > 1 else [masks == 1]
    logits = 200.0 * torch.stack(channels, dim=1) - 100
    assert mask_loss(logits, masks, loss).abs().max() < 1e-6
    if loss != "one_minus_precision":
        assert (mask_loss(-logits, masks, loss) > 0.5).all()


@pytest.mark.parametrize(("outputs", "loss"), EVERY)
@given(seed=st.integers(0, 1000))
@settings(max_examples=10, deadline=None)
def test_surer_of_the_truth_is_a_lower_loss(outputs: int, loss: str, seed: int) -> None:
    logits, masks = cases(4, outputs, (3, 3), seed)
    if outputs == 1:
        better = logits + 0.1 * (2 * masks[:, None] - 1)
    else:
        better = logits + 0.1 * torch.nn.functional.one_hot(masks, outputs).movedim(-1, 1)
    gained = mask_loss(logits, masks, loss) - mask_loss(better, masks, loss)
    assert gained.min() > -1e-12
    assert gained.max() > 1e-3


@pytest.mark.parametrize("outputs", [1, 3])
def test_precision_forgives_what_is_missed_and_iou_does_not(outputs: int) -> None:
    masks = torch.ones(1, 10, 10, dtype=torch.int64)
    found = torch.zeros(1, 10, 10, dtype=torch.bool)
    found[0, :2] = True
    logits = torch.full((1, outputs, 10, 10), -50.0)
    logits[:, min(outputs - 1, 1)] = torch.where(found, 50.0, -50.0)
    if outputs == 3:
        logits[:, 0] = -logits[:, 1]
    missed = (
        mask_loss(logits, masks, "one_minus_precision"),
        mask_loss(logits, masks, "one_minus_iou"),
    )
    of = 1 if outputs == 1 else 2
    assert missed[0].item() == pytest.approx(0, abs=1e-6)
    assert missed[1].item() == pytest.approx((1 - 21 / 101) / of, rel=1e-5)


@pytest.mark.parametrize(
    ("outputs", "loss", "sentence"),
    [
        (3, "bce", "train.loss bce must be given 1 output, got 3; choose dice_ce"),
        (2, "dice_bce", "train.loss dice_bce must be given 1 output, got 2; choose dice_ce"),
        (1, "cross_entropy", "must be given 2 or more outputs, got 1; choose dice_bce"),
        (
            1,
            "dice_ce",
            "train.loss dice_ce must be given 2 or more outputs, got 1; choose dice_bce",
        ),
    ],
)
def test_a_loss_for_other_outputs_is_refused(outputs: int, loss: str, sentence: str) -> None:
    logits, masks = cases(2, outputs, (4, 4))
    with pytest.raises(HarnessError, match=sentence):
        mask_loss(logits, masks, loss)


def test_one_output_is_a_sigmoid_and_several_a_softmax() -> None:
    assert [link(n) for n in (1, 2, 5)] == ["sigmoid", "softmax", "softmax"]
