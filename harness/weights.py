"""Weights of a torch module, in and out of safetensors: names and shapes must be the module's."""

from pathlib import Path
from typing import Any

from harness.disk import write
from harness.errors import HarnessError


def load_weights(module: Any, path: Path) -> Any:
    """`module` with the tensors of `path` copied into it.

    Raises HarnessError where the file is not safetensors, or names or shapes differ.
    """
    from safetensors import SafetensorError
    from safetensors.torch import load_file

    try:
        tensors = load_file(path)
    except (OSError, SafetensorError) as error:
        raise HarnessError(f"{path} must be a safetensors file, got: {error}") from None
    wanted = {name: tuple(value.shape) for name, value in module.state_dict().items()}
    got = {name: tuple(value.shape) for name, value in tensors.items()}
    for name in sorted(wanted.keys() | got.keys()):
        if wanted.get(name) != got.get(name):
            expected = f"of shape {wanted[name]}" if name in wanted else "absent"
            found = f"shape {got[name]}" if name in got else "none"
            raise HarnessError(f"{path}: tensor {name} must be {expected}, got {found}")
    module.load_state_dict(tensors)
    return module


def adopt_weights(module: Any, source: Path, target: Path) -> None:
    """Check that `source` fits `module`, and copy it to `target`."""
    load_weights(module, source)
    write(target, source.read_bytes())
