from __future__ import annotations

from dataclasses import replace
from itertools import product
from typing import Any

import pytest
import torch

from accel_space.errors import RefusedError
from accel_space.methods.tgate import TGate
from accel_space.stack import Stack
from storage.records.points import point_key
from tests.tiers.covering import taking_turns
from tests.tiny_pipelines import (
    CALLS,
    FAMILIES,
    GUIDANCE_SCALE,
    PICTURE_SIZE,
    PROMPTS,
    STEPS,
    draw,
    tiny_context,
    tiny_pipeline,
    tiny_sd,
)

SCHEDULERS = ("DDIMScheduler", "DPMSolverMultistepScheduler", "UniPCMultistepScheduler")


@pytest.mark.parametrize(("steps", "distinct"), [(50, 1365), (20, 1211)])
def test_the_prototypes_1800_sets_are_fewer_points(steps: int, distinct: int) -> None:
    stack = Stack(tiny_context(tiny_sd(), ["tgate"], steps))

    assert stack.grid_size == 1800
    assert len(stack.points) == distinct


def test_a_schedule_is_computed_up_to_warm_up_then_by_interval_then_anew_from_the_gate() -> None:
    context = tiny_context(tiny_sd(), ["tgate"], 14)
    params = {"gate_step": 9, "sp_interval": 3, "fi_interval": 2, "warm_up": 2}

    skipped = TGate().schedule(params, context).skips

    assert skipped["guidance"] == skipped["cross_attention"] == (0,) * 9 + (1,) * 5
    reused = skipped["self_attention"]
    assert [step for step in range(14) if reused[step]] == [4, 5, 7, 9, 11, 13]


def test_schedules_that_reuse_at_the_same_steps_are_one_point() -> None:
    stack = Stack(tiny_context(tiny_sd(), ["tgate"], 20))
    schedules = product([8, 9], [1, 2, 3])

    points = {
        point_key(
            stack.canonical(
                {
                    "tgate.gate_step": 5,
                    "tgate.sp_interval": sp,
                    "tgate.fi_interval": 1,
                    "tgate.warm_up": warm_up,
                }
            )
        )
        for sp, warm_up in schedules
    }

    assert points == {
        f"gate_step=5 sp_interval={sp} fi_interval=1 warm_up={warm_up}"
        for sp, warm_up in ((4, 1), (2, 1), (2, 3))
    }


@pytest.mark.parametrize(
    "methods", [["tgate", "tome"], ["deepcache", "tgate"], ["deepcache", "tgate", "tome"]]
)
def test_in_a_stack_self_attention_is_never_reused(methods: list[str]) -> None:
    stack = Stack(tiny_context(tiny_sd(), methods, 20))

    assert stack.space["tgate.sp_interval"].values == (1,)
    assert stack.space["tgate.fi_interval"].values == (1,)
    assert stack.space["tgate.warm_up"].values == (0,)
    for forbidden in ({"tgate.sp_interval": 5}, {"tgate.fi_interval": 2}):
        with pytest.raises(RefusedError, match="use sp_interval=1 and fi_interval=1"):
            stack.canonical({**stack.default, **forbidden})


@pytest.mark.parametrize("methods", [["tgate", "tome"], ["deepcache", "tgate"]])
def test_a_forbidden_reuse_is_refused_before_the_pipe_is_touched(methods: list[str]) -> None:
    pipe = tiny_sd()
    stack = Stack(tiny_context(pipe, methods, 20))

    with (
        pytest.raises(RefusedError, match="use sp_interval=1"),
        stack.applied(pipe, {**stack.default, "tgate.sp_interval": 5}),
    ):
        pass


@pytest.mark.parametrize("guidance_scale", [0.0, 1.0])
def test_no_guidance_is_refused(guidance_scale: float) -> None:
    context = tiny_context(tiny_sd(), ["tgate"], guidance_scale=guidance_scale)

    with pytest.raises(RefusedError, match="use a guidance_scale above 1"):
        Stack(context)


