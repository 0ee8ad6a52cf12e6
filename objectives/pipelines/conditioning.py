"""What a pipeline is told to draw: prompts, or their embeddings made beforehand."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, ClassVar, Literal

from objectives.prompt_length import cut_off_by_pipeline

if TYPE_CHECKING:
    import torch

Timed = Literal["prompt to picture", "embedding to picture"]
"""What is inside a latency."""

ENCODED_TOGETHER = 8


class Conditioning(ABC):
    """The protocol's prompts, as the pipeline's call takes them."""

    timed: ClassVar[Timed]

    @abstractmethod
    def part(self, indices: range) -> Conditioning:
        """Some of the prompts alone, given by their place."""

    @abstractmethod
    def call(self, indices: range) -> dict[str, Any]:
        """The arguments that tell the pipeline's call of some prompts, given by their place."""

    @abstractmethod
    def cut_off(self, pipe: Any) -> list[str]:
        """The prompts whose ends are left out, as they are too long.

        Args:
            pipe: The pipeline that is to draw them.
        """


class Plain(Conditioning):
    """Prompts as text: each call encodes its own."""

    timed = "prompt to picture"

    def __init__(self, prompts: Sequence[str]) -> None:
        self._prompts = prompts

    def part(self, indices: range) -> Plain:
        """See `Conditioning.part`."""
        return Plain(self._prompts[indices.start : indices.stop])

    def call(self, indices: range) -> dict[str, Any]:
        """See `Conditioning.call`."""
        return {"prompt": [self._prompts[index] for index in indices]}

    def cut_off(self, pipe: Any) -> list[str]:
        """See `Conditioning.cut_off`."""
        return cut_off_by_pipeline(pipe, self._prompts)


class Embedded(Conditioning):
    """Embeddings of T5 with their masks: shapes (prompts, tokens, width) and (prompts, tokens)."""

    timed = "embedding to picture"

    def __init__(
        self,
        prompt: list[torch.Tensor],
        negative: list[torch.Tensor],
        cut_off: Sequence[str] = (),
    ) -> None:
        """Keep the embeddings.

        Args:
            prompt: Embeddings and mask, a row for each prompt.
            negative: The same of the empty prompt, one row.
            cut_off: The prompts that were too long to be encoded in full.
        """
        self._prompt = prompt
        self._negative = negative
        self._cut_off = cut_off

    def part(self, indices: range) -> Embedded:
        """See `Conditioning.part`."""
        parts = [part[indices.start : indices.stop] for part in self._prompt]
        return Embedded(parts, self._negative)

    def call(self, indices: range) -> dict[str, Any]:
        """See `Conditioning.call`."""
        embeds, mask = (part[indices.start : indices.stop] for part in self._prompt)
        no_embeds, no_mask = (part.expand(len(indices), *part.shape[1:]) for part in self._negative)
        return {
            "prompt_embeds": embeds,
            "prompt_attention_mask": mask,
            "negative_prompt": None,
            "negative_prompt_embeds": no_embeds,
            "negative_prompt_attention_mask": no_mask,
        }

    def cut_off(self, pipe: Any) -> list[str]:
        """See `Conditioning.cut_off`; the pipe that draws has no tokenizer any more."""
        return list(self._cut_off)


def encode(pipe: Any, prompts: Sequence[str]) -> Embedded:
    """Encode prompts with a PixArt pipeline's own text encoder.

    Args:
        pipe: A PixArt pipeline with its tokenizer and text encoder; it needs nothing else.
        prompts: At least one.
    """
    import torch

    parts: list[tuple[torch.Tensor, ...]] = []
    with torch.inference_mode():
        for start in range(0, len(prompts), ENCODED_TOGETHER):
            batch = list(prompts[start : start + ENCODED_TOGETHER])
            parts.append(pipe.encode_prompt(batch, device=pipe.device, clean_caption=False))
    embeds, mask, negative, negative_mask = (torch.cat(part) for part in zip(*parts, strict=True))
    cut_off = cut_off_by_pipeline(pipe, prompts)
    return Embedded([embeds, mask], [negative[:1], negative_mask[:1]], cut_off)
