"""A denoiser call asks nothing of the host, so that it can be captured; no GPU is needed to see it.

PyTorch's meta device stands in for the GPU: its tensors hold no values, so that reading one raises
as it would during a capture, and what is copied to it from the host is seen.
"""

from __future__ import annotations

from functools import cache
from typing import Any

import numpy as np
import pytest
import torch
from torch.overrides import TorchFunctionMode
from torch.utils._python_dispatch import TorchDispatchMode

from accel_space.captures import filling_numbers
from accel_space.denoiser import map_tensors
from tests.accel_space.contract.stacks import (
    KNOWN_BEFOREHAND,
    Names,
    draw_few,
    families_and_stacks,
    make_stack,
    quick_pipeline,
)
from tests.default_points import default_of

ALONE = [names for names in KNOWN_BEFOREHAND if len(names) == 1]

FAMILIES = ("FLUX.1-dev", "SD3.5-medium", "Qwen-Image", "Z-Image")
"""The others are captured on a GPU, by test_lossless.py."""


class Copies(TorchDispatchMode):
    """Notes what mixes the host's tensors with those of the device."""

    def __init__(self) -> None:
        super().__init__()
        self.seen: list[str] = []

    def __torch_dispatch__(
        self, function: Any, types: Any, args: Any = (), kwargs: Any = None
    ) -> Any:
        output = function(*args, **(kwargs or {}))
        found: list[str] = []
        map_tensors((args, kwargs or {}, output), lambda each: found.append(each.device.type))
        if {"cpu", "meta"} <= set(found):
            self.seen.append(str(function))
        return output


class Numbers(TorchFunctionMode):
    """Notes tensors that are made of the host's numbers, which are copied to the device."""

    def __init__(self, seen: list[str]) -> None:
        super().__init__()
        self.seen = seen

    def __torch_function__(
        self, function: Any, types: Any, args: Any = (), kwargs: Any = None
    ) -> Any:
        if function in (torch.tensor, torch.as_tensor) and (kwargs or {}).get("device") is not None:
            self.seen.append(function.__name__)
        return function(*args, **(kwargs or {}))


def on_device(tensor: torch.Tensor) -> torch.Tensor:
    """An input as capture_call gives it: the value of the timestep can be asked of the host."""
    held = tensor.to("meta")
    if tensor.numel() == 1:
        value = tensor.item()
        held.item = lambda: value  # type: ignore[method-assign]
    return held


def on_stand_in(family: str) -> tuple[Any, Copies]:
    """A warm pipe whose denoiser is on the device, and what its calls copy from then on."""
    pipe, copies = quick_pipeline(family, "FlowMatchEulerDiscreteScheduler"), Copies()
    module = pipe.transformer.to("meta")
    inner = type(module)

    def call(self: Any, *args: Any, **kwargs: Any) -> Any:
        args, kwargs = map_tensors((args, kwargs), on_device)
        with copies, filling_numbers(), Numbers(copies.seen):
            output = inner.__call__(self, *args, **kwargs)
        return map_tensors(output, lambda each: torch.zeros(each.shape, dtype=each.dtype))

    module.__class__ = type(inner.__name__, (inner,), {"__call__": call})
    draw_few(family, pipe, 2)
    copies.seen.clear()
    return pipe, copies


shared_stand_in = cache(on_stand_in)


@pytest.mark.parametrize(("family", "names"), families_and_stacks(FAMILIES, ALONE))
def test_a_call_asks_nothing_of_the_host(family: str, names: Names) -> None:
    pipe, copies = shared_stand_in(family)
    stack = make_stack(pipe, names)
    with stack.applied(pipe, default_of(stack)) as generate:
        draw_few(family, generate, 2)
    assert copies.seen == []


def test_a_number_is_filled_in_as_the_same_kind_of_tensor() -> None:
    for number in (True, 3, 0.5, np.float64(0.5), np.float32(0.5), [1, 2]):
        usual = torch.as_tensor(number)
        with filling_numbers():
            filled = torch.as_tensor(number)
        assert filled.dtype == usual.dtype and torch.equal(filled, usual)


def test_asking_is_seen() -> None:
    pipe, copies = on_stand_in("SD3.5-medium")
    block = pipe.transformer.transformer_blocks[0]
    copying = block.register_forward_hook(lambda *_: (torch.ones(1).to("meta"), None)[1])
    draw_few("SD3.5-medium", pipe)
    assert "aten._to_copy.default" in copies.seen
    copying.remove()
    block.register_forward_hook(lambda _, __, output: output[1].sum().item())
    with pytest.raises(RuntimeError, match="meta"):
        draw_few("SD3.5-medium", pipe)