def test_a_unet_that_embeds_guidance_is_refused() -> None:
    pipe = tiny_sd(time_cond_proj_dim=8)

    with pytest.raises(RefusedError, match="latent consistency"):
        Stack(tiny_context(pipe, ["tgate"]))


@pytest.mark.parametrize("scheduler", ["HeunDiscreteScheduler", "KDPM2DiscreteScheduler"])
def test_a_scheduler_of_order_2_is_refused(scheduler: str) -> None:
    context = tiny_context(tiny_sd(scheduler), ["tgate"])

    with pytest.raises(RefusedError, match=f"{scheduler} makes 2"):
        Stack(context)


def test_pndm_keeps_the_promised_number_of_guided_steps() -> None:
    pipe = tiny_sd("PNDMScheduler")
    stack = Stack(tiny_context(pipe, ["tgate"], 8))
    batches: list[int] = []

    with stack.applied(pipe, {**stack.default, "tgate.gate_step": 5}) as generate:
        pipe.unet.conv_in.register_forward_pre_hook(lambda _, x: batches.append(len(x[0])))
        draw(generate)

    # PNDM calls the denoiser twice for its second step, so there is one guided call more.
    assert batches == [2] * 6 + [1] * 3


@pytest.mark.parametrize("steps", [0, 3, 5])
def test_too_few_steps_for_a_gate_are_refused(steps: int) -> None:
    context = replace(tiny_context(tiny_sd(), ["tgate"]), steps=steps)

    with pytest.raises(RefusedError, match=f"which is {steps}; use 6 steps or more"):
        Stack(context)


def test_gates_come_before_the_last_step() -> None:
    assert Stack(tiny_context(tiny_sd(), ["tgate"], 9)).space["tgate.gate_step"].values == (
        5,
        6,
        7,
        8,
    )


def test_a_pipeline_without_loader_is_refused() -> None:
    context = tiny_context(tiny_sd(), ["tgate"])
    profile = replace(context.profile, pipeline_class="StableDiffusionImg2ImgPipeline")

    with pytest.raises(RefusedError, match="no loader for StableDiffusionImg2ImgPipeline"):
        Stack(replace(context, profile=profile))


@pytest.mark.parametrize("methods", [["tgate"], ["deepcache", "tgate"], ["tgate", "tome"]])
@pytest.mark.parametrize("argument", [{"guidence_scale": 3.0}, {"tgate.gate_step": 7}])
def test_an_argument_that_the_pipelines_call_lacks_is_not_swallowed(
    methods: list[str], argument: dict[str, Any]
) -> None:
    pipe = tiny_sd()
    stack = Stack(tiny_context(pipe, methods))

    with (
        stack.applied(pipe, stack.default) as generate,
        pytest.raises(TypeError, match=next(iter(argument))),
    ):
        draw(generate, **argument)


INERT = {"tgate.gate_step": 100, "tgate.sp_interval": 1, "tgate.fi_interval": 1, "tgate.warm_up": 0}


@pytest.mark.parametrize(
    ("family", "scheduler"),
    taking_turns(zip(FAMILIES, [*SCHEDULERS, *SCHEDULERS], strict=False), 0),
)
def test_a_gate_behind_the_last_step_draws_the_plain_picture(family: str, scheduler: str) -> None:
    pipe = tiny_pipeline(family, scheduler)
    plain = draw(pipe, 2, **CALLS[family])
    stack = Stack(tiny_context(pipe, ["tgate"]))

    with stack.applied(pipe, INERT) as generate:
        assert torch.equal(draw(generate, 2, **CALLS[family]), plain)


def test_beside_deepcache_a_gate_behind_the_last_step_is_deepcache_alone_on_sdxl() -> None:
    pipe = tiny_pipeline("SDXL")
    deepcache = {"deepcache.cache_interval": 3, "deepcache.cache_branch_id": 2}
    with Stack(tiny_context(pipe, ["deepcache"])).applied(pipe, deepcache) as generate:
        alone = draw(generate)

    both = Stack(tiny_context(pipe, ["deepcache", "tgate"]))
    with both.applied(pipe, {**deepcache, **INERT}) as generate:
        assert torch.equal(draw(generate), alone)


