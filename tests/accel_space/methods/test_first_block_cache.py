from __future__ import annotations

from typing import Any

import pytest
import torch

from accel_space.calibration.hits import Hits
from accel_space.errors import RefusedError
from accel_space.stack import Stack
from tests.tiny_pipelines import CALLS, PROMPTS, draw, tiny_context, tiny_pipeline, tiny_sd

STEPS = 6

ALWAYS = {"threshold": 1e9}

NEVER = {"threshold": 1e-9}

CALL = CALLS["PixArt-alpha"]


@pytest.fixture
def pipe() -> Any:
    return tiny_pipeline("PixArt-alpha", num_layers=3)


def _stack(pipe: Any, *beside: str) -> Stack:
    return Stack(tiny_context(pipe, ["first_block_cache", *beside], STEPS))


def test_a_hit_adds_to_the_first_block_what_the_others_added_before(pipe: Any) -> None:
    blocks = pipe.transformer.transformer_blocks
    seen: dict[int, list[torch.Tensor]] = {0: [], 2: []}
    # Below diffusers' hook: a hit shows in the first block's own output alone.
    for place in seen:
        blocks[place].ff.register_forward_hook(
            lambda *call, place=place: seen[place].append(call[-1])
        )
    outputs: list[torch.Tensor] = []
    hits = Hits()

    with _stack(pipe).applied(pipe, ALWAYS, hits) as generate:
        blocks[2].register_forward_hook(lambda *call: outputs.append(call[-1]))
        heads: list[torch.Tensor] = []
        blocks[0].register_forward_hook(lambda *call: heads.append(call[-1]))
        draw(generate, steps=STEPS, **CALL)

    assert (hits.calls, hits.reused) == (STEPS, STEPS - 1)
    assert (len(seen[0]), len(seen[2])) == (STEPS, 1)
    # With a hit the first block gives out the sum, and the others hand it on.
    for head, output in zip(heads[1:], outputs[1:], strict=True):
        assert torch.equal(head, output)
    assert not torch.equal(outputs[1], outputs[2])


def test_without_a_hit_every_picture_is_the_plain_one(pipe: Any) -> None:
    plain = draw(pipe, steps=STEPS, **CALL)
    hits = Hits()

    with _stack(pipe).applied(pipe, NEVER, hits) as generate:
        picture = draw(generate, steps=STEPS, **CALL)

    assert torch.equal(picture, plain)
    assert hits.share == 0


def test_the_more_is_allowed_the_more_hits(pipe: Any) -> None:
    reused = []
    for threshold in (1e-9, 0.05, 0.4, 1e9):
        hits = Hits()
        with _stack(pipe).applied(pipe, {"threshold": threshold}, hits) as generate:
            draw(generate, steps=STEPS, **CALL)
        reused.append(hits.reused)

    assert reused == sorted(reused)
    assert reused[0] == 0 < reused[2] <= reused[-1] == STEPS - 1


def test_hits_add_up_over_pictures(pipe: Any) -> None:
    hits = Hits()

    for _ in range(2):
        with _stack(pipe).applied(pipe, ALWAYS, hits) as generate:
            draw(generate, steps=STEPS, **CALL)

    assert hits.share == (STEPS - 1) / STEPS
    assert hits.calls == 2 * STEPS


def test_where_the_guidance_is_cut_off_both_of_two_equal_pictures_stay_equal(pipe: Any) -> None:
    """The features of a guided batch are halved to those of the prompts."""
    stack = _stack(pipe, "cfg_cutoff")
    point = {**ALWAYS, "cfg_cutoff.cutoff_step_index": 2}

    with stack.applied(pipe, point) as generate:
        pictures = generate(
            [PROMPTS[0]] * 2,
            num_inference_steps=STEPS,
            guidance_scale=5.0,
            generator=[torch.Generator().manual_seed(0) for _ in range(2)],
            output_type="latent",
            **CALL,
        ).images
        alone = draw(generate, steps=STEPS, **CALL)

    assert torch.equal(pictures[0], pictures[1])
    assert torch.allclose(pictures[:1], alone, atol=1e-4)


def test_prompts_that_are_encoded_before_draw_what_the_prompts_draw(pipe: Any) -> None:
    with torch.no_grad():
        encoded = pipe.encode_prompt(list(PROMPTS), clean_caption=False)
    embeds, mask, no_embeds, no_mask = encoded
    pictures = []

    with _stack(pipe).applied(pipe, {"threshold": 0.4}) as generate:
        pictures.append(draw(generate, 2, STEPS, **CALL))
        pictures.append(
            generate(
                negative_prompt=None,
                prompt_embeds=embeds,
                prompt_attention_mask=mask,
                negative_prompt_embeds=no_embeds,
                negative_prompt_attention_mask=no_mask,
                num_inference_steps=STEPS,
                guidance_scale=5.0,
                generator=[torch.Generator().manual_seed(seed) for seed in range(2)],
                output_type="latent",
                **CALL,
            ).images
        )

    assert torch.equal(*pictures)


def test_without_guidance_it_works_too(pipe: Any) -> None:
    hits = Hits()

    with _stack(pipe).applied(pipe, ALWAYS, hits) as generate:
        generate(PROMPTS[0], num_inference_steps=STEPS, guidance_scale=1.0, **CALL)

    assert hits.reused == STEPS - 1


def test_a_unet_is_refused_before_diffusers_fails_on_it() -> None:
    with pytest.raises(RefusedError, match=r"needs transformer blocks .* has other ones; use "):
        _stack(tiny_sd())


def test_a_transformer_of_one_block_is_refused() -> None:
    with pytest.raises(RefusedError, match="needs two blocks, and this transformer has one; use"):
        _stack(tiny_pipeline("PixArt-alpha", num_layers=1))
