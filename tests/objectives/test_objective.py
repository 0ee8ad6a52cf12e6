from __future__ import annotations

import shutil
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file

from accel_space.stack import Stack
from objectives.errors import MeasurementError
from objectives.measurement import Baseline, Partial
from objectives.objective import MAX_PAIRS, MIN_PAIRS, Objective
from objectives.quality.psnr import PSNR_CEILING_DB
from objectives.quality.scorer import Scorer, find_scorer
from objectives.statistics import Estimate, latency
from objectives.timing.host_bound import HostBoundShare, watch_host
from storage.records.protocol import Protocol
from tests.tiny_pipelines import GUIDANCE_SCALE, LATENT_SIZE, draw, tiny_context, tiny_sd

CPU = torch.device("cpu")

PLAIN: dict[str, int | float] = {}
"""The one point of the stack of nothing."""

STEPS = 4

REUSE_ALL = {"cache_interval": STEPS, "cache_branch_id": 0}
"""DeepCache at its coarsest: one step is computed in full."""


@pytest.fixture
def pipe() -> Any:
    return tiny_sd()


def make_objective(
    pipe: Any,
    scorer: Scorer,
    samples: int = 6,
    batch_size: int = 2,
    methods: Iterable[str] = (),
    **changes: Any,
) -> Objective:
    steps = changes.pop("steps", 2)
    prompts = changes.pop("prompts", [f"picture {index}" for index in range(samples)])
    fields: dict[str, Any] = {
        "model": "tiny@0",
        "scorer": "scorer@0",
        "prompts": "none@0",
        "num_samples": samples,
        "batch_size": batch_size,
        "height": LATENT_SIZE,
        "width": LATENT_SIZE,
        "guidance_scale": GUIDANCE_SCALE,
        "dtype": "float32",
        "seed": 0,
    }
    stack = Stack(tiny_context(pipe, methods, steps))
    return Objective(pipe, stack, scorer, Protocol(**{**fields, **changes}), prompts, CPU)


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
    [
        pytest.param(2, 2, MIN_PAIRS, id="one-batch"),
        pytest.param(6, 2, MIN_PAIRS, id="fewer-batches-than-pairs"),
        pytest.param(10, 2, 4, id="a-pair-for-each-but-the-first"),
        pytest.param(20, 2, MAX_PAIRS, id="more-batches-than-pairs"),
        pytest.param(9, 2, MIN_PAIRS, id="last-batch-smaller"),
        pytest.param(5, 4, MIN_PAIRS, id="only-one-full-batch"),
    ],
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


def test_the_pictures_of_each_pair_are_shown(pipe: Any, scorer: Scorer) -> None:
    objective = make_objective(pipe, scorer, samples=6, batch_size=2)
    seen: list[tuple[range, torch.Tensor, torch.Tensor]] = []
    objective.measure(PLAIN, objective.measure_baseline(), look=lambda *pair: seen.append(pair))
    assert [indices for indices, _, _ in seen] == [range(2, 4), range(4, 6), range(4, 6)]
    for _, baseline, accelerated in seen:
        assert baseline.shape == (2, 3, LATENT_SIZE, LATENT_SIZE)
        torch.testing.assert_close(accelerated, baseline)


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


def test_point_measures_the_same_pictures_again(pipe: Any, scorer: Scorer) -> None:
    objective = make_objective(pipe, scorer, methods=["deepcache"], steps=STEPS)
    baseline = objective.measure_baseline()
    first, second = (objective.measure(REUSE_ALL, baseline) for _ in range(2))
    assert first.clip_score == second.clip_score
    assert first.clip_loss_ci == second.clip_loss_ci
    assert first.psnr_db == second.psnr_db


def test_hopeless_point_stops_early_and_keeps_what_was_measured(pipe: Any, scorer: Scorer) -> None:
    asked: list[Partial] = []
    faster, loss = Estimate(1.0, 0.9, 1.1), Estimate(0.1, 0.05, 0.15)

    def hopeless(partial: Partial) -> tuple[Estimate, Estimate]:
        asked.append(partial)
        return faster, loss

    objective = make_objective(pipe, scorer, samples=12)
    baseline = objective.measure_baseline()
    measured = objective.measure(PLAIN, baseline, hopeless)
    assert measured.stopped_early
    [partial] = asked
    assert (partial.batches, partial.of_batches) == (2, 6)
    assert partial.baseline_scores == baseline.scores[:4]
    assert (measured.speedup, measured.clip_loss_ci) == (1.0, (0.05, 0.15))
    assert (measured.gpu_bound, measured.baseline_gpu_bound) == (None, None), "a CPU has no host"
    assert partial.latencies_s == measured.latencies_s
    assert len(measured.latencies_s) == 1, "a pair is the least to look at"
    assert measured.latency_ci_s is None
    assert measured.samples == len(partial.scores) == 4
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
    nothing = Estimate(1.0, 1.0, 1.0), Estimate(0.0, 0.0, 0.0)
    measured = objective.measure(PLAIN, objective.measure_baseline(), lambda partial: nothing)
    assert not measured.stopped_early
    assert measured.samples == 2


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


