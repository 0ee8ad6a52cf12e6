from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
import torch
from diffusers.callbacks import SDCFGCutoffCallback, SDXLCFGCutoffCallback

from accel_space.errors import RefusedError
from accel_space.stack import Stack
from tests.tiny_pipelines import (
    CALLS,
    FAMILIES,
    STEPS,
    denoiser_of,
    draw,
    tiny_context,
    tiny_pipeline,
    tiny_sd,
)


def _cut(pipe: Any, index: int, batch: int = 1, **call: Any) -> torch.Tensor:
    with Stack(tiny_context(pipe, ["cfg_cutoff"])).applied(
        pipe, {"cfg_cutoff.cutoff_step_index": index}
    ) as generate:
        return draw(generate, batch, **call)


@pytest.mark.parametrize(
    ("family", "callback"), [("SD2.1", SDCFGCutoffCallback), ("SDXL", SDXLCFGCutoffCallback)]
)
@pytest.mark.parametrize("index", [0, 4])
def test_one_picture_is_that_of_diffusers_own_callback(
    family: str, callback: Callable[..., Any], index: int
) -> None:
    pipe = tiny_pipeline(family, "UniPCMultistepScheduler")
    cutoff = callback(cutoff_step_ratio=None, cutoff_step_index=index)
    expected = draw(
        tiny_pipeline(family, "UniPCMultistepScheduler"),
        callback_on_step_end=cutoff,
        callback_on_step_end_tensor_inputs=cutoff.tensor_inputs,
    )

    assert torch.equal(_cut(pipe, index), expected)


@pytest.mark.parametrize("family", FAMILIES)
def test_behind_the_cutoff_only_the_prompts_predictions_count(family: str) -> None:
    pipe = tiny_pipeline(family)
    picture = _cut(pipe, 2, batch=2, **CALLS[family])
    calls = 0

    def overwrite_unguided(module: Any, inputs: Any, output: tuple[torch.Tensor]) -> Any:
        nonlocal calls
        calls += 1
        prompts = output[0].chunk(2)[1]
        return (torch.cat([prompts, prompts]),) if calls > 3 else output

    denoiser_of(pipe).register_forward_hook(overwrite_unguided)
    torch.testing.assert_close(picture, draw(pipe, 2, **CALLS[family]), rtol=1e-4, atol=1e-4)
    assert calls == STEPS


def test_a_transformer_told_the_resolution_is_told_it_behind_the_cutoff_too() -> None:
    # Only at this sample size does PixArt-alpha take the resolution as an input, as at 1024 pixels.
    pipe = tiny_pipeline(
        "PixArt-alpha", sample_size=128, num_attention_heads=3, cross_attention_dim=24
    )
    call = {"height": 32, "width": 48, **CALLS["PixArt-alpha"]}

    assert torch.equal(_cut(pipe, STEPS - 1, 2, **call), draw(pipe, 2, **call))
    assert not torch.equal(_cut(pipe, 3, 2, **call), draw(pipe, 2, **call))


@pytest.mark.parametrize(
    ("steps", "indices", "default"),
    [(50, (5, 10, 15, 20, 25, 30, 35, 40, 45), 20), (6, (0, 1, 2, 3, 4), 2), (2, (0,), 0)],
)
def test_the_grid_is_tenths_of_the_steps(
    steps: int, indices: tuple[int, ...], default: int
) -> None:
    choices = Stack(tiny_context(tiny_sd(), ["cfg_cutoff"], steps)).space[
        "cfg_cutoff.cutoff_step_index"
    ]

    assert choices.values == indices
    assert choices.default == default


def test_with_deepcache_the_features_of_the_prompts_are_reused_behind_the_cutoff() -> None:
    pipe = tiny_sd()
    stack = Stack(tiny_context(pipe, ["deepcache", "cfg_cutoff"]))
    point = {
        "deepcache.cache_interval": 5,
        "deepcache.cache_branch_id": 0,
        "cfg_cutoff.cutoff_step_index": 2,
    }
    deep: list[int] = []

    with stack.applied(pipe, point) as generate:
        pipe.unet.mid_block.resnets[0].conv1.register_forward_pre_hook(
            lambda _, inputs: deep.append(len(inputs[0]))
        )
        draw(generate, 2)

    # The cutoff, at step 3, lies between the whole steps 0 and 5 and adds none.
    assert deep == [4, 2]


@pytest.mark.parametrize("guidance_scale", [0.0, 1.0])
def test_no_guidance_is_refused(guidance_scale: float) -> None:
    context = tiny_context(tiny_sd(), ["cfg_cutoff"], guidance_scale=guidance_scale)

    with pytest.raises(RefusedError, match="use a guidance_scale above 1"):
        Stack(context)


@pytest.mark.parametrize("steps", [0, 1])
def test_less_than_two_steps_are_refused(steps: int) -> None:
    context = replace(tiny_context(tiny_sd(), ["cfg_cutoff"]), steps=steps)

    with pytest.raises(RefusedError, match=f"steps is {steps}; use 2 steps or more"):
        Stack(context)
