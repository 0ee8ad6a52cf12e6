"""What a patch may touch in a pipe, written down and compared."""

from __future__ import annotations

from typing import Any

import torch


def pipe_state(pipe: Any) -> dict[str, Any]:
    """List every attribute of the pipe and of its modules, and what its hooks and such hold.

    The scheduler's own attributes are left out: each plain call rewrites them too.
    """
    state = {"pipe": type(pipe), **_attributes("pipe", pipe)}
    for component, root in pipe.components.items():
        if isinstance(root, torch.nn.Module):
            for path, module in root.named_modules():
                name = f"{component}.{path}"
                state[name] = type(module)
                state.update(_attributes(name, module))
    return state


def assert_same_state(now: dict[str, Any], before: dict[str, Any]) -> None:
    assert list(now) == list(before)
    changed = [name for name, value in now.items() if value is not before[name]]
    assert not changed


def _attributes(name: str, thing: Any) -> dict[str, Any]:
    listed: dict[str, Any] = {}
    for attribute, value in vars(thing).items():
        listed[f"{name}:{attribute}"] = value
        if isinstance(value, dict):
            listed |= {f"{name}:{attribute}[{key}]": item for key, item in value.items()}
    return listed
