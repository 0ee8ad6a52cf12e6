"""Prompts that are too long for the model that reads them, which silently drops their ends."""

from __future__ import annotations

from collections.abc import Sequence
from inspect import signature
from typing import Any

from objectives.prompts import shortened


def cut_off_by_pipeline(pipe: Any, prompts: Sequence[str], longest: int | None = None) -> list[str]:
    """Find the prompts whose ends a pipeline's call drops.

    Args:
        pipe: A pipeline with its tokenizers, all of which read each prompt.
        prompts: The prompts to draw.
        longest: Tokens of each that the call is asked to read; None leaves that to the call.
    """
    parts = [part for name, part in pipe.components.items() if name.startswith("tokenizer")]
    tokenizers = [part for part in parts if part is not None]
    # The call of pipelines with T5 cuts off earlier than its tokenizer would.
    own = longest or longest_prompt(pipe)
    if own is not None:
        # T5 reads to its end a prompt that CLIP next to it only begins.
        tokenizers = [each for each in tokenizers if not type(each).__name__.startswith("CLIP")]
    cut = set()
    for tokenizer in tokenizers:
        limit = tokenizer.model_max_length if own is None else own
        tokens = tokenizer(list(prompts), truncation=False, verbose=False).input_ids
        cut |= {prompt for prompt, row in zip(prompts, tokens, strict=True) if len(row) > limit}
    return [prompt for prompt in prompts if prompt in cut]


def longest_prompt(pipe: Any) -> int | None:
    """How many tokens of a prompt a pipeline's call reads; None if its tokenizers decide."""
    own = signature(type(pipe).__call__).parameters.get("max_sequence_length")
    return None if own is None else int(own.default)


def cut_off_by_scorer(tokenize: Any, prompts: Sequence[str]) -> list[str]:
    """Find the prompts whose ends do not count in a score.

    Args:
        tokenize: A tokenizer of open_clip.
        prompts: The prompts that the scorer reads.
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
    """Word what a person should know about prompts that are cut off, a line each.

    Args:
        by_pipeline: The prompts that the pipeline cuts off.
        by_scorer: The prompts that the scorer cuts off.
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
