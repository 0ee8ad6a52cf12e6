from __future__ import annotations

from collections import Counter
from dataclasses import replace
from itertools import product
from typing import Any

import pytest
import torch

from accel_space.errors import RefusedError
from accel_space.method import Params
from accel_space.stack import Stack
from tests.tiers.covering import covering
from tests.tiny_pipelines import draw, tiny_context, tiny_pipeline, tiny_sd


def _whole_steps(methods: list[str], params: Params, steps: int) -> list[int]:
    context = tiny_context(tiny_sd(), methods, steps)
    depth = Stack(context).schedule(params).skips["depth"]
    return [step for step, share in enumerate(depth) if not share]


def test_every_interval_th_step_is_whole() -> None:
    params = {"deepcache.cache_interval": 3, "deepcache.cache_branch_id": 0}

    assert _whole_steps(["deepcache"], params, 10) == [0, 3, 6, 9]


def test_beside_tgate_the_rhythm_starts_anew_before_the_gate_and_at_it() -> None:
    params = {"cache_interval": 3, "cache_branch_id": 0, "gate_step": 6}
    params |= {"sp_interval": 1, "fi_interval": 1, "warm_up": 0}

    assert _whole_steps(["deepcache", "tgate"], params, 12) == [0, 3, 5, 6, 9]


def test_the_grid_is_the_prototypes() -> None:
    space = Stack(tiny_context(tiny_sd(), ["deepcache"], 20)).space

    assert space["deepcache.cache_interval"].values == (2, 3, 4, 5)
    assert space["deepcache.cache_branch_id"].values == (0, 1, 2, 3)


def test_a_unet_of_one_block_has_three_branches() -> None:
    context = tiny_context(tiny_sd(), ["deepcache"])
    shallow = replace(context, profile=replace(context.profile, down_resnets=(2,)))

    assert Stack(shallow).space["deepcache.cache_branch_id"].values == (0, 1, 2)


def test_intervals_that_reach_past_the_last_step_are_one_point() -> None:
    stack = Stack(tiny_context(tiny_sd(), ["deepcache"], 3))

    canonical = stack.canonical({"deepcache.cache_interval": 5, "deepcache.cache_branch_id": 2})

    assert canonical == {"deepcache.cache_interval": 3, "deepcache.cache_branch_id": 2}
    assert len(stack.points) == 8


@pytest.mark.parametrize(
    "scheduler", ["HeunDiscreteScheduler", "KDPM2DiscreteScheduler", "PNDMScheduler"]
)
def test_a_scheduler_that_confuses_timesteps_and_steps_is_refused(scheduler: str) -> None:
    context = tiny_context(tiny_sd(scheduler), ["deepcache"])
    good = tiny_context(tiny_sd(), []).scheduler
    others = {scheduler: context.scheduler, "DDIM": good, "UniPC": good}

    with pytest.raises(RefusedError, match=f"{scheduler} .*; take DDIM or UniPC$"):
        Stack(replace(context, other_schedulers=lambda: others))


@pytest.mark.parametrize("steps", [0, 1])
def test_less_than_two_steps_are_refused(steps: int) -> None:
    context = replace(tiny_context(tiny_sd(), ["deepcache"]), steps=steps)

    with pytest.raises(RefusedError, match=f"steps is {steps}; use 2 steps or more"):
        Stack(context)


def test_a_transformer_is_refused() -> None:
    context = tiny_context(tiny_pipeline("PixArt-alpha"), ["deepcache"])

    with pytest.raises(RefusedError, match="denoiser of PixArtAlphaPipeline has none"):
        Stack(context)


def test_sdxl_has_nine_branches_of_which_the_grid_holds_the_prototypes_four() -> None:
    pipe = tiny_pipeline("SDXL")
    stack = Stack(tiny_context(pipe, ["deepcache"]))
    assert stack.space["deepcache.cache_branch_id"].values == (0, 1, 2, 3)

    pictures = []
    for branch in (3, 7, 8, 9):
        with stack.applied(
            pipe, {"deepcache.cache_interval": 3, "deepcache.cache_branch_id": branch}
        ) as generate:
            pictures.append(draw(generate))

    assert (
        stack.canonical({"deepcache.cache_interval": 3, "deepcache.cache_branch_id": 8})[
            "deepcache.cache_branch_id"
        ]
        == 8
    )
    assert not any(torch.equal(pictures[-1], picture) for picture in pictures[:2])
    assert torch.equal(pictures[-1], pictures[-2])
    depths = {
        stack.schedule({"deepcache.cache_interval": 3, "deepcache.cache_branch_id": branch}).skips[
            "depth"
        ]
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


BRANCH_STEPS = 4
"""Two calls reuse the first one's branch, and the last computes it anew."""


def _calls_and_picture(pipe: Any, stack: Stack, branch: int) -> tuple[Counter[str], bytes]:
    """How often each layer really computes, and the picture."""
    calls: Counter[str] = Counter()
    layers = [each for each in pipe.unet.named_modules() if not list(each[1].children())]
    hooks = [
        layer.register_forward_hook(lambda *_, name=name: calls.update([name]))
        for name, layer in layers
    ]
    with stack.applied(
        pipe, {"deepcache.cache_interval": 3, "deepcache.cache_branch_id": branch}
    ) as generate:
        picture = draw(generate, steps=BRANCH_STEPS)
    for hook in hooks:
        hook.remove()
    return calls, picture.numpy().tobytes()


@pytest.mark.parametrize(
    ("family", "layers"),
    covering(product(["SD1.5", "SDXL"], [1, 2, (1, 2, 1, 3)]), lambda *values: values),
    ids=str,
)
def test_branches_are_one_point_where_their_pictures_are_equal_and_only_there(
    family: str, layers: int | tuple[int, ...]
) -> None:
    if family == "SDXL" and isinstance(layers, tuple):
        layers = layers[1:]
    pipe = tiny_pipeline(family, layers_per_block=layers)
    stack = Stack(tiny_context(pipe, ["deepcache"], BRANCH_STEPS))
    branches = range(3 * len(pipe.unet.down_blocks) + 2)
    seen: dict[tuple[float, ...], tuple[Counter[str], bytes]] = {}

    for branch in branches:
        depth = stack.schedule(
            {"deepcache.cache_interval": 3, "deepcache.cache_branch_id": branch}
        ).skips["depth"]
        calls, picture = _calls_and_picture(pipe, stack, branch)
        if depth in seen:
            first_calls, first_picture = seen[depth]
            assert picture == first_picture
            # What stands for both computes no more than either.
            assert first_calls <= calls
            assert all("downsamplers" in name for name in calls - first_calls)
        else:
            assert picture not in {known for _, known in seen.values()}
            assert all(max(depth) < max(known) for known in seen)
            seen[depth] = calls, picture


def test_in_a_unet_of_one_resnet_a_block_the_second_branch_stands_for_the_third() -> None:
    stack = Stack(tiny_context(tiny_sd(layers_per_block=1), ["deepcache"]))

    canonical = stack.canonical({"deepcache.cache_interval": 2, "deepcache.cache_branch_id": 2})

    assert canonical == {"deepcache.cache_interval": 2, "deepcache.cache_branch_id": 1}
    assert len(stack.points) == 4 * 3
