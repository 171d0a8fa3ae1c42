"""LSTM or RNN over the slices of a volume, after the study's convolutions of each slice.

As17-01 (LungTissues, 2024), experiment 5. There the modules were made without `batch_first` and so
recurred over the batch, in which no case is what comes before it: a fault that is not copied.
"""

from collections.abc import Sequence
from itertools import pairwise
from typing import TYPE_CHECKING

from torch import Tensor, nn

from harness.errors import HarnessError
from harness.models._trunk import SliceTrunk

if TYPE_CHECKING:
    from onnx import ModelProto

CELLS = {"lstm": nn.LSTM, "rnn": nn.RNN}


class SliceRNN(nn.Module):
    """Trunk, recurrent modules one after the other, a readout of each slice, the mean over them."""

    def __init__(
        self, trunk: SliceTrunk, recurrent: Sequence[nn.Module], readout: nn.Module
    ) -> None:
        super().__init__()
        self.trunk = trunk
        self.recurrent = nn.ModuleList(recurrent)
        self.readout = readout

    def forward(self, image: Tensor) -> Tensor:
        sequence = self.trunk(image)
        for module in self.recurrent:
            sequence, _ = module(sequence)
        logits: Tensor = self.readout(sequence).mean(dim=1)
        return logits


def build(
    shape: tuple[int, ...],
    outputs: int,
    *,
    cell: str = "lstm",
    hidden: Sequence[int] = (40,),
    layers: int = 1,
    readout: bool = True,
    trunk: str = "shallow",
) -> nn.Module:
    """Float32 volumes (n, C, D, H, W) of `shape` (C, D, H, W) -> logits (n, `outputs`).

    `hidden`: units of each recurrent module, which has as many stacked `layers` of its `cell`, lstm
    or rnn. With `readout`, a rectifier and a linear layer follow, as wherever the study has a
    linear layer; without it the last module must have `outputs` units, and a logit lies between -1
    and 1. `trunk`: shallow, deep or deep-unpooled. Raises HarnessError if any of them cannot be.
    """
    if cell not in CELLS:
        raise HarnessError(f"cell must be one of {', '.join(CELLS)}, got {cell!r}")
    if not hidden or min(hidden) < 1 or layers < 1:
        got = f"{list(hidden)} and {layers}"
        raise HarnessError(f"hidden and layers must be positive numbers, got {got}")
    if not readout and hidden[-1] != outputs:
        raise HarnessError(f"hidden must end in {outputs} units without readout, got {hidden[-1]}")
    slices = SliceTrunk(shape, trunk)
    recurrent = [
        CELLS[cell](before, after, layers, batch_first=True)
        for before, after in pairwise([slices.features, *hidden])
    ]
    last = nn.Sequential(nn.ReLU(), nn.Linear(hidden[-1], outputs)) if readout else nn.Identity()
    return SliceRNN(slices, recurrent, last)


def to_onnx(module: nn.Module, shape: tuple[int, ...]) -> "ModelProto":
    """The network of `build` as ONNX: `image` float32 [batch, *shape] -> `logits` [batch, outputs].

    Written by hand: torch's exporter unrolls an RNN. The import is relative so that the source that
    a training depends on is this file and not its exporter.
    """
    from ._slice_rnn_onnx import export

    return export(module, shape)
