"""How similar pictures are to the baseline's, as CLIP sees them."""

from __future__ import annotations

from objectives.quality.metric import Drawn, Metric


class ImageSimilarity(Metric):
    """The CLIP cosine between each picture and the baseline's of the same prompt and seed."""

    name = "image_similarity"
    title = "CLIP similarity to the baseline"
    more_is_better = True
    needs = frozenset({"embeddings", "pairs"})

    def values(self, drawn: Drawn) -> list[float]:
        """See `Metric.values`."""
        return [float(c) for c in (drawn.embeddings * drawn.baseline_embeddings).sum(axis=1)]
