"""State dicts in files, and models that are filled from them. Only tensors are read, never code."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from objectives.errors import LoadError, reason_of
from objectives.files import require_regular
from objectives.model_files.weights import tensor_shapes

if TYPE_CHECKING:
    from torch import Tensor, nn


def read_state_dict(part: str, file: Path, remedy: str) -> Mapping[str, Tensor]:
    """Read a state dict, from safetensors or a torch pickle, onto the CPU.

    Args:
        part: What the file is for, as in `LoadError`.
        file: The file; a pickle may hold only tensors and plain values.
        remedy: What to give in its place.

    Raises:
        LoadError: If it is no state dict.
    """
    import torch
    from safetensors.torch import load_file

    if file.suffix == ".safetensors":
        tensor_shapes(part, file)
        return load_file(file)
    try:
        require_regular(file)
        content = torch.load(file, map_location="cpu", weights_only=True)
    except Exception as error:
        # A file of another kind makes the unpickler raise nearly anything.
        why = error.strerror if isinstance(error, OSError) else None
        raise LoadError(part, file, why or "it is no state dict of torch", remedy) from error
    # Training checkpoints keep theirs next to other things.
    found = content.get("state_dict", content) if isinstance(content, dict) else content
    if not isinstance(found, dict) or not all(map(torch.is_tensor, found.values())):
        raise LoadError(part, file, "it is no state dict of torch", remedy)
    return found


def fill(module: nn.Module, tensors: Mapping[str, Any], part: str, file: Path, remedy: str) -> None:
    """Give a module its weights; tensors that it does not have are ignored.

    Args:
        module: The module.
        tensors: What `read_state_dict` read.
        part: As in `read_state_dict`.
        file: As in `read_state_dict`.
        remedy: As in `read_state_dict`.

    Raises:
        LoadError: If a tensor is missing, of another shape, or not finite.
    """
    wanted = {name: tuple(own.shape) for name, own in module.state_dict().items()}
    for name, shape in wanted.items():
        if name not in tensors:
            raise LoadError(part, file, f"it has no tensor {name}", remedy)
        if (found := tuple(tensors[name].shape)) != shape:
            raise LoadError(part, file, f"its {name} has shape {found}, and not {shape}", remedy)
        if not bool(tensors[name].isfinite().all()):
            raise LoadError(part, file, f"its {name} holds NaN or infinity", remedy)
    try:
        module.load_state_dict({name: tensors[name] for name in wanted})
    except RuntimeError as error:
        raise LoadError(part, file, reason_of(error), remedy) from error
