"""ONNX Runtime: the file that ships, on the provider that was asked for and on no other."""

import contextlib
import importlib.metadata
import importlib.util
import sys
from typing import Any

import numpy as np
from numpy.typing import NDArray

from harness.contracts import Servable
from harness.errors import HarnessError

PROVIDERS = {"cpu": "CPUExecutionProvider", "cuda": "CUDAExecutionProvider"}
OPTIONS: dict[str, dict[str, str]] = {"cpu": {}, "cuda": {"use_tf32": "0"}}
"""TF32 keeps 10 bits of a float32's 23: with it a row of precision fp32 would not be one."""


def available() -> str | None:
    """None where onnxruntime is installed."""
    if importlib.util.find_spec("onnxruntime") is None:
        return "onnxruntime is not installed"
    return None


def note() -> str | None:
    """What `doctor` says of a harmful installation, or None."""
    if all(map(_installed, ("onnxruntime", "onnxruntime-gpu"))):
        return (
            "onnxruntime and onnxruntime-gpu are both installed and overwrite each other's files; "
            "uninstall both, then install one"
        )
    return None


class OnnxSession:
    """A loaded file. Copying the batch to a GPU and the answer back is part of a run."""

    def __init__(self, session: Any) -> None:
        self.provider: str = session.get_providers()[0]
        self._session = session
        self._input = session.get_inputs()[0].name

    def run(self, batch: NDArray[np.float32]) -> NDArray[np.float32]:
        """(n, *shape) -> the file's first output: probabilities (n, outputs)."""
        probabilities: NDArray[np.float32] = self._session.run(None, {self._input: batch})[0]
        return probabilities

    def close(self) -> None:
        """Let go of the model; the session cannot run again."""
        self._session = None


def open(servable: Servable, device: str, precision: str, threads: int) -> OnnxSession:
    """Raises HarnessError where the provider would be another, or for other than fp32."""
    if precision != "fp32":
        raise HarnessError(f"precision of the onnxruntime backend must be fp32, got {precision!r}")
    if device not in PROVIDERS:
        raise HarnessError(f"device must be one of {', '.join(PROVIDERS)}, got {device!r}")
    try:
        session = OnnxSession(_load(servable, device, threads))
    except Exception as error:
        raise HarnessError(_other(servable, device, str(error))) from error
    if session.provider != PROVIDERS[device]:
        raise HarnessError(_other(servable, device, session.provider))
    return session


def _other(servable: Servable, device: str, found: str) -> str:
    first_line = found.replace(str(servable.onnx), servable.onnx.name).partition("\n")[0]
    name, provider = servable.onnx.name, PROVIDERS[device]
    return f"{name} must run on {provider} alone, got {first_line}; see harness doctor"


def _load(servable: Servable, device: str, threads: int) -> Any:
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    if device == "cuda":
        options.add_session_config_entry("session.disable_cpu_ep_fallback", "1")
        with contextlib.redirect_stdout(sys.stderr):
            onnxruntime.preload_dlls()
    return onnxruntime.InferenceSession(
        servable.onnx,
        options,
        providers=[(PROVIDERS[device], OPTIONS[device])],
        enable_fallback=False,
    )


def _installed(distribution: str) -> bool:
    return any(importlib.metadata.distributions(name=distribution))
