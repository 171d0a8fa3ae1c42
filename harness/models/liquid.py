"""A liquid time-constant network that reads a volume slice by slice, as if slices were time.

Trunk per slice, then one or more LTC layers of ncps (Hasani et al., Liquid Time-constant
Networks, AAAI 2021) under a wiring (Lechner et al., Neural circuit policies, Nature Machine
Intelligence 2020), then the mean over slices of what the motor neurons say.
"""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import torch
from ncps.torch import LTC  # type: ignore[import-untyped]
from ncps.wirings import NCP, AutoNCP, FullyConnected  # type: ignore[import-untyped]
from torch import Tensor, nn

from harness.errors import HarnessError
from harness.models._trunk import SliceTrunk

if TYPE_CHECKING:
    from onnx import ModelProto

PER_SYNAPSE = 4  # w, mu, sigma, erev
WIRINGS = {
    "autoncp": (AutoNCP, ("units", "outputs")),
    "fully_connected": (FullyConnected, ("units", "outputs")),
    "ncp": (NCP, ("inter", "command", "motor")),
}


class Liquid(nn.Module):
    """Trunk, stages per slice, LTC layers with a ReLU between two, mean over slices, readout.

    `stages` maps features (slices, features) and may be empty; `readout` maps what the last motor
    neurons say in the mean, and may be the identity. The parameters of ncps are dense tensors
    under masks, and the masks are frozen parameters.
    Load weights in place: `load_state_dict(assign=True)` leaves ncps computing with the old ones.
    """

    def __init__(
        self,
        trunk: SliceTrunk,
        layers: Sequence[nn.Module],
        stages: nn.Sequential,
        readout: nn.Module,
    ) -> None:
        super().__init__()
        self.trunk = trunk
        self.layers = nn.ModuleList(layers)
        self.stages = stages
        self.readout = readout

    def forward(self, image: Tensor) -> Tensor:
        features = self.trunk(image)
        sequence = self.stages(features.flatten(0, 1)).unflatten(0, features.shape[:2])
        for index, layer in enumerate(self.layers):
            sequence, _ = layer(torch.relu(sequence) if index else sequence)
        logits: Tensor = self.readout(sequence.mean(dim=1))
        return logits

    def parameters_effective(self) -> int:
        """How many parameters belong to something that exists: all but those of masked synapses."""
        tensors = dict(self.named_parameters())
        masks = [tensors.pop(name) for name in list(tensors) if name.endswith("sparsity_mask")]
        absent = sum(int((mask == 0).sum()) for mask in masks)
        return sum(tensor.numel() for tensor in tensors.values()) - PER_SYNAPSE * absent


def build(
    shape: tuple[int, ...],
    outputs: int,
    *,
    wiring: str = "autoncp",
    layers: Sequence[Sequence[int]] = ((30, 1),),
    sparsity: float = 0.5,
    sensory_fanout: int = 4,
    inter_fanout: int = 4,
    recurrent_command_synapses: int = 4,
    motor_fanin: int = 6,
    trunk: str = "shallow",
    norm: bool = False,
    dropout: float = 0.0,
    linear: int = 0,
    readout: bool = False,
) -> nn.Module:
    """Float32 volumes (n, C, D, H, W) of `shape` (C, D, H, W) -> logits (n, `outputs`).

    `layers`, one entry an LTC layer, in neurons:

    * wiring "autoncp": [units, outputs]; `sparsity` in 0.1 to 1 is the share of absent synapses.
    * "fully_connected": [units, outputs]; every synapse exists.
    * "ncp": [inter, command, motor]. Each input reaches `sensory_fanout` inter neurons, each of
      these `inter_fanout` command neurons, which have `recurrent_command_synapses` among them;
      each motor neuron hears `motor_fanin` command neurons. The defaults are those of ncps' guide.

    `trunk`: shallow, deep or deep-unpooled. Between it and the first LTC layer may stand, in this
    order, a batch norm of features over batch and slices (`norm`; the study's is over the batch,
    slice after slice), `dropout`, and a linear layer of `linear` units with a rectifier. With
    `readout`, a linear layer follows the mean over slices.

    Raises HarnessError if shape, wiring or layers cannot be, or if the last layer does not have
    `outputs` motor neurons, without a readout. The synapses drawn depend on the arguments alone,
    not on a seed.
    """
    if wiring not in WIRINGS:
        raise HarnessError(f"wiring must be one of {', '.join(WIRINGS)}, got {wiring!r}")
    for layer in layers:
        _check(layer, wiring)
    if not layers or (layers[-1][-1] != outputs and not readout):
        raise HarnessError(f"layers must end in {outputs} motor neurons, got {layers}")
    if not 0 <= dropout < 1 or linear < 0:
        got = f"{dropout} and {linear}"
        raise HarnessError(f"dropout must be in [0, 1) and linear 0 or more units, got {got}")
    fanouts: dict[str, float] = {
        "sensory_fanout": sensory_fanout,
        "inter_fanout": inter_fanout,
        "recurrent_command_synapses": recurrent_command_synapses,
        "motor_fanin": motor_fanin,
    }
    by_wiring = {"autoncp": {"sparsity_level": sparsity}, "ncp": fanouts}
    slices = SliceTrunk(shape, trunk)
    inputs = [linear or slices.features, *(layer[-1] for layer in layers[:-1])]
    liquid = [
        _ltc(width, wiring, layer, by_wiring.get(wiring, {}))
        for width, layer in zip(inputs, layers, strict=True)
    ]
    last = nn.Linear(layers[-1][-1], outputs) if readout else nn.Identity()
    return Liquid(slices, liquid, _stages(slices.features, norm, dropout, linear), last)


def to_onnx(module: nn.Module, shape: tuple[int, ...]) -> "ModelProto":
    """The network of `build` as ONNX: `image` float32 [batch, *shape] -> `logits` [batch, outputs].

    Written by hand: torch's exporter unrolls every slice and takes minutes. The import is relative
    so that the source that a training depends on is this file and not its exporter.
    """
    from ._liquid_onnx import export

    return export(module, shape)


def _stages(features: int, norm: bool, dropout: float, linear: int) -> nn.Sequential:
    stages: list[nn.Module] = [nn.BatchNorm1d(features)] if norm else []
    stages += [nn.Dropout(dropout)] if dropout else []
    stages += [nn.Linear(features, linear), nn.ReLU()] if linear else []
    return nn.Sequential(*stages)


def _check(layer: Any, wiring: str) -> None:
    parts = WIRINGS[wiring][1]
    listed = isinstance(layer, Sequence) and len(layer) == len(parts)
    if not listed or not all(isinstance(part, int) and part > 0 for part in layer):
        raise HarnessError(
            f"each of layers must be [{', '.join(parts)}] for wiring {wiring}, got {layer}"
        )


def _ltc(inputs: int, wiring: str, layer: Sequence[int], options: Mapping[str, float]) -> nn.Module:
    try:
        wired = WIRINGS[wiring][0](*layer, **options)
        if wired.output_dim > wired.units:
            raise ValueError(f"{wired.output_dim} outputs are more than {wired.units} units")
        cell: nn.Module = LTC(inputs, wired)
    except ValueError as error:
        raise HarnessError(
            f"layers must be possible for wiring {wiring}, got {list(layer)}: {error}"
        ) from error
    return cell
