from __future__ import annotations

import pytest
import torch

from accel_space.profile import Profile, SchedulerProfile
from tests.tiny_pipelines import tiny_context, tiny_pipeline, tiny_sd


@pytest.mark.parametrize("size", [(16, 16), (10, 14), (9, 16), (8, 24), (5, 5)], ids=str)
def test_attention_grids_are_those_of_the_running_unet(size: tuple[int, int]) -> None:
    unet = tiny_sd().unet
    seen: set[tuple[int, int]] = set()
    for block in (*unet.down_blocks, unet.mid_block, *unet.up_blocks):
        for attention in getattr(block, "attentions", []):
            attention.register_forward_pre_hook(lambda _, inputs: seen.add(inputs[0].shape[-2:]))

    with torch.no_grad():
        unet(torch.zeros(1, 4, *size), 1, encoder_hidden_states=torch.zeros(1, 12, 16))

    grids = Profile.from_unet_config("Any", unet.config, size).attention_grids
    assert grids == tuple(sorted((tuple(grid) for grid in seen), reverse=True))


def test_blocks_without_attention_have_no_grid() -> None:
    config = {"down_block_types": ("DownBlock2D", "CrossAttnDownBlock2D", "CrossAttnDownBlock2D")}

    profile = Profile.from_unet_config("Any", config, (128, 96))

    assert profile.unet_resnets == (2, 2, 2)
    assert profile.attention_grids == ((64, 48), (32, 24))


@pytest.mark.parametrize("mid_block_type", [None, "UNetMidBlock2D"])
def test_a_mid_block_without_attention_has_no_grid(mid_block_type: str | None) -> None:
    config = {
        "down_block_types": ("CrossAttnDownBlock2D", "DownBlock2D"),
        "mid_block_type": mid_block_type,
    }

    profile = Profile.from_unet_config("Any", config, (64, 64))

    assert profile.attention_grids == ((64, 64),)
    assert profile.has_mid_block == (mid_block_type is not None)


@pytest.mark.parametrize("size", [(16, 16), (8, 24)], ids=str)
def test_a_transformer_attends_on_the_grid_of_its_patches(size: tuple[int, int]) -> None:
    transformer = tiny_pipeline("PixArt-alpha").transformer
    tokens: list[int] = []
    transformer.transformer_blocks[0].register_forward_pre_hook(
        lambda _, inputs: tokens.append(inputs[0].shape[1])
    )

    with torch.no_grad():
        transformer(
            torch.zeros(1, 4, *size),
            encoder_hidden_states=torch.zeros(1, 12, 16),
            timestep=torch.tensor([1]),
            added_cond_kwargs={"resolution": None, "aspect_ratio": None},
        )

    profile = Profile.from_transformer_config("Any", transformer.config, size)
    assert profile.unet_resnets == ()
    assert profile.attention_grids == ((size[0] // 2, size[1] // 2),)
    assert tokens == [size[0] * size[1] // 4]


@pytest.mark.parametrize(
    ("scheduler", "repeats"),
    [
        ("DDIMScheduler", False),
        ("DPMSolverMultistepScheduler", False),
        ("UniPCMultistepScheduler", False),
        ("PNDMScheduler", True),
        ("HeunDiscreteScheduler", True),
    ],
)
def test_schedulers_that_visit_a_timestep_twice_are_told(scheduler: str, repeats: bool) -> None:
    profile = tiny_context(tiny_sd(scheduler), []).scheduler

    assert profile.name == scheduler
    assert profile.repeats_timesteps == repeats


def test_a_repeat_is_found_wherever_it_stands() -> None:
    timesteps = (3.0, 1.0, 2.0, 3.0)
    assert SchedulerProfile("Any", 1, timesteps, lambda _: timesteps).repeats_timesteps
