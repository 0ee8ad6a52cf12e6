from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pytest
import torch

from objectives.measurement import Baseline, Estimates, Partial
from objectives.objective import MAX_PAIRS, MIN_PAIRS
from objectives.quality import METRICS
from objectives.quality.metrics.psnr import PSNR_CEILING_DB, Psnr
from objectives.quality.scorer import Scorer
from objectives.statistics import Estimate
from tests.objectives.tiny_objective import PLAIN, REUSE_ALL, STEPS, make_objective
from tests.tiers.covering import taking_turns
from tests.tiny_parts import LATENT_SIZE
from tests.tiny_pipelines import tiny_sd


def test_baseline_is_reproducible(pipe: Any, scorer: Scorer) -> None:
    objective = make_objective(pipe, scorer)
    first, second = objective.measure_baseline(), objective.measure_baseline()
    fresh = make_objective(tiny_sd(), scorer).measure_baseline()
    assert first.scores == second.scores == fresh.scores
    assert len(first.scores) == len(first.embeddings) == 6
    np.testing.assert_array_equal(first.embeddings, fresh.embeddings)


def test_pictures_do_not_depend_on_the_batch_size(pipe: Any, scorer: Scorer) -> None:
    whole = make_objective(pipe, scorer, batch_size=6).measure_baseline()
    ragged = make_objective(pipe, scorer, batch_size=4).measure_baseline()
    np.testing.assert_allclose(whole.embeddings, ragged.embeddings, atol=0.02)


def test_prompt_i_starts_from_the_noise_of_seed_plus_i(pipe: Any, scorer: Scorer) -> None:
    prompts = ["one"] * 4
    zero = make_objective(pipe, scorer, 4, prompts=prompts).measure_baseline().embeddings
    one = make_objective(pipe, scorer, 4, prompts=prompts, seed=1).measure_baseline().embeddings
    np.testing.assert_allclose(zero[1:], one[:-1], atol=0.02)
    assert (zero[0] * zero[1]).sum() < 0.99


@pytest.mark.parametrize(
    ("samples", "batch_size", "pairs"),
    taking_turns(
        [
            pytest.param(2, 2, MIN_PAIRS, id="one-batch"),
            pytest.param(6, 2, MIN_PAIRS, id="fewer-batches-than-pairs"),
            pytest.param(10, 2, 4, id="a-pair-for-each-but-the-first"),
            pytest.param(20, 2, MAX_PAIRS, id="more-batches-than-pairs"),
            pytest.param(9, 2, MIN_PAIRS, id="last-batch-smaller"),
            pytest.param(5, 4, MIN_PAIRS, id="only-one-full-batch"),
        ]
    ),
)
def test_stack_of_nothing_measures_as_the_baseline(
    pipe: Any, scorer: Scorer, samples: int, batch_size: int, pairs: int
) -> None:
    objective = make_objective(pipe, scorer, samples, batch_size)
    measured = objective.measure(PLAIN, objective.measure_baseline())
    assert len(measured.latencies_s) == len(measured.baseline_latencies_s) == pairs
    assert measured.samples == samples
    assert measured.clip_loss == 0
    assert measured.clip_loss_ci == (0, 0)
    assert measured.clip_score == measured.baseline_clip_score > 0
    assert measured.image_similarity == pytest.approx(1, abs=1e-5)
    assert measured.psnr_db == pytest.approx(PSNR_CEILING_DB)
    assert not measured.stopped_early
    low, high = measured.speedup_ci
    assert 0 < low <= measured.speedup * 0.97 < measured.speedup * 1.03 <= high, "as runs differ"
    assert measured.peak_memory_mib is None
    assert not measured.device_shared


class Heavy(Psnr):
    """A metric whose model would take memory of the study's device."""

    held_mib = 300.0


def test_the_memory_of_metrics_models_is_not_the_pipelines(
    pipe: Any, scorer: Scorer, monkeypatch: pytest.MonkeyPatch
) -> None:
    # The memory of a CPU is not measured.
    monkeypatch.setattr("objectives.timing.device.peak_memory_mib", lambda device: 1000.0)
    plain = make_objective(pipe, scorer, samples=2)
    baseline = plain.measure_baseline()
    assert plain.measure(PLAIN, baseline).peak_memory_mib == 1000
    monkeypatch.setitem(METRICS, "psnr", Heavy())
    assert make_objective(pipe, scorer, samples=2).measure(PLAIN, baseline).peak_memory_mib == 700


def test_the_pictures_of_each_pair_are_shown(pipe: Any, scorer: Scorer) -> None:
    objective = make_objective(pipe, scorer, samples=6, batch_size=2)
    seen: list[tuple[range, torch.Tensor, torch.Tensor, Mapping[int, float]]] = []
    objective.measure(PLAIN, objective.measure_baseline(), show=lambda *pair: seen.append(pair))
    assert [indices for indices, *_ in seen] == [range(2, 4), range(4, 6), range(4, 6)]
    for _, baseline, accelerated, losses in seen:
        assert set(losses.values()) == {0.0}
        assert baseline.shape == (2, 3, LATENT_SIZE, LATENT_SIZE)
        torch.testing.assert_close(accelerated, baseline)


