from __future__ import annotations

from dataclasses import replace

import pytest
import torch

from accel_space.deepcache import DeepCache
from accel_space.errors import RefusedError
from accel_space.method import Params
from accel_space.stack import Stack
from tests.tiny_pipelines import draw, tiny_context, tiny_pipeline, tiny_sd


def _whole_steps(methods: list[str], params: Params, steps: int) -> list[int]:
    context = tiny_context(tiny_sd(), methods, steps)
    depth = DeepCache().skipped(params, context)["depth"]
    return [step for step, share in enumerate(depth) if not share]


def test_every_interval_th_step_is_whole() -> None:
    params = {"cache_interval": 3, "cache_branch_id": 0}

    assert _whole_steps(["deepcache"], params, 10) == [0, 3, 6, 9]


def test_beside_tgate_the_rhythm_starts_anew_before_the_gate_and_at_it() -> None:
    params = {"cache_interval": 3, "cache_branch_id": 0, "gate_step": 6}

    assert _whole_steps(["deepcache", "tgate"], params, 12) == [0, 3, 5, 6, 9]


def test_the_grid_is_the_prototypes() -> None:
    space = Stack(tiny_context(tiny_sd(), ["deepcache"], 20)).space

    assert space["cache_interval"].values == (2, 3, 4, 5)
    assert space["cache_branch_id"].values == (0, 1, 2, 3)


def test_a_unet_of_one_block_has_three_branches() -> None:
    context = tiny_context(tiny_sd(), ["deepcache"])
    shallow = replace(context, profile=replace(context.profile, unet_blocks=1))

    assert Stack(shallow).space["cache_branch_id"].values == (0, 1, 2)


def test_intervals_that_reach_past_the_last_step_are_one_point() -> None:
    stack = Stack(tiny_context(tiny_sd(), ["deepcache"], 3))

    canonical = stack.canonical({"cache_interval": 5, "cache_branch_id": 2})

    assert canonical == {"cache_interval": 3, "cache_branch_id": 2}
    assert len(stack.points) == 8


@pytest.mark.parametrize(
    "scheduler", ["HeunDiscreteScheduler", "KDPM2DiscreteScheduler", "PNDMScheduler"]
)
def test_a_scheduler_that_confuses_timesteps_and_steps_is_refused(scheduler: str) -> None:
    context = tiny_context(tiny_sd(scheduler), ["deepcache"])

    with pytest.raises(RefusedError, match=f"{scheduler} .* take DDIM, DPM-Solver"):
        Stack(context)


@pytest.mark.parametrize("steps", [0, 1])
def test_less_than_two_steps_are_refused(steps: int) -> None:
    context = replace(tiny_context(tiny_sd(), ["deepcache"]), steps=steps)

    with pytest.raises(RefusedError, match=f"steps is {steps}; use 2 steps or more"):
        Stack(context)


def test_a_transformer_is_refused() -> None:
    context = tiny_context(tiny_pipeline("PixArt-alpha"), ["deepcache"])

    with pytest.raises(RefusedError, match="PixArtAlphaPipeline's denoiser is a transformer"):
        Stack(context)


def test_sdxl_has_nine_branches_of_which_the_grid_holds_the_prototypes_four() -> None:
    pipe = tiny_pipeline("SDXL")
    stack = Stack(tiny_context(pipe, ["deepcache"]))
    assert stack.space["cache_branch_id"].values == (0, 1, 2, 3)

    pictures = []
    for branch in (3, 7, 8, 9):
        with stack.applied(pipe, {"cache_interval": 3, "cache_branch_id": branch}) as generate:
            pictures.append(draw(generate))

    assert stack.canonical({"cache_interval": 3, "cache_branch_id": 8})["cache_branch_id"] == 8
    assert not any(torch.equal(pictures[-1], picture) for picture in pictures[:2])
    assert torch.equal(pictures[-1], pictures[-2])
    depths = {
        stack.skipped({"cache_interval": 3, "cache_branch_id": branch})["depth"]
        for branch in (3, 7, 8, 9)
    }
    assert len(depths) == 3
    assert all(0 < max(depth) < 1 for depth in depths)


def test_a_unet_without_mid_block_is_refused() -> None:
    pipe = tiny_sd(mid_block_type=None)

    with pytest.raises(RefusedError, match="mid block"):
        Stack(tiny_context(pipe, ["deepcache"]))


@pytest.mark.parametrize("methods", [["deepcache"], ["deepcache", "tgate"]])
def test_a_pipe_with_cpu_offload_is_refused(methods: list[str]) -> None:
    from accelerate import cpu_offload_with_hook

    pipe = tiny_sd()
    stack = Stack(tiny_context(pipe, methods))
    _, hook = cpu_offload_with_hook(pipe.unet, execution_device="cpu")
    pipe._all_hooks = [hook]

    with pytest.raises(RefusedError, match="remove_all_hooks"), stack.applied(pipe, stack.default):
        pass

    pipe.remove_all_hooks()
    with stack.applied(pipe, stack.default):
        pass
