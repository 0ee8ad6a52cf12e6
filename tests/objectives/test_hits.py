"""What a trial tells of a cache that decides while running."""

from __future__ import annotations

from typing import Any

import pytest

from accel_space.stack import Stack
from objectives.quality.scorer import Scorer
from objectives.trial_recorder import INERT_PAIRS
from storage.records.measurement import Measurement
from tests.objectives.tiny_objective import make_objective
from tests.tiny_pipelines import CALLS, PICTURE_SIZE, tiny_context, tiny_pipeline

FAMILY = "PixArt-alpha"

STEPS = 6


@pytest.fixture(scope="module")
def pipe() -> Any:
    return tiny_pipeline(FAMILY)


def _measure(
    pipe: Any, scorer: Scorer, samples: int = 10, method: str = "first_block_cache", **point: float
) -> Measurement:
    size = {"height": PICTURE_SIZE, "width": PICTURE_SIZE}
    objective = make_objective(
        pipe, scorer, samples, methods=[method], steps=STEPS, call=CALLS[FAMILY], **size
    )
    default = Stack(tiny_context(pipe, [method], STEPS)).default
    return objective.measure(point or default, objective.measure_baseline())


def test_a_trial_tells_in_which_share_of_the_calls_blocks_were_reused(
    pipe: Any, scorer: Scorer
) -> None:
    measured = _measure(pipe, scorer, threshold=0.4)

    # The first call of a picture has nothing to reuse, and one more changes much.
    assert measured.hits == pytest.approx(5 / STEPS, abs=0.1)
    assert measured.skipped == {}
    assert not measured.stopped_early
    assert measured.samples == 10


def test_a_cache_that_never_hits_is_given_up(pipe: Any, scorer: Scorer) -> None:
    measured = _measure(pipe, scorer, threshold=1e-6)

    assert measured.hits == 0
    assert measured.stopped_early
    assert len(measured.latencies_s) == INERT_PAIRS
    assert measured.clip_loss == 0


def test_a_cache_that_never_hits_is_given_up_however_few_the_prompts(
    pipe: Any, scorer: Scorer
) -> None:
    measured = _measure(pipe, scorer, samples=2, threshold=1e-6)

    assert measured.hits == 0
    assert measured.stopped_early


def test_a_schedule_that_is_known_beforehand_has_no_hits(pipe: Any, scorer: Scorer) -> None:
    measured = _measure(pipe, scorer, method="taylorseer")

    assert measured.hits is None
    # Of 6 calls the first 3 compute, and the last of them begins an interval of 5.
    assert measured.skipped == {"blocks": 2 / STEPS}
    assert not measured.stopped_early
