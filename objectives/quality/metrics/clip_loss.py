"""How much worse pictures fit their prompts: the relative loss of the mean CLIP score."""

from __future__ import annotations

from typing import ClassVar

from objectives.quality.metric import Drawn, Metric
from objectives.quality.scorer import clip_scores


class ClipLoss(Metric):
    """The cosine of each picture with its own prompt; the second objective of every study."""

    name = "clip_loss"
    title = "CLIP loss"
    more_is_better = True
    needs = frozenset({"embeddings", "prompts"})
    default_budget: ClassVar[float] = 0.02

    def values(self, drawn: Drawn) -> list[float]:
        """See `Metric.values`."""
        return clip_scores(drawn.embeddings, drawn.prompt_embeddings)
