"""Families that were trained by flow matching: what is refused, and what their caches find."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch

from accel_space.calibration.hits import Hits
from accel_space.errors import RefusedError
from accel_space.methods import METHODS
from accel_space.stack import Stack
from objectives.errors import InputError
from objectives.pipelines.catalogue import PIPELINES
from objectives.pipelines.given import take_pipe
from objectives.pipelines.model import find_model
from objectives.settings.generation import GenerationSettings
from studies.planning.stacks import make_stack
from studies.request import StudyRequest
from tests.accel_space.contract.stacks import fits
from tests.tiny_pipelines import CALLS, FLOW_FAMILIES, draw, save_tiny, tiny_context, tiny_pipeline


def stack_of(pipeline: str, *methods: str, size: tuple[int, int] | None = None) -> Stack:
    """The stack of a study of the catalogue's own model."""
    entry = PIPELINES[pipeline]
    settings = GenerationSettings(size=size)
    request = StudyRequest(
        pipeline, entry.usual_scheduler, entry.steps, methods, 1, generation=settings
    )
    return make_stack(request, entry, entry.architecture)


@pytest.mark.parametrize("part", ["transformer", "text_encoder"])
def test_quantised_weights_are_refused_before_they_are_loaded(part: str, tmp_path: Path) -> None:
    folder = save_tiny("FLUX.1-dev", tmp_path / "m")
    path = folder / part / "config.json"
    config = json.loads(path.read_text())
    path.write_text(json.dumps({**config, "quantization_config": {"quant_method": "torchao"}}))
    with pytest.raises(InputError, match=f"{part} .*quantised .'torchao'.*; give a model") as told:
        find_model(PIPELINES["FLUX.1-dev"], str(folder), None)
    assert "\n" not in str(told.value)


@pytest.mark.parametrize("method", ["pab", "taylorseer", "first_block_cache", "step_cache"])
def test_a_model_of_few_steps_takes_no_cache(method: str) -> None:
    with pytest.raises(RefusedError, match=r"distilled to few .*; use fewer_steps, compile or"):
        stack_of("FLUX.1-schnell", method)
    assert stack_of("FLUX.1-dev", method).points


def test_a_model_of_few_steps_is_compiled_and_captured() -> None:
    assert stack_of("FLUX.1-schnell", "compile", "cuda_graph").points


def test_stable_diffusion_3_has_no_positions_for_pictures_that_are_too_large() -> None:
    # 192 patches of 16 pixels a side, by the model's configuration.
    assert stack_of("SD3.5-large", "pab", size=(3072, 3072)).points
    with pytest.raises(InputError, match="positions for 192 patches a side, and 193 are asked"):
        stack_of("SD3.5-large", "pab", size=(3088, 1024))


@pytest.mark.parametrize("family", [name for name in FLOW_FAMILIES if name != "Z-Image"])
def test_the_token_grid_is_the_one_that_the_blocks_work_on(family: str) -> None:
    pipe = tiny_pipeline(family)
    grid = tiny_context(pipe, []).profile.attention_grids[0]
    seen: list[int] = []
    first = pipe.transformer.transformer_blocks[0]
    first.register_forward_pre_hook(
        lambda _, __, told: seen.append(told["hidden_states"].shape[1]), with_kwargs=True
    )
    draw(pipe, steps=2, **CALLS[family])
    assert set(seen) == {grid[0] * grid[1]}


@pytest.mark.parametrize("family", ["FLUX.1-dev", "SD3.5-medium"])
@pytest.mark.parametrize("method", ["taylorseer", "first_block_cache", "step_cache"])
def test_a_cache_works_in_a_pipe_that_has_drawn_plainly(family: str, method: str) -> None:
    """diffusers lists the hooks at a pipe's first picture, and there are none yet."""
    used, fresh = tiny_pipeline(family), tiny_pipeline(family)
    plain = draw(used, steps=4, **CALLS[family])
    pictures: list[torch.Tensor] = []
    for pipe in (used, fresh):
        stack = Stack(tiny_context(pipe, [method], 4))
        most: dict[str, Any] = {name: each.values[-1] for name, each in stack.space.items()}
        hits = Hits()
        with stack.applied(pipe, {**stack.default, **most}, hits) as generate:
            pictures.append(draw(generate, steps=4, **CALLS[family]))
    assert torch.equal(*pictures)
    assert not torch.equal(pictures[0], plain)


@pytest.mark.parametrize("family", FLOW_FAMILIES)
def test_a_pipe_of_flow_matching_is_taken_as_it_is(family: str) -> None:
    pipe = tiny_pipeline(family)
    given = take_pipe(pipe)
    assert given.scheduler == "FlowMatchEulerDiscreteScheduler"
    assert given.entry.pipeline_class == type(pipe).__name__
    assert given.model().pipe is pipe
    last = max(name for name in pipe.components if name.startswith("text_encoder"))
    setattr(pipe, last, None)
    with pytest.raises(InputError, match=f"has no {last}, which reads the prompts"):
        take_pipe(pipe)


