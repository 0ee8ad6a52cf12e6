"""What methods learn of a plain pipe, where a study cannot keep it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from objectives.errors import MeasurementError
from objectives.objective import Objective
from objectives.quality.scorer import Scorer
from tests.objectives.tiny_objective import make_objective
from tests.tiny_pipelines import CALLS, PICTURE_SIZE, tiny_pipeline

FAMILY = "PixArt-alpha"


def _objective(pipe: Any, scorer: Scorer) -> Objective:
    size = {"height": PICTURE_SIZE, "width": PICTURE_SIZE}
    return make_objective(
        pipe, scorer, samples=2, methods=["mag_cache"], steps=4, call=CALLS[FAMILY], **size
    )


def _let_blocks_add(pipe: Any, factors: Iterator[float]) -> None:
    """Let what the blocks add be so many times as much, call by call."""
    now = [1.0]
    pipe.transformer.register_forward_pre_hook(lambda *_: now.__setitem__(0, next(factors, 1.0)))
    for block in pipe.transformer.transformer_blocks:
        for part in (block.attn1, block.attn2, block.ff):
            part.register_forward_hook(lambda *given: given[-1] * now[0])


def test_what_no_study_can_keep_is_refused_by_its_value(scorer: Scorer) -> None:
    pipe = tiny_pipeline(FAMILY)
    _let_blocks_add(pipe, iter([1.0, 1e12]))
    with pytest.raises(
        MeasurementError,
        match=r"^mag_cache cannot be calibrated: it learned \d.*e\+1\d of this denoiser, and a "
        r"study keeps numbers up to 1e\+09; leave mag_cache out$",
    ):
        _objective(pipe, scorer).learn()
