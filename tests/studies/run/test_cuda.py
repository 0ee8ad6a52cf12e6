"""What only a GPU can show."""

from __future__ import annotations

from dataclasses import replace
from itertools import chain, combinations

import pytest

from accel_space.methods import METHODS
from objectives.quality.metrics.psnr import PSNR_CEILING_DB
from storage.database.opening import Store
from studies.plan import make_plan
from studies.run.runner import run_study
from tests.studies.conftest import MakeRequest

pytestmark = pytest.mark.gpu

PROTOTYPE = ("deepcache", "tgate", "tome")

STACKS = [
    *chain(*(combinations(PROTOTYPE, count) for count in range(1, len(PROTOTYPE) + 1))),
    *((name,) for name in METHODS if name not in PROTOTYPE),
    ("deepcache", "tgate", "cuda_graph"),
    ("deepcache", "compile", "cuda_graph"),
]


@pytest.mark.parametrize("methods", STACKS, ids="+".join)
def test_every_stack_is_measured_in_half_precision_and_leaves_the_pipe_as_it_was(
    make_request: MakeRequest, store: Store, methods: tuple[str, ...]
) -> None:
    # A trial holds the baseline's pictures against the stored ones before and after each stack.
    calibrated = any(METHODS[name].learns for name in methods)
    pipeline = "tiny-shapes-dit" if calibrated else "tiny-shapes"
    request = make_request(
        device="cuda", pipeline=pipeline, methods=methods, trials=2, num_samples=4, steps=8
    )
    plan = make_plan(request)
    outcome = run_study(plan, store)
    assert plan.protocol.dtype == "float16"
    assert not outcome.failures
    assert len(outcome.study.trials) == min(2, len(plan.stack.points))
    for trial in outcome.study.trials:
        measured = trial.measurement
        assert (measured.warmup_s is not None) == bool(plan.stack.context.lossless_methods)
        assert measured.peak_memory_mib is not None and measured.peak_memory_mib > 0
        for share in (measured.gpu_bound, measured.baseline_gpu_bound):
            assert share is not None and 0 <= share <= 1
    if plan.stack.lossless_default is not None:
        first, second = (trial.measurement for trial in outcome.study.trials)
        assert first.lossy_methods == ()
        assert first.clip_loss == pytest.approx(0, abs=1e-3)
        assert second.lossy_methods
    assert "NVIDIA" in outcome.study.device


def test_captured_pictures_lose_nothing(make_request: MakeRequest, store: Store) -> None:
    request = make_request(device="cuda", methods=("cuda_graph",), num_samples=8, batch_size=2)
    [trial] = run_study(make_plan(request), store).study.trials
    assert trial.measurement.clip_loss == 0
    assert trial.measurement.psnr_db == PSNR_CEILING_DB


def test_a_resumed_study_reads_the_host_bound_share_beside_its_timed_pairs(
    make_request: MakeRequest, store: Store
) -> None:
    # Of pipelines this small a reading says little: from run to run it is anything from 0 to 1.
    request = make_request(device="cuda", num_samples=8, batch_size=2, steps=8)
    for trials in (1, 2):
        outcome = run_study(make_plan(replace(request, trials=trials)), store)
    for trial in outcome.study.trials:
        for share in (trial.measurement.baseline_gpu_bound, trial.measurement.gpu_bound):
            assert share is not None and 0 <= share <= 1
        assert len(trial.measurement.latencies_s) == 3


def test_one_gpu_is_another_study_than_a_cpu(make_request: MakeRequest) -> None:
    on_gpu, on_cpu = (make_plan(make_request(device=device)) for device in ("cuda", "cpu"))
    assert on_gpu.study_name != on_cpu.study_name