def test_coarse_point_is_told_from_the_baseline(pipe: Any, scorer: Scorer) -> None:
    objective = make_objective(pipe, scorer, methods=["deepcache"], steps=STEPS)
    baseline = objective.measure_baseline()
    measured = objective.measure(REUSE_ALL, baseline)
    assert measured.psnr_db < 60
    assert measured.image_similarity < 0.9999
    assert measured.clip_loss != 0
    low, high = measured.clip_loss_ci
    assert low < measured.clip_loss < high
    assert measured.baseline_clip_score == pytest.approx(np.mean(baseline.scores))
    expected = 1 - measured.clip_score / measured.baseline_clip_score
    assert measured.clip_loss == pytest.approx(expected)


def test_the_worst_losses_are_those_of_the_prompts_that_lost_most(
    pipe: Any, scorer: Scorer
) -> None:
    objective = make_objective(pipe, scorer, methods=["deepcache"], steps=STEPS)
    seen: list[Mapping[int, float]] = []
    measured = objective.measure(
        REUSE_ALL, objective.measure_baseline(), show=lambda *pair: seen.append(pair[-1])
    )
    assert len(seen[-1]) == measured.samples
    assert np.mean(list(seen[-1].values())) == pytest.approx(measured.clip_loss)
    assert measured.worst_losses == (max(seen[-1].values()),)


def test_point_measures_the_same_pictures_again(pipe: Any, scorer: Scorer) -> None:
    objective = make_objective(pipe, scorer, methods=["deepcache"], steps=STEPS)
    baseline = objective.measure_baseline()
    first, second = (objective.measure(REUSE_ALL, baseline) for _ in range(2))
    assert first.clip_score == second.clip_score
    assert first.clip_loss_ci == second.clip_loss_ci
    assert first.psnr_db == second.psnr_db


def test_hopeless_point_stops_early_and_keeps_what_was_measured(pipe: Any, scorer: Scorer) -> None:
    asked: list[Partial] = []
    early: list[Estimate | None] = []
    faster, loss = Estimate(1.0, 0.9, 1.1), Estimate(0.1, 0.05, 0.15)
    ssim = Estimate(0.2, 0.1, 0.3)

    def hopeless(partial: Partial) -> Estimates:
        asked.append(partial)
        early.extend(partial.loss(name, 0.95) for name in ("clip_loss", "ssim"))
        return Estimates(faster, {"clip_loss": loss, "ssim": ssim})

    objective = make_objective(pipe, scorer, samples=12)
    baseline = objective.measure_baseline()
    measured = objective.measure(PLAIN, baseline, hopeless)
    assert measured.stopped_early
    [partial] = asked
    assert (partial.batches, partial.of_batches) == (2, 6)
    assert early == [Estimate(0, 0, 0)] * 2
    assert measured.metrics["ssim"].loss_ci == (0.1, 0.3)
    assert (measured.speedup, measured.clip_loss_ci) == (1.0, (0.05, 0.15))
    assert (measured.gpu_bound, measured.baseline_gpu_bound) == (None, None), "a CPU has no host"
    assert tuple(partial.latencies_s) == measured.latencies_s
    assert len(measured.latencies_s) == 1, "a pair is the least to look at"
    assert measured.latency_ci_s is None
    assert measured.samples == 4
    assert measured.baseline_clip_score == pytest.approx(np.mean(baseline.scores[:4]))


def test_hopeful_point_is_measured_in_full(pipe: Any, scorer: Scorer) -> None:
    objective = make_objective(pipe, scorer, samples=12)
    measured = objective.measure(PLAIN, objective.measure_baseline(), lambda partial: None)
    assert not measured.stopped_early
    assert measured.samples == 12


def test_point_that_is_measured_in_full_already_does_not_stop_early(
    pipe: Any, scorer: Scorer
) -> None:
    objective = make_objective(pipe, scorer, samples=2)
    nothing = Estimates(Estimate(1.0, 1.0, 1.0), {"clip_loss": Estimate(0.0, 0.0, 0.0)})
    measured = objective.measure(PLAIN, objective.measure_baseline(), lambda partial: nothing)
    assert not measured.stopped_early
    assert measured.samples == 2


def test_kept_baseline_serves_another_run(pipe: Any, scorer: Scorer) -> None:
    kept = make_objective(pipe, scorer).measure_baseline()
    resumed = make_objective(tiny_sd(), scorer)
    assert resumed.measure(PLAIN, Baseline(list(kept.scores), kept.embeddings)).clip_loss == 0


def test_measuring_leaves_the_global_random_generator_alone(pipe: Any, scorer: Scorer) -> None:
    before = torch.random.get_rng_state()
    objective = make_objective(pipe, scorer, methods=["deepcache", "tome"], steps=STEPS)
    baseline = objective.measure_baseline()
    objective.measure({**REUSE_ALL, "tome.ratio": 0.5, "tome.max_downsample": 1}, baseline)
    assert torch.random.get_rng_state().equal(before)
