"""Prompts that are too long for the model that reads them, which drops their ends silently."""

from __future__ import annotations

from collections.abc import Sequence
from inspect import signature
from typing import Any

from objectives.prompts import shortened


def cut_off_by_pipeline(pipe: Any, prompts: Sequence[str], longest: int | None = None) -> list[str]:
    """The prompts whose ends a pipeline's call leaves out.

    Args:
        pipe: A pipeline with its tokenizers, all of which read each prompt.
        prompts: What it is to draw.
        longest: Tokens that the call is told to read of each; None leaves that to the call.
    """
    parts = [part for name, part in pipe.components.items() if name.startswith("tokenizer")]
    tokenizers = [part for part in parts if part is not None]
    # The call of pipelines with T5 cuts off earlier than its tokenizer would.
    own = longest or longest_prompt(pipe)
    if own is not None:
        # T5 reads to the end what CLIP beside it only begins.
        tokenizers = [each for each in tokenizers if not type(each).__name__.startswith("CLIP")]
    cut = set()
    for tokenizer in tokenizers:
        limit = tokenizer.model_max_length if own is None else own
        tokens = tokenizer(list(prompts), truncation=False, verbose=False).input_ids
        cut |= {prompt for prompt, row in zip(prompts, tokens, strict=True) if len(row) > limit}
    return [prompt for prompt in prompts if prompt in cut]


def longest_prompt(pipe: Any) -> int | None:
    """The tokens that a pipeline's call reads of a prompt; None where its tokenizers say that."""
    own = signature(type(pipe).__call__).parameters.get("max_sequence_length")
    return None if own is None else int(own.default)


def cut_off_by_scorer(tokenize: Any, prompts: Sequence[str]) -> list[str]:
    """The prompts whose ends do not count in a score.

    Args:
        tokenize: A tokenizer of open_clip.
        prompts: What the scorer reads.
    """
    import torch

    limit = getattr(tokenize, "context_length", None)
    if limit is None:
        return []
    # open_clip pads all rows to the length that it is given, and does not return their lengths.
    ample = 4 * limit
    ending = tokenize([""], ample)[0, 1:].unique()
    content = ~torch.isin(tokenize(list(prompts), ample), ending)
    too_long = content[:, limit - 1 :].any(dim=1).tolist()
    return [prompt for prompt, cut in zip(prompts, too_long, strict=True) if cut]


def length_notes(
    by_pipeline: Sequence[str], by_scorer: Sequence[str], of: int, cuts_negative: bool = False
) -> tuple[str, ...]:
    """What a person should know of prompts that are cut off, a line each.

    Args:
        by_pipeline: Those that the pipeline cuts off.
        by_scorer: Those that the scorer cuts off.
        of: How many prompts there are.
        cuts_negative: Whether the pipeline cuts the negative prompt off.
    """
    readers = {
        "the pipeline reads, which draws their beginning only": by_pipeline,
        "the scorer reads, which scores their beginning only": by_scorer,
    }
    found = [
        f"prompts longer than {reader}: {len(cut)} of {of}, such as {shortened(cut[0])!r}"
        for reader, cut in readers.items()
        if cut
    ]
    if cuts_negative:
        found.append("the negative prompt is longer than the pipeline reads: its end does nothing")
    return tuple(found)
