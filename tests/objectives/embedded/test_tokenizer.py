import torch

from objectives.embedded import world
from objectives.embedded.tokenizer import LENGTH, CaptionTokens, build_tokenizer


def test_every_word_of_a_caption_is_one_token() -> None:
    tokenizer = build_tokenizer()
    scenes = world.scenes_of(world.sample(500, "train", torch.Generator().manual_seed(0)))
    for text in map(world.caption, scenes):
        assert len(tokenizer.tokenize(text)) == len(text.replace(",", " ,").split())


def test_tokens_of_tensors_are_those_of_texts() -> None:
    tokenizer = build_tokenizer()
    scenes = world.sample(2000, "train", torch.Generator().manual_seed(1))
    texts = [world.caption(scene) for scene in world.scenes_of(scenes)]
    expected = tokenizer(texts, padding="max_length", max_length=LENGTH, return_tensors="pt")
    tokens_of = CaptionTokens(tokenizer, torch.device("cpu"))
    assert torch.equal(tokens_of(scenes), expected.input_ids)
    blank = tokenizer([""], padding="max_length", max_length=LENGTH, return_tensors="pt")
    assert torch.equal(tokens_of.empty(1), blank.input_ids)


def test_any_text_is_read_without_unknown_tokens() -> None:
    tokenizer = build_tokenizer()
    ids = tokenizer("Grüße, 3 hats!", add_special_tokens=False)["input_ids"]
    assert ids and tokenizer.unk_token_id not in ids
