"""How much of a prompt of the tiny-shapes world its picture fails to show."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from objectives.quality.metric import Drawn, Metric, Use
from storage.foreign import shown

if TYPE_CHECKING:
    from torch import Tensor

SCORER = "embedded/scorer@"
"""How a protocol names the scorer that knows that world, before its fingerprint."""


class Attributes(Metric):
    """The share of what a prompt says that its picture shows.

    This covers colours, shapes, sizes and positions of the objects, the background and its pattern:
    for each the scorer of tiny-shapes must find that the right word is the best of all words. A
    prompt of another world has no such list.
    """

    name = "attributes"
    title = "attributes"
    more_is_better = True
    needs = frozenset({"embeddings", "prompts"})

    def why_not(self, use: Use) -> str:
        """See `Metric.why_not`."""
        from objectives.embedded.world import parse_caption

        if not use.scorer.startswith(SCORER):
            return f"it asks the scorer tiny-shapes, and {use.scorer} scores"
        for prompt in use.prompts:
            try:
                parse_caption(prompt)
            except ValueError:
                return f"it reads captions of the tiny-shapes world, and {shown(prompt)} is none"
        return ""

    def values(self, drawn: Drawn) -> list[float]:
        """See `Metric.values`."""
        import torch

        from objectives.embedded.world import parse_caption
        from objectives.embedded.zero_shot import found_fields

        def embed(texts: Sequence[str]) -> Tensor:
            return torch.from_numpy(drawn.embed(texts))

        found = found_fields(
            torch.from_numpy(np.asarray(drawn.embeddings)),
            [parse_caption(prompt) for prompt in drawn.prompts],
            embed,
        )
        return [sum(fields.values()) / len(fields) for fields in found]
