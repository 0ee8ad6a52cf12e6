"""The baseline: the unaccelerated pipeline's pictures, their scores, and doubts about them."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING

import numpy as np

from objectives.errors import MeasurementError, reason_of
from objectives.measurement import Baseline
from objectives.quality.images import refuse_degenerate
from objectives.quality.metric import Embeddings
from objectives.quality.scorer import Scorer, clip_scores

if TYPE_CHECKING:
    import torch

CLEAR = 1.0
"""How far the mean score of pictures with their own prompts lies above that with others', if a
scorer knows them, in standard deviations of the latter.

The embedded pipelines have 2.0 to 7.5 from 4 steps on, and at least 1.2 at 2 steps, where shapes
are barely visible; noise has 0.2 to 0.5.
"""


def draw_baseline(
    batches: Sequence[range],
    draw: Callable[[range], torch.Tensor],
    scorer: Scorer,
    prompts: Embeddings,
) -> Baseline:
    """Draw and score the protocol's prompts without acceleration.

    Args:
        batches: Indices of the prompts that are drawn together.
        draw: Draws the pictures of some prompts.
        scorer: Scores the pictures.
        prompts: The prompts' embeddings.

    Raises:
        MeasurementError: If the pipeline fails, or its pictures are degenerate.
    """
    scores: list[float] = []
    embeddings = []
    for batch in batches:
        with failing_plainly():
            images = draw(batch)
            refuse_degenerate(images)
        embedded = scorer.embed_images(images)
        embeddings.append(embedded)
        scores += clip_scores(embedded, prompts[batch])
    # The other way round a NaN would pass.
    if not np.mean(scores) > 0:
        raise MeasurementError(
            f"the baseline's mean CLIP score is {np.mean(scores):.3f}, and a relative loss "
            "needs one above 0; give a --scorer that knows these prompts"
        )
    return Baseline(scores, np.concatenate(embeddings))


def doubt_of(pictures: Embeddings, prompts: Embeddings) -> str:
    """Say why a scorer is doubtful that scores all prompts' pictures alike.

    Args:
        pictures: The baseline's embeddings, shape (pictures, width).
        prompts: Their prompts' embeddings, of the same shape.

    Returns:
        The doubt, in words; empty if the scorer clearly prefers a prompt's own pictures, or no
        two prompts differ.
    """
    scores = pictures @ prompts.T
    # Equal prompts do not count as others.
    others = scores[(prompts @ prompts.T) < 1 - 1e-6]
    own = float(np.diag(scores).mean())
    if not others.size or own - others.mean() > CLEAR * others.std():
        return ""
    return (
        f"the baseline's pictures score {own:.3f} with their own prompts and {others.mean():.3f} "
        "with others': the scorer does not know such pictures or the pipeline draws none, so a "
        "small loss says little"
    )


@contextmanager
def failing_plainly() -> Iterator[None]:
    """Turn any error into one that says that the pipeline fails without acceleration."""
    try:
        yield
    except Exception as error:
        # The pipeline's libraries may raise anything.
        raise MeasurementError(f"the unaccelerated pipeline fails: {reason_of(error)}") from error
