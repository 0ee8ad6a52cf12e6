from __future__ import annotations

from collections import Counter
from math import exp
from typing import Any

import numpy as np
import pytest

from benchmarks.storage.stub_loader import made_up
from storage.records.measurement import Measurement
from storage.records.trial import Trial
from studies.run.remeasurement.disturbance import (
    LEAST_AGAIN,
    is_quieter,
    marked,
    reasons,
    to_time_again,
)
from tests.made_records import changed, made_measurement, made_point


def pairs(scatter: float) -> dict[str, list[float]]:
    """Three pairs whose log ratios have such a standard deviation."""
    apart = exp(scatter) - 1
    return {
        "baseline_latencies_s": [1 + apart, 1.0, 1 / (1 + apart)],
        "latencies_s": [0.5] * 3,
    }


def measured(baseline_s: float = 0.5, scatter: float = 0.008, **changes: Any) -> Measurement:
    return made_measurement(baseline_s=baseline_s, **{**pairs(scatter), "disturbed": [], **changes})


QUIET = [measured(baseline_s) for baseline_s in (0.48, 0.5, 0.5, 0.52, 0.55)]


@pytest.mark.parametrize(
    ("trial", "found"),
    [
        pytest.param(measured(), [], id="quiet"),
        pytest.param(measured(0.58), [], id="a-little-slower"),
        pytest.param(measured(0.7), ["slow"], id="slow"),
        pytest.param(measured(0.3), [], id="faster-than-usual"),
        pytest.param(measured(scatter=0.12), ["uneven"], id="uneven"),
        pytest.param(measured(0.7, 0.12), ["slow", "uneven"], id="both"),
        pytest.param(measured(0.7, disturbed=["busy"]), ["busy", "slow"], id="seen-too"),
        pytest.param(
            measured(disturbed=["shared", "throttled"]), ["shared", "throttled"], id="gpu"
        ),
        pytest.param(measured(disturbed=["slow"]), [], id="slow-no-more"),
    ],
)
def test_a_trial_is_told_by_what_it_saw_and_by_the_others(
    trial: Measurement, found: list[str]
) -> None:
    assert reasons(trial, QUIET) == found


def test_of_few_others_nothing_is_usual() -> None:
    assert reasons(measured(9.0, 0.9), QUIET[:2]) == []
    assert reasons(measured(9.0, disturbed=["busy"]), []) == ["busy"]


def test_on_a_machine_that_is_never_quiet_wide_is_usual() -> None:
    noisy = [measured(scatter=0.08) for _ in range(6)]
    assert reasons(measured(scatter=0.12), noisy) == []


def test_pairs_that_nearly_agree_are_never_uneven() -> None:
    exact = [measured(scatter=0.0004) for _ in range(6)]
    assert reasons(measured(scatter=0.016), exact) == []


def test_of_one_pair_alone_nothing_is_uneven() -> None:
    alone = measured(baseline_latencies_s=[0.5], latencies_s=[0.25])
    assert reasons(alone, QUIET) == []
    assert reasons(measured(scatter=0.9), [alone] * 5) == []


def noisy_study(random: np.random.Generator, noise: float, trials: int) -> list[Measurement]:
    """Trials of a machine whose trials differ as much from each other as their batches do."""
    study = []
    for _ in range(trials):
        count = int(random.choice([3, 5]))
        level = 0.5 * np.exp(random.normal(0, noise))
        base, fast = level * np.exp(random.normal(0, noise, (2, count)))
        mean = float(np.exp(np.log(base).mean()))
        study.append(
            measured(mean, baseline_latencies_s=base.tolist(), latencies_s=(fast / 2).tolist())
        )
    return study


@pytest.mark.parametrize("noise", [0.03, 0.05, 0.1])
@pytest.mark.parametrize("trials", [8, 24])
def test_noise_alone_disturbs_no_trial(noise: float, trials: int) -> None:
    random = np.random.default_rng(7)
    found: Counter[str] = Counter()
    studies = 480 // trials
    for _ in range(studies):
        study = noisy_study(random, noise, trials)
        for number, trial in enumerate(study):
            found.update(reasons(trial, study[:number] + study[number + 1 :]))
    assert found["slow"] <= 0.02 * studies * trials
    assert found["uneven"] <= 0.02 * studies * trials


