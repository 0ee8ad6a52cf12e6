"""The input of a pipeline's call: prompts, or embeddings that were made beforehand."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, ClassVar

from objectives.prompt_length import cut_off_by_pipeline
from storage.records.protocol import Timed

if TYPE_CHECKING:
    import torch

ENCODED_TOGETHER = 8
"""How many prompts large encoders encode at a time."""


def encoded_in_batches(
    prompts: Sequence[str], encode: Callable[[list[str]], Sequence[torch.Tensor]]
) -> list[torch.Tensor]:
    """Encode prompts, a few at a time.

    Args:
        prompts: At least one.
        encode: Returns tensors with a row for each prompt that it gets.
    """
    import torch

    starts = range(0, len(prompts), ENCODED_TOGETHER)
    with torch.inference_mode():
        encoded = [encode(list(prompts[start : start + ENCODED_TOGETHER])) for start in starts]
    return [torch.cat(rows) for rows in zip(*encoded, strict=True)]


class Conditioning(ABC):
    """The protocol's prompts, as the pipeline's call takes them."""

    timed: ClassVar[Timed]

    @abstractmethod
    def part(self, indices: range) -> Conditioning:
        """Select some of the prompts, by their indices."""

    @abstractmethod
    def call(self, indices: range) -> dict[str, Any]:
        """The arguments of the pipeline's call for some prompts, by their indices."""

    @abstractmethod
    def cut_off(self, pipe: Any) -> list[str]:
        """The prompts whose ends are dropped, as they are too long.

        Args:
            pipe: The pipeline that is to draw them.
        """

    @abstractmethod
    def cuts_negative(self, pipe: Any) -> bool:
        """Whether the end of the negative prompt is dropped.

        Args:
            pipe: As in `cut_off`.
        """


class Plain(Conditioning):
    """Prompts as text: each call encodes its own."""

    timed = "prompt to picture"

    def __init__(self, prompts: Sequence[str], negative_prompt: str = "") -> None:
        """Keep the prompts.

        Args:
            prompts: The prompts.
            negative_prompt: What every picture is guided away from; empty for nothing.
        """
        self._prompts = prompts
        self._negative_prompt = negative_prompt

    def part(self, indices: range) -> Plain:
        """See `Conditioning.part`."""
        return Plain(self._prompts[indices.start : indices.stop], self._negative_prompt)

    def call(self, indices: range) -> dict[str, Any]:
        """See `Conditioning.call`."""
        prompts = {"prompt": [self._prompts[index] for index in indices]}
        if not self._negative_prompt:
            return prompts
        return {**prompts, "negative_prompt": [self._negative_prompt] * len(indices)}

    def cut_off(self, pipe: Any) -> list[str]:
        """See `Conditioning.cut_off`."""
        return cut_off_by_pipeline(pipe, self._prompts)

    def cuts_negative(self, pipe: Any) -> bool:
        """See `Conditioning.cuts_negative`."""
        return bool(cut_off_by_pipeline(pipe, [self._negative_prompt]))


class Embedded(Conditioning):
    """Embeddings of the prompts, made beforehand."""

    timed = "embedding to picture"

    def __init__(
        self,
        rows: Mapping[str, torch.Tensor | list[torch.Tensor]],
        shared: Mapping[str, torch.Tensor],
        fixed: Mapping[str, Any],
        cut_off: Sequence[str] = (),
        cuts_negative: bool = False,
    ) -> None:
        """Keep the embeddings, by the arguments of the pipeline's call that take them.

        Args:
            rows: Tensors with a row for each prompt, or lists of them.
            shared: Tensors that are such a row for every prompt, as for the empty prompt.
            fixed: Further arguments that the call needs to accept them.
            cut_off: The prompts that were too long to encode in full.
            cuts_negative: Whether the negative prompt was too long.
        """
        self._rows = rows
        self._shared = shared
        self._fixed = fixed
        self._cut_off = cut_off
        self._cuts_negative = cuts_negative

    def part(self, indices: range) -> Embedded:
        """See `Conditioning.part`."""
        return Embedded(self._part(indices), self._shared, self._fixed)

    def call(self, indices: range) -> dict[str, Any]:
        """See `Conditioning.call`."""
        count = len(indices)
        shared = {name: row.expand(count, *row.shape) for name, row in self._shared.items()}
        return {**self._part(indices), **shared, **self._fixed}

    def _part(self, indices: range) -> dict[str, Any]:
        return {name: rows[indices.start : indices.stop] for name, rows in self._rows.items()}

    def cut_off(self, pipe: Any) -> list[str]:
        """See `Conditioning.cut_off`; the pipe that draws has no tokenizer any more."""
        return list(self._cut_off)

    def cuts_negative(self, pipe: Any) -> bool:
        """See `Conditioning.cuts_negative`."""
        return self._cuts_negative
