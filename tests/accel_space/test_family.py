"""Methods go by what a family says of its pipelines, and not by what Stable Diffusion calls it."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
import torch

from accel_space.errors import RefusedError
from accel_space.family import Guidance
from accel_space.method import Context
from accel_space.methods import METHODS
from accel_space.stack import Stack
from tests.tiny_pipelines import draw, tiny_context, tiny_pipeline, tiny_sd

STEPS = 6

LOSSY = frozenset(name for name, method in METHODS.items() if not method.is_lossless)
"""The others change no picture, and are held to that elsewhere."""

LOADED_BY_CLASS = frozenset({"tgate"})
"""What is refused to any class that a library does not name."""


class Sketcher:
    """A pipe that holds a tiny UNet under a name of its own, and has nothing called `unet`."""

    def __init__(self) -> None:
        self._inner = tiny_sd()
        self.sketch = self._inner.unet
        self.scheduler = self._inner.scheduler
        self.components = {"sketch": self.sketch}
        self._execution_device = torch.device("cpu")

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        return self._inner(*args, **kwargs)


def _with_family(context: Context, **changes: Any) -> Context:
    family = replace(context.family, **changes)
    return replace(context, profile=replace(context.profile, family=family))


@pytest.mark.parametrize("name", sorted(LOSSY - LOADED_BY_CLASS))
def test_a_method_finds_a_denoiser_of_any_name(name: str) -> None:
    pipe, sketcher = tiny_sd(), Sketcher()
    context = tiny_context(pipe, [name], STEPS)
    try:
        stack = Stack(context)
    except RefusedError:
        pytest.skip("it has nothing to do in a UNet")
    renamed = Stack(_with_family(context, denoiser="sketch"))

    with (
        stack.applied(pipe, stack.default) as generate,
        renamed.applied(sketcher, stack.default) as generate_with_sketcher,
    ):
        expected = draw(generate, steps=STEPS)
        assert torch.equal(draw(generate_with_sketcher, steps=STEPS), expected)
    assert not torch.equal(draw(tiny_sd(), steps=STEPS), expected)


@pytest.mark.parametrize("name", ["deepcache", "tome"])
def test_what_reads_a_call_by_position_is_refused_to_one_by_keywords(name: str) -> None:
    context = tiny_context(tiny_sd(), [name], STEPS)

    with pytest.raises(RefusedError, match=r"its denoiser by keywords; use .*cfg_cutoff"):
        Stack(_with_family(context, latents_keyword="sample"))


@pytest.mark.parametrize("name", ["cfg_cutoff", "tgate"])
@pytest.mark.parametrize(
    ("guidance", "reason"), [("embedded", "as an input"), ("none", "draw without guidance")]
)
def test_what_halves_the_guided_batch_is_refused_where_there_is_none(
    name: str, guidance: Guidance, reason: str
) -> None:
    context = tiny_context(tiny_pipeline("SD1.5"), [name])

    with pytest.raises(RefusedError, match=reason):
        Stack(replace(context, profile=replace(context.profile, guidance=guidance)))
