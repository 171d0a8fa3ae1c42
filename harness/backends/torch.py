"""PyTorch in eager mode: the exported file's twin, as trained."""

import importlib.util
from typing import Any

import numpy as np
from numpy.typing import NDArray

from harness.contracts import Servable
from harness.errors import HarnessError

PROVIDERS = {"cpu": "CPU", "cuda": "CUDA"}


def available() -> str | None:
    """None where torch is installed."""
    if importlib.util.find_spec("torch") is None:
        return "torch is not installed"
    return None


class TorchSession:
    """A module on its device. The process's thread count, and on a GPU TF32, are its until closed.

    Copying the batch there and the answer back is part of a run, as it is in onnxruntime's.
    """

    def __init__(self, module: Any, device: str, threads: int) -> None:
        import torch

        self.provider = PROVIDERS[device]
        self._device = device
        self._torch = torch
        self._module = module.to(device).eval()
        self._before = _settings(torch)
        _apply(torch, (threads, False, False))

    def run(self, batch: NDArray[np.float32]) -> NDArray[np.float32]:
        """(n, *shape) -> probabilities (n, outputs), on the host when it returns."""
        with self._torch.inference_mode():
            answer = self._module(self._torch.from_numpy(batch).to(self._device)).cpu()
        if self._device == "cuda":
            self._torch.cuda.synchronize()
        probabilities: NDArray[np.float32] = answer.numpy()
        return probabilities

    def close(self) -> None:
        """Give the thread count and TF32 back as they were."""
        _apply(self._torch, self._before)


def open(servable: Servable, device: str, precision: str, threads: int) -> TorchSession:
    """Raises HarnessError without a module, without the device, or for other than fp32."""
    if servable.module is None:
        raise HarnessError(
            f"a model for the torch backend must have a module, got {servable.onnx.name} alone; "
            "leave torch out of backends in [latency]"
        )
    if precision != "fp32":
        raise HarnessError(f"precision of the torch backend must be fp32, got {precision!r}")
    if device not in PROVIDERS:
        raise HarnessError(f"device must be one of {', '.join(PROVIDERS)}, got {device!r}")
    if device == "cuda" and not _sees_gpu():
        raise HarnessError("device must be one that torch sees, got 'cuda'; use --device cpu")
    return TorchSession(servable.module(), device, threads)


def _sees_gpu() -> bool:
    import torch

    return torch.cuda.is_available()


def _settings(torch: Any) -> tuple[int, bool, bool]:
    backends = torch.backends
    return torch.get_num_threads(), backends.cuda.matmul.allow_tf32, backends.cudnn.allow_tf32


def _apply(torch: Any, settings: tuple[int, bool, bool]) -> None:
    threads, torch.backends.cuda.matmul.allow_tf32, torch.backends.cudnn.allow_tf32 = settings
    torch.set_num_threads(threads)