def spoil(pipe: Any, how: str) -> None:
    """Make a real pipe draw what is no picture."""
    last = pipe.vae.decoder.conv_out
    with torch.no_grad():
        if how == "non-finite":
            last.weight[0, 0, 0, 0] = torch.nan
        else:
            last.weight.zero_()
            last.bias.fill_(-9.0 if how == "black" else 0.1)


@pytest.mark.parametrize("how", ["non-finite", "black", "constant"])
def test_degenerate_pictures_fail_by_name(pipe: Any, scorer: Scorer, how: str) -> None:
    objective = make_objective(pipe, scorer)
    baseline = objective.measure_baseline()
    spoil(pipe, how)
    with pytest.raises(MeasurementError, match=how):
        objective.measure(PLAIN, baseline)
    with pytest.raises(MeasurementError, match=how):
        objective.measure_baseline()


@pytest.mark.parametrize("resumed", [False, True], ids=["same-run", "another-run"])
@pytest.mark.parametrize("how", ["mirror", "noise"])
def test_changed_pipe_is_noticed(pipe: Any, scorer: Scorer, resumed: bool, how: str) -> None:
    objective = make_objective(pipe, scorer)
    baseline = objective.measure_baseline()
    with torch.no_grad():
        if how == "mirror":
            pipe.vae.decoder.conv_out.weight *= -1
        else:
            generator = torch.Generator().manual_seed(1)
            weight = pipe.unet.conv_out.weight
            weight += torch.randn(weight.shape, generator=generator)
    if resumed:
        objective = make_objective(pipe, scorer)
    with pytest.raises(MeasurementError, match="not those of the stored baseline"):
        objective.measure(PLAIN, baseline)


def test_kept_baseline_serves_another_run(pipe: Any, scorer: Scorer) -> None:
    kept = make_objective(pipe, scorer).measure_baseline()
    resumed = make_objective(tiny_sd(), scorer)
    assert resumed.measure(PLAIN, Baseline(list(kept.scores), kept.embeddings)).clip_loss == 0


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


def test_pipe_is_restored_after_a_point_and_after_a_failed_one(pipe: Any, scorer: Scorer) -> None:
    before = draw(pipe)
    objective = make_objective(pipe, scorer, methods=["deepcache"], steps=STEPS)
    baseline = objective.measure_baseline()
    measured = objective.measure(REUSE_ALL, baseline)
    assert draw(pipe).equal(before)

    weights = pipe.vae.decoder.conv_out.weight.detach().clone()
    spoil(pipe, "non-finite")
    with pytest.raises(MeasurementError, match="non-finite"):
        objective.measure(REUSE_ALL, baseline)
    with torch.no_grad():
        pipe.vae.decoder.conv_out.weight.copy_(weights)
    assert draw(pipe).equal(before)
    assert objective.measure(REUSE_ALL, baseline).clip_score == measured.clip_score


def test_pipe_is_restored_when_hopeless_raises(pipe: Any, scorer: Scorer) -> None:
    def interrupt(partial: Partial) -> None:
        raise KeyboardInterrupt

    before = draw(pipe)
    objective = make_objective(pipe, scorer, samples=12, methods=["deepcache"], steps=STEPS)
    baseline = objective.measure_baseline()
    with pytest.raises(KeyboardInterrupt):
        objective.measure(REUSE_ALL, baseline, interrupt)
    assert draw(pipe).equal(before)


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


def test_measuring_leaves_the_global_random_generator_alone(pipe: Any, scorer: Scorer) -> None:
    before = torch.random.get_rng_state()
    objective = make_objective(pipe, scorer, methods=["deepcache", "tome"], steps=STEPS)
    baseline = objective.measure_baseline()
    objective.measure({**REUSE_ALL, "ratio": 0.5, "max_downsample": 1}, baseline)
    assert torch.random.get_rng_state().equal(before)


def test_baseline_with_a_mean_score_below_zero_is_refused(
    pipe: Any, scorer_folder: Path, tmp_path: Path
) -> None:
    folder = Path(shutil.copytree(scorer_folder, tmp_path / "opposite"))
    weights = load_file(folder / "open_clip_model.safetensors")
    weights["visual.proj"] = -weights["visual.proj"]
    save_file(weights, folder / "open_clip_model.safetensors")
    with pytest.raises(MeasurementError, match=r"mean CLIP score is -0\.\d+.*above 0"):
        make_objective(pipe, Scorer(find_scorer(str(folder)), CPU)).measure_baseline()


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
        monkeypatch.setattr("objectives.objective.watch_host", self._watch_host)

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
