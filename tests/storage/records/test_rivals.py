"""How a point stands beside its study's best lossless point, and beside fewer steps."""

from __future__ import annotations

import pytest

from storage.reading.export import studies_json, trials_csv
from storage.records.budgets import Budgets
from storage.records.study import Study
from storage.records.trial import Trial
from tests.made_records import changed, made_measurement
from tests.made_reports import RIVALS, made_study, made_trial

EARLIER = [made_trial(0, 3.3, 0.0), made_trial(1, 6.4, 0.012)]
"""Points of an earlier release, which did not keep what they leave out."""


def figures(study: Study, number: int) -> list[float | None]:
    """How often a point is as fast as the best lossless one, and what fewer steps give."""
    [trial] = [trial for trial in study.trials if trial.number == number]
    return [study.rivals.lossless_speedup(trial), study.rivals.fewer_steps_speedup(trial)]


def test_rivals_are_the_fastest_lossless_point_and_fewer_steps_that_lose_no_more() -> None:
    study = made_study(RIVALS)
    assert figures(study, 0) == [3.0 / 3.2, None], "no steps lose as little"
    assert figures(study, 1) == [1.0, None]
    assert figures(study, 2) == [4.0 / 3.2, 4.0], "itself"
    assert figures(study, 4) == [2.0, pytest.approx(4.0)], "trial 3 is faster and loses more"
    assert figures(study, 5) == [2.5, pytest.approx(5.0)]


def test_points_that_do_not_wait_for_the_host_are_compared_by_their_latencies() -> None:
    # The baseline was slow beside the first and quick beside the second.
    slow_host = made_trial(0, 5.0, 0.0, lossy_methods=[], latency_s=0.24, gpu_bound=1.0)
    quick_host = made_trial(1, 3.0, 0.0, lossy_methods=[], latency_s=0.20, gpu_bound=1.0)
    caching = made_trial(2, 6.0, 0.01, lossy_methods=["deepcache"], latency_s=0.1, gpu_bound=1.0)
    study = made_study([slow_host, quick_host, caching])
    assert study.rivals.lossless == quick_host
    assert figures(study, 2) == [2.0, None]
    waiting = changed(caching, measurement=changed(caching.measurement, gpu_bound=0.9))
    assert figures(made_study([quick_host, waiting]), 2) == [2.0, None]
    slower = made_trial(2, 4.5, 0.01, lossy_methods=["deepcache"], latency_s=0.1, gpu_bound=0.9)
    assert figures(made_study([quick_host, slower]), 2) == [1.5, None]


def test_fewer_steps_are_told_over_the_baseline_of_the_point_that_they_stand_beside() -> None:
    # Beside fewer steps the baseline waited for its host: 5.0x there takes longer than 4.0x here.
    lossless = made_trial(0, 2.0, 0.0, lossy_methods=[], latency_s=0.4, gpu_bound=1.0)
    fewer = made_trial(1, 5.0, 0.01, lossy_methods=["fewer_steps"], latency_s=0.25, gpu_bound=1.0)
    caching = made_trial(2, 4.0, 0.01, lossy_methods=["deepcache"], latency_s=0.2, gpu_bound=1.0)
    slower = made_trial(3, 5.1, 0.01, lossy_methods=["fewer_steps"], latency_s=0.3, gpu_bound=1.0)
    study = made_study([lossless, fewer, caching, slower])
    assert figures(study, 2) == [2.0, pytest.approx(3.2)]
    assert "fewer steps, with nothing else left out, give 3.20x" in study.rivals.in_words(caching)


def test_confirmations_are_what_is_compared() -> None:
    lossless, caching = RIVALS[1], RIVALS[4]
    slower = changed(lossless, confirmed=made_measurement(2.0, 0.0))
    study = made_study([slower, changed(caching, confirmed=made_measurement(5.0, 0.01))])
    assert figures(study, 4) == [2.5, None]


def test_points_that_break_a_condition_are_no_rivals() -> None:
    big = made_trial(0, 3.2, 0.0, lossy_methods=[], peak_memory_mib=9000.0)
    small = made_trial(1, 2.0, 0.0, lossy_methods=[], peak_memory_mib=1000.0)
    study = made_study([big, small]).under(Budgets(0.02, {"memory_mib": 4000.0}))
    assert study.rivals.lossless == small


@pytest.mark.parametrize("trials", [EARLIER, [RIVALS[4]], RIVALS[2:4], []])
def test_nothing_is_said_where_no_lossless_point_is_known(trials: list[Trial]) -> None:
    study = made_study(trials)
    assert study.rivals.lossless is None
    assert all(figures(study, trial.number) == [None, None] for trial in trials)
    assert all(study.rivals.in_words(trial) == "" for trial in trials)
    [written] = studies_json([study])
    assert "best_lossless" not in written
    assert not any("lossless_speedup" in point for point in written["points"])
    assert not {"lossless_speedup", "lossy_methods"} & {*trials_csv([study]).split(",")}


def test_words_keep_what_compiling_gives_apart_from_what_a_cache_gives() -> None:
    rivals = made_study(RIVALS).rivals
    assert rivals.in_words(RIVALS[4]) == (
        "it is 2.00 times as fast as the best lossless point (3.20x, trial 1); "
        "fewer steps, with nothing else left out, give 4.00x at no greater loss"
    )
    assert rivals.in_words(RIVALS[1]) == "it is the best lossless point"
    assert "fewer steps" not in rivals.in_words(RIVALS[2]), "it is fewer steps"


def test_json_and_csv_have_both_figures_beside_the_old_ones() -> None:
    [written] = studies_json([made_study(RIVALS)])
    assert (written["best_lossless"]["trial"], written["best_lossless"]["speedup"]) == (1, 3.2)
    by_number = {point["trial"]: point for point in written["points"]}
    assert by_number[4]["lossless_speedup"] == 2.0
    assert by_number[4]["fewer_steps_speedup"] == pytest.approx(4.0)
    assert (by_number[4]["warmup_s"], by_number[4]["lossy_methods"]) == (41.5, ["deepcache"])
    assert by_number[1]["lossy_methods"] == [] and "fewer_steps_speedup" not in by_number[1]
    header = trials_csv([made_study(RIVALS)]).splitlines()[0].split(",")
    assert {"warmup_s", "lossy_methods", "lossless_speedup", "fewer_steps_speedup"} <= {*header}


def test_the_warm_up_is_that_of_the_first_time() -> None:
    first = RIVALS[4]
    again = first.model_copy(
        update={
            "timed_again": True,
            "first_timing": first.measurement,
            "measurement": changed(first.measurement, warmup_s=0.5),
        }
    )
    assert again.as_json()["warmup_s"] == 41.5
