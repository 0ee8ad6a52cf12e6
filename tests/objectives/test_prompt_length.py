from __future__ import annotations

import open_clip
import pytest
from transformers import CLIPTokenizer

from objectives.embedded import PIPELINE_DIR
from objectives.pipelines.catalogue import PIPELINES
from objectives.pipelines.conditioning import Plain
from objectives.prompt_length import cut_off_by_pipeline, cut_off_by_scorer, length_notes
from objectives.quality.scorer import Scorer, find_scorer
from tests.tiny_pipelines import tiny_pipeline


def of_length(pipe: object, tokenizer: str, tokens: int) -> str:
    """A prompt that a tokenizer takes for so many tokens, its ends included."""
    read = getattr(pipe, tokenizer)
    prompt = "a"
    while len(read(prompt).input_ids) < tokens:
        prompt += "a"
    assert len(read(prompt).input_ids) == tokens
    return prompt


@pytest.mark.parametrize("family", ["SD1.5", "SDXL"])
def test_a_prompt_longer_than_a_tokenizer_takes_is_found(family: str) -> None:
    pipe = tiny_pipeline(family)
    limit = pipe.tokenizer.model_max_length
    fits, cut = (of_length(pipe, "tokenizer", limit + more) for more in (0, 1))
    assert cut_off_by_pipeline(pipe, [fits, cut, "a"]) == [cut]
    assert Plain([fits, cut]).cut_off(pipe) == [cut]
    assert Plain(["a"], cut).cuts_negative(pipe)
    assert not Plain([cut], fits).cuts_negative(pipe)


def test_what_only_the_second_tokenizer_cuts_off_is_found() -> None:
    pipe = tiny_pipeline("SDXL")
    prompt = of_length(pipe, "tokenizer", pipe.tokenizer.model_max_length)
    assert cut_off_by_pipeline(pipe, [prompt]) == []
    pipe.tokenizer_2.model_max_length -= 1
    assert cut_off_by_pipeline(pipe, [prompt]) == [prompt]


@pytest.mark.parametrize(("family", "limit"), [
    ("PixArt-alpha", 120), ("PixArt-Sigma", 300), ("FLUX.1-dev", 512), ("SD3.5-medium", 256),
    ("Qwen-Image", 512),
])  # fmt: skip
def test_t5_reads_what_its_pipeline_says_and_is_remembered(family: str, limit: int) -> None:
    pipe = tiny_pipeline(family)
    last = max(name for name in pipe.components if name.startswith("tokenizer"))
    fits, cut = (of_length(pipe, last, limit + more) for more in (0, 1))
    encode = PIPELINES[family].family.encode
    conditioning, negative = encode(pipe, [fits, cut], fits), encode(pipe, [fits], cut)
    setattr(pipe, last, None)
    assert conditioning.cut_off(pipe) == [cut]
    assert not conditioning.cuts_negative(pipe)
    # FLUX is guided away from nothing.
    assert negative.cuts_negative(pipe) == (family != "FLUX.1-dev")


def test_a_score_counts_as_many_tokens_as_clip_reads() -> None:
    tokenize = open_clip.get_tokenizer("ViT-B-32")
    # 77 with both ends.
    fits, cut = "cat " * 75, "cat " * 76
    assert cut_off_by_scorer(tokenize, [fits, cut, ""]) == [cut]


def test_the_shipped_scorer_tells_what_it_cuts_off() -> None:
    import torch

    reads = CLIPTokenizer.from_pretrained(PIPELINE_DIR / "tokenizer")
    fits, cut = "red " * 30, "red " * 31
    assert len(reads(fits).input_ids) == 32
    scorer = Scorer(find_scorer("tiny-shapes"), torch.device("cpu"))
    assert scorer.cut_off([fits, cut]) == [cut]


def test_what_is_cut_off_is_told_with_its_number_and_an_example() -> None:
    assert length_notes([], [], 8) == ()
    [note] = length_notes([], [], 8, cuts_negative=True)
    assert note == "the negative prompt is longer than the pipeline reads: its end does nothing"
    long = "a cat that sits on a mat " * 9
    assert length_notes([long, "b"], [long], 8) == (
        "prompts longer than the pipeline reads, which draws their beginning only: 2 of 8, "
        "such as 'a cat that sits on a mat a cat that sits...'",
        "prompts longer than the scorer reads, which scores their beginning only: 1 of 8, "
        "such as 'a cat that sits on a mat a cat that sits...'",
    )