@pytest.mark.parametrize("method", ["cfg_cutoff", "taylorseer", "first_block_cache"])
def test_where_guidance_is_a_second_call_each_of_the_two_is_left_out_by_itself(method: str) -> None:
    pipe = tiny_pipeline("Qwen-Image")
    stack = Stack(tiny_context(pipe, [method], 6))
    point = dict(stack.default)
    if method == "first_block_cache":
        # Every call behind the first of its kind.
        point = {"first_block_cache.threshold": 1e9}
    seen = {"called": 0, "last": 0}

    def count(name: str) -> Any:
        def note(*_: Any) -> None:
            seen[name] += 1

        return note

    hits = Hits()
    with stack.applied(pipe, point, hits) as generate:
        pipe.transformer.img_in.register_forward_pre_hook(count("called"))
        pipe.transformer.transformer_blocks[-1].attn.register_forward_pre_hook(count("last"))
        draw(generate, steps=6, **CALLS["Qwen-Image"])

    skips = stack.schedule(point).skips
    if method == "cfg_cutoff":
        assert seen["called"] == 12 - sum(skips["guidance"]) < 12
    elif method == "taylorseer":
        assert seen == {"called": 12, "last": 12 - 2 * sum(skips["blocks"])}
    else:
        assert (seen["called"], seen["last"], hits.calls, hits.reused) == (12, 2, 12, 10)


def test_a_batch_of_prompts_is_as_long_as_its_longest() -> None:
    """As the pipeline's own are, so that a script draws the pictures of its trial."""
    pipe = tiny_pipeline("Qwen-Image")
    prompts = ["a cat", "a very long prompt", "a dog"]
    encoded = PIPELINES["Qwen-Image"].family.encode(pipe, prompts)
    for batch in (range(1), range(3)):
        call = encoded.call(batch)
        embeds, mask = pipe.encode_prompt(prompts[batch.start : batch.stop])
        assert torch.allclose(call["prompt_embeds"], embeds, atol=1e-5)
        assert mask is None or torch.equal(call["prompt_embeds_mask"], mask)


@pytest.mark.parametrize("method", ["cfg_cutoff", "taylorseer", "pab", "step_cache"])
def test_what_z_image_leaves_out_of_its_lists_is_not_computed(method: str) -> None:
    pipe = tiny_pipeline("Z-Image")
    stack = Stack(tiny_context(pipe, [method], 6))
    seen = {"block": 0, "attention": 0}
    inner: list[int] = []

    def count(name: str) -> Any:
        def note(*_: Any) -> None:
            seen[name] += 1

        return note

    with stack.applied(pipe, stack.default) as generate:
        last = pipe.transformer.layers[-1]
        last.attention_norm1.register_forward_pre_hook(count("block"))
        last.attention.to_q.register_forward_pre_hook(count("attention"))
        pipe.transformer.t_embedder.register_forward_pre_hook(
            lambda _, given: inner.append(len(given[0]))
        )
        draw(generate, 2, steps=6, **CALLS["Z-Image"])

    shares = next(iter(stack.schedule(stack.default).skips.values()))
    if method == "cfg_cutoff":
        assert inner == [2 if share else 4 for share in shares]
    elif method in ("taylorseer", "step_cache"):
        assert seen["block"] == sum(not share for share in shares) < 6
    else:
        assert (seen["block"], seen["attention"]) == (6, 6 - sum(shares))
        assert seen["attention"] < 6


def test_z_image_is_guided_above_0() -> None:
    entry = PIPELINES["Z-Image"]
    settings = GenerationSettings(guidance_scale=0.5)
    request = StudyRequest("Z-Image", "FlowMatchEuler", 8, ("cfg_cutoff",), 1, generation=settings)
    assert make_stack(request, entry, entry.architecture).points
    off = replace(request, generation=GenerationSettings(guidance_scale=0.0))
    with pytest.raises(RefusedError, match="use a guidance_scale above 0"):
        make_stack(off, entry, entry.architecture)


@pytest.mark.parametrize(
    "method", [name for name, each in METHODS.items() if each.halve is not None]
)
def test_z_image_halves_nothing_that_was_kept_of_a_guided_batch(method: str) -> None:
    """Of lists the empty prompts' part has another length, so nothing can be halved there."""
    with pytest.raises(RefusedError) as refused:
        stack_of("Z-Image", method, "cfg_cutoff")
    if fits((method,), "Z-Image"):
        assert f"{method} keeps a guided batch's features" in str(refused.value)