def test_a_transformer_told_the_resolution_is_told_it_behind_the_gate_too() -> None:
    # Only at this sample size does PixArt-alpha take the resolution as an input, as at 1024 pixels.
    pipe = tiny_pipeline(
        "PixArt-alpha", sample_size=128, num_attention_heads=3, cross_attention_dim=24
    )
    call = {"height": 32, "width": 48, **CALLS["PixArt-alpha"]}
    plain = draw(pipe, 2, **call)
    stack = Stack(tiny_context(pipe, ["tgate"]))

    with stack.applied(pipe, INERT) as generate:
        assert torch.equal(draw(generate, 2, **call), plain)
    with stack.applied(pipe, stack.default) as generate:
        assert not torch.equal(draw(generate, 2, **call), plain)


def _embedded(family: str, pipe: Any) -> dict[str, Any]:
    """What a call can be given in place of prompts."""
    prompts = list(PROMPTS)
    pair = ("prompt_embeds", "negative_prompt_embeds")
    if family == "SDXL":
        pooled = (f"{prefix}pooled_prompt_embeds" for prefix in ("", "negative_"))
        return dict(zip((*pair, *pooled), pipe.encode_prompt(prompts), strict=True))
    if family.startswith("PixArt"):
        masked = ("prompt_embeds", "prompt_attention_mask")
        names = (*masked, *(f"negative_{name}" for name in masked))
        tensors = pipe.encode_prompt(prompts, clean_caption=False, max_sequence_length=20)
        return {**dict(zip(names, tensors, strict=True)), "negative_prompt": None}
    return dict(zip(pair, pipe.encode_prompt(prompts, "cpu", 1, True), strict=True))


@pytest.mark.parametrize("family", taking_turns(FAMILIES, 1))
def test_embedded_prompts_draw_what_the_prompts_draw(family: str) -> None:
    pipe = tiny_pipeline(family)
    stack = Stack(tiny_context(pipe, ["tgate"]))
    with torch.no_grad():
        embedded = _embedded(family, pipe)
    call: dict[str, Any] = {"output_type": "pt", "height": PICTURE_SIZE, "width": PICTURE_SIZE}
    call |= CALLS[family]
    if family.startswith("PixArt"):
        call["max_sequence_length"] = 20

    with stack.applied(pipe, stack.default) as generate:
        expected = draw(generate, 2, **call)
        picture = generate(
            num_inference_steps=STEPS,
            guidance_scale=GUIDANCE_SCALE,
            generator=[torch.Generator().manual_seed(seed) for seed in range(2)],
            **{**call, **embedded},
        ).images

    assert picture.shape == (2, 3, PICTURE_SIZE, PICTURE_SIZE)
    assert torch.equal(picture, expected)


@pytest.mark.filterwarnings("ignore:`upcast_vae` is deprecated:FutureWarning")
def test_in_half_precision_sdxls_vae_is_what_it_was() -> None:
    pipe = tiny_pipeline("SDXL").to(torch.float16)
    plain = draw(pipe, output_type="pt")
    stack = Stack(tiny_context(pipe, ["tgate"]))

    with stack.applied(pipe, INERT) as generate:
        assert torch.equal(draw(generate, output_type="pt"), plain)
    assert pipe.vae.dtype == torch.float16


def test_pixart_alpha_refuses_a_scheduler_whose_steps_tgate_miscounts() -> None:
    context = tiny_context(tiny_pipeline("PixArt-alpha", "PNDMScheduler"), ["tgate"])

    with pytest.raises(RefusedError, match="wrong step of PNDMScheduler; use "):
        Stack(context)


def test_the_defaults_are_the_authors_for_each_family() -> None:
    for family, gate, interval in (("SDXL", 10, 5), ("PixArt-alpha", 15, 3)):
        space = Stack(tiny_context(tiny_pipeline(family), ["tgate"], 25)).space
        assert (space["tgate.gate_step"].default, space["tgate.sp_interval"].default) == (
            gate,
            interval,
        )
