from __future__ import annotations

import pytest
import torch

from objectives.pipelines.catalogue import PIPELINES
from objectives.pipelines.conditioning import Embedded, Plain
from tests.tiny_pipelines import CALLS, PROMPTS, draw, tiny_pipeline


def test_a_part_of_the_prompts_begins_at_its_own_first_one() -> None:
    part = Plain(["a", "b", "c", "d", "e"]).part(range(2, 5))
    assert part.call(range(0, 2)) == {"prompt": ["c", "d"]}


def test_a_part_of_the_embeddings_is_that_of_its_prompts() -> None:
    rows = {"prompt_embeds": torch.arange(5.0).view(5, 1, 1), "mask": torch.ones(5, 1)}
    empty = {"negative_prompt_embeds": torch.tensor([[7.0]])}
    embedded = Embedded(rows, empty, {"negative_prompt": None})

    call = embedded.part(range(2, 5)).call(range(1, 3))

    assert call["prompt_embeds"].flatten().tolist() == [3.0, 4.0]
    assert call["mask"].shape == (2, 1)
    assert call["negative_prompt_embeds"].tolist() == [[[7.0]], [[7.0]]]
    assert call["negative_prompt"] is None


def test_every_picture_of_a_part_has_the_negative_prompt() -> None:
    part = Plain(["a", "b", "c"], "d").part(range(1, 3))
    assert part.call(range(0, 2)) == {"prompt": ["b", "c"], "negative_prompt": ["d", "d"]}


@pytest.mark.parametrize("family", ["PixArt-alpha", "PixArt-Sigma"])
def test_a_negative_prompt_encoded_beforehand_draws_what_its_text_draws(family: str) -> None:
    pipe = tiny_pipeline(family)
    encoded = PIPELINES[family].family.encode(pipe, PROMPTS, "a blue circle")
    from_text = draw(pipe, 2, negative_prompt=["a blue circle"] * 2, **CALLS[family])
    call = {"prompt": None, **encoded.call(range(2)), **CALLS[family]}
    from_embeddings = pipe(
        **call,
        num_inference_steps=8,
        guidance_scale=5.0,
        generator=[torch.Generator().manual_seed(seed) for seed in range(2)],
        output_type="latent",
    ).images
    assert torch.equal(from_embeddings, from_text)
    assert not torch.equal(from_text, draw(pipe, 2, **CALLS[family]))
