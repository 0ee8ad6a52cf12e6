from __future__ import annotations

import torch

from objectives.pipelines.conditioning import Embedded, Plain


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