def test_on_a_quiet_machine_a_third_slower_and_one_hit_pair_are_told() -> None:
    random = np.random.default_rng(7)
    told: Counter[str] = Counter()
    for _ in range(100):
        study = noisy_study(random, 0.02, 8)
        first = study[0]
        hit = (first.baseline_latencies_s[0] * 1.3, *first.baseline_latencies_s[1:])
        slower = first.model_copy(
            update={"baseline_latency_s": 1.33 * 0.5, "baseline_latencies_s": hit}
        )
        told.update(reasons(slower, study[1:]))
    assert told["slow"] >= 80
    assert told["uneven"] >= 60


def test_most_trials_may_be_slow_and_are_still_told() -> None:
    others = [measured(0.5)] * 3 + [measured(0.8)] * 5
    assert reasons(measured(0.8), others) == ["slow"]


def test_a_measurement_of_an_earlier_release_is_quiet_by_itself() -> None:
    kept = measured().as_json()
    del kept["disturbed"]
    assert reasons(Measurement.model_validate(kept), []) == []


def test_the_timing_with_fewer_reasons_is_kept_then_the_closer_one() -> None:
    calm = made_up({"a": 1})
    busy = calm.model_copy(update={"disturbed": ("busy",)})
    wide = calm.model_copy(update=pairs(0.2))
    assert is_quieter(calm, busy) and not is_quieter(busy, calm)
    assert is_quieter(calm, wide) and not is_quieter(wide, calm)
    assert is_quieter(wide, busy)
    assert not is_quieter(calm, calm)


def make_trials(count: int, slow: int) -> list[Trial]:
    baselines = [0.9] * slow + [0.5] * (count - slow)
    return [
        changed(made_point(number), measurement=measured(baseline_s))
        for number, baseline_s in enumerate(baselines)
    ]


def test_a_bounded_share_is_timed_again_the_front_first() -> None:
    trials = make_trials(40, slow=20)
    due = to_time_again(trials, front=trials[7:8])
    assert len(due) == 10
    assert due[0].number == 7
    assert all(trial.number < 20 for trial in due)
    assert len(to_time_again(make_trials(4, slow=1), [])) == 1
    assert len(to_time_again(make_trials(7, slow=4), [])) == LEAST_AGAIN
    assert to_time_again(make_trials(8, slow=0), []) == []


def test_no_point_is_timed_again_twice() -> None:
    trials = make_trials(8, slow=2)
    done = [changed(trial, timed_again=trial.number < 2) for trial in trials]
    assert to_time_again(done, []) == []


def test_what_a_second_timing_met_too_is_not_timed_again() -> None:
    shared = measured(disturbed=["shared"])
    first, *rest = (changed(made_point(n), measurement=shared) for n in range(8))
    assert to_time_again([first, *rest], []) == [first, rest[0]]
    first = changed(first, timed_again=True)
    assert to_time_again([first, *rest], []) == []
    slow = changed(rest[3], measurement=measured(0.9, disturbed=["shared"]))
    assert to_time_again([first, *rest[:3], slow, *rest[4:]], []) == [slow]


def test_a_second_timing_that_was_quiet_lets_the_others_be_timed_again() -> None:
    shared = measured(disturbed=["shared"])
    first = changed(made_point(0), measurement=measured(), timed_again=True)
    rest = [changed(made_point(n), measurement=shared) for n in range(1, 9)]
    assert to_time_again([first, *rest], []) == rest[:1]


def test_a_new_measurement_is_marked_beside_those_before() -> None:
    trials = make_trials(6, slow=0)
    slow = made_up({"a": 1}).model_copy(update={"baseline_latency_s": 0.9, "disturbed": ("busy",)})
    assert marked(slow, trials).disturbed == ("busy", "slow")
    assert marked(made_up({"a": 1}), trials).disturbed == ()
