"""What an objective times, and in what order."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
import pytest
import torch

from objectives.objective import MIN_PAIRS
from objectives.quality.scorer import Scorer
from objectives.statistics import latency
from objectives.timing.host_bound import HostBoundShare, watch_host
from tests.objectives.tiny_objective import PLAIN, REUSE_ALL, STEPS, make_objective


def test_speedup_is_that_of_the_latencies(pipe: Any, scorer: Scorer) -> None:
    objective = make_objective(pipe, scorer)
    measured = objective.measure(PLAIN, objective.measure_baseline())
    ratios = np.array(measured.baseline_latencies_s) / np.array(measured.latencies_s)
    assert measured.speedup == pytest.approx(np.exp(np.log(ratios).mean()))
    assert measured.speedup == pytest.approx(measured.baseline_latency_s / measured.latency_s)
    assert measured.latency_ci_s is not None
    assert measured.latency_ci_s[0] <= measured.latency_s
    # Another machine of this kind differs by a standard deviation of 5%.
    assert measured.latency_ci_s[1] >= 1.1 * measured.latency_s


def test_last_smaller_batch_is_scored_but_not_timed(pipe: Any, scorer: Scorer) -> None:
    # The last batch of 1 costs more a picture than one of 8 does; timed, it would stand out.
    calls: list[int] = []
    pipe.vae.decoder.register_forward_pre_hook(lambda module, args: calls.append(len(args[0])))
    objective = make_objective(pipe, scorer, samples=17, batch_size=8)
    baseline = objective.measure_baseline()
    assert calls == [8, 8, 1]
    calls.clear()
    measured = objective.measure(PLAIN, baseline)
    assert measured.samples == 17
    assert calls.count(1) == 1, "only the accelerated pipe makes it, so it is no pair"
    assert calls.count(8) == 1 + 2 * len(measured.latencies_s)


def test_accelerated_and_baseline_take_turns_in_going_first(pipe: Any, scorer: Scorer) -> None:
    full_steps: list[int] = []
    batches: list[str] = []

    def note_batch(module: object, args: object) -> None:
        batches.append("accelerated" if len(full_steps) < STEPS else "baseline")
        full_steps.clear()

    # DeepCache leaves the middle of the UNet out, and the VAE ends each batch.
    pipe.unet.mid_block.resnets[0].register_forward_pre_hook(lambda *args: full_steps.append(1))
    pipe.vae.decoder.register_forward_pre_hook(note_batch)
    objective = make_objective(pipe, scorer, samples=8, methods=["deepcache"], steps=STEPS)
    baseline = objective.measure_baseline()
    assert set(batches) == {"baseline"}
    batches.clear()
    objective.measure(REUSE_ALL, baseline)
    first, second = ["accelerated", "baseline"], ["baseline", "accelerated"]
    assert batches == ["accelerated", *first, *second, *first]


def test_pairs_are_timed_again_and_the_scores_stay(pipe: Any, scorer: Scorer) -> None:
    objective = make_objective(pipe, scorer, samples=10, methods=["deepcache"], steps=STEPS)
    baseline = objective.measure_baseline()
    first = objective.measure(REUSE_ALL, baseline)
    again = objective.time_again(first, REUSE_ALL, baseline)
    assert len(again.latencies_s) == len(first.latencies_s) == 4
    assert again.latencies_s != first.latencies_s
    assert again.speedup == pytest.approx(again.baseline_latency_s / again.latency_s)
    scored = {"clip_loss", "clip_loss_ci", "image_similarity", "clip_score", "psnr_db", "samples"}
    assert again.model_dump(include=scored) == first.model_dump(include=scored)


def test_baseline_is_warmed_up_once_in_a_run_that_did_not_make_it(
    pipe: Any, scorer: Scorer
) -> None:
    kept = make_objective(pipe, scorer).measure_baseline()
    batches: list[int] = []
    pipe.vae.decoder.register_forward_pre_hook(lambda module, args: batches.append(len(args[0])))
    resumed = make_objective(pipe, scorer)
    resumed.measure(PLAIN, kept)
    first = len(batches)
    resumed.measure(PLAIN, kept)
    assert first == 1 + 1 + 2 * MIN_PAIRS
    assert len(batches) - first == 1 + 2 * MIN_PAIRS


def test_seconds_tell_where_the_wall_time_went(pipe: Any, scorer: Scorer) -> None:
    # Its first estimate imports scipy, which takes longer than all that is measured here.
    latency([1.0, 2.0])
    objective = make_objective(pipe, scorer, methods=["deepcache"], steps=STEPS)
    baseline = objective.measure_baseline()
    start = time.perf_counter()
    measured = objective.measure(REUSE_ALL, baseline)
    wall = time.perf_counter() - start
    assert measured.seconds.keys() == {"generate", "baseline", "score", "patch"}
    assert 0.9 * wall < sum(measured.seconds.values()) <= wall
    # Timed batches of two pictures, and the first batch.
    assert measured.seconds["generate"] > 2 * sum(measured.latencies_s)
    assert measured.seconds["baseline"] >= 2 * sum(measured.baseline_latencies_s)


class Watched:
    """Notes how many batches were drawn before each one whose host-bound share is read."""

    def __init__(self, pipe: Any, monkeypatch: pytest.MonkeyPatch) -> None:
        self.drawn = 0
        self.before: list[int] = []
        self.inside: list[int] = []
        decode = pipe.vae.decode

        def counting(*args: Any, **kwargs: Any) -> Any:
            self.drawn += 1
            return decode(*args, **kwargs)

        monkeypatch.setattr(pipe.vae, "decode", counting)
        monkeypatch.setattr("objectives.pairs.watch_host", self._watch_host)

    @contextmanager
    def _watch_host(self, denoiser: Any, device: torch.device) -> Iterator[HostBoundShare]:
        self.before.append(self.drawn)
        with watch_host(denoiser, device) as share:
            yield share
        self.inside.append(self.drawn - self.before[-1])


def test_a_points_host_bound_share_is_read_in_a_warm_batch_after_all_timed_ones(
    pipe: Any, scorer: Scorer, monkeypatch: pytest.MonkeyPatch
) -> None:
    objective = make_objective(pipe, scorer, samples=18, batch_size=2)
    baseline = objective.measure_baseline()
    watched = Watched(pipe, monkeypatch)

    objective.measure(PLAIN, baseline)

    # One that warms up, five pairs; then three are scored only. On a CPU there is no share to read,
    # so that each of them is watched in vain.
    assert watched.before == [11, 12, 13]
    assert watched.inside == [1, 1, 1]


def test_a_baseline_of_another_run_is_warmed_up_before_the_first_pair(
    pipe: Any, scorer: Scorer, monkeypatch: pytest.MonkeyPatch
) -> None:
    baseline = make_objective(pipe, scorer).measure_baseline()
    resumed = make_objective(pipe, scorer)
    watched = Watched(pipe, monkeypatch)

    resumed.measure(PLAIN, baseline)
    first = watched.drawn
    resumed.measure(PLAIN, baseline)

    # One batch without acceleration, one that warms the point up, three pairs.
    assert (first, watched.drawn - first) == (8, 7)
