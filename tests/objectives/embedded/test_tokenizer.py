from collections.abc import Callable

import pytest
import torch
from transformers import CLIPTokenizer, T5Tokenizer

from objectives.embedded import world
from objectives.embedded.training.tokenizer import (
    LENGTH,
    CaptionTokens,
    build_t5_tokenizer,
    build_tokenizer,
)

Build = Callable[[], CLIPTokenizer | T5Tokenizer]
both = pytest.mark.parametrize("build", [build_tokenizer, build_t5_tokenizer])


@both
def test_every_word_of_a_caption_is_one_token(build: Build) -> None:
    tokenizer = build()
    scenes = world.scenes_of(world.sample(500, "train", torch.Generator().manual_seed(0)))
    for text in map(world.caption, scenes):
        assert len(tokenizer.tokenize(text)) == len(text.replace(",", " ,").split())


@both
def test_tokens_of_tensors_are_those_of_texts(build: Build) -> None:
    tokenizer = build()
    scenes = world.sample(2000, "train", torch.Generator().manual_seed(1))
    texts = [world.caption(scene) for scene in world.scenes_of(scenes)]
    expected = tokenizer(texts, padding="max_length", max_length=LENGTH, return_tensors="pt")
    tokens_of = CaptionTokens(tokenizer, torch.device("cpu"))
    assert torch.equal(tokens_of(scenes), expected.input_ids)
    blank = tokenizer([""], padding="max_length", max_length=LENGTH, return_tensors="pt")
    assert torch.equal(tokens_of.empty(1), blank.input_ids)


@pytest.mark.parametrize(
    ("build", "text"),
    [(build_tokenizer, "Grüße, 3 hats!"), (build_t5_tokenizer, "Zebras, 3 hats!")],
)
def test_other_texts_are_read_without_unknown_tokens(build: Build, text: str) -> None:
    tokenizer = build()
    ids = tokenizer(text, add_special_tokens=False)["input_ids"]
    assert ids and tokenizer.unk_token_id not in ids
