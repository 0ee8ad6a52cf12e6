"""The tables that people read, as a pipe of 80 columns gets them."""

from __future__ import annotations

from io import StringIO

import pytest
from rich.console import Console

from accelfront.screen.tables import front_table, waiting_text
from accelfront.screen.votes import votes_text
from storage.records.budgets import Budgets
from storage.records.conclusions.win_rate import WinRate
from storage.records.study import Study
from tests.made_records import changed, made_measurement
from tests.made_reports import RIVALS, made_study, made_trial

AGAIN = made_measurement(1.87, 0.031, speedup_ci=[1.8, 1.9], clip_loss_ci=[0.001, 0.123])


def lines_of(study: Study) -> list[str]:
    file = StringIO()
    Console(file=file, width=80).print(front_table(study))
    return file.getvalue().splitlines()


def test_a_point_that_was_measured_again_has_both_figures_and_is_marked_by_each() -> None:
    trial = changed(made_trial(7, 2.0, 0.01, disturbed=["outlier"]), confirmed=AGAIN)
    lines = lines_of(made_study([trial]))
    [first] = [number for number, line in enumerate(lines) if "7!" in line]
    assert "2.00x 1.95-2.05" in lines[first] and " 1.0% 0.0..2.0" in lines[first]
    assert "1.87x 1.80-1.90" in lines[first + 1] and "* 3.1% 0.1..12" in lines[first + 1]
    caption = "\n".join(lines)
    for note in ("second line", "* over the loss budget of 2%", "! something disturbed"):
        assert note in caption


def test_a_confirmation_that_was_disturbed_is_marked_on_its_own_line() -> None:
    shaken = changed(AGAIN, disturbed=["busy"])
    trial = changed(made_trial(7, 2.0, 0.01), confirmed=shaken)
    lines = lines_of(made_study([trial]))
    [first] = [number for number, line in enumerate(lines) if "2.00x" in line]
    assert lines[first].split()[0] == "7" and lines[first + 1].split()[0] == "!"
    assert "! something disturbed" in "\n".join(lines)
    assert trial.as_json()["confirmed"]["disturbed"] == ["busy"]
    assert "disturbed" not in trial.as_json()


def test_a_plain_front_has_no_notes_that_it_does_not_need() -> None:
    text = "\n".join(lines_of(made_study([made_trial(0, 2.0, 0.01)])))
    for note in ("second line", "over the loss budget", "disturbed", "!", "hits", "skips"):
        assert note not in text


def test_a_cache_that_decides_while_running_shows_how_often_it_hit() -> None:
    trial = made_trial(0, 2.0, 0.01, hits=0.65)
    lines = lines_of(made_study([trial]))
    assert any(line.endswith("hits 65%") for line in map(str.rstrip, lines))
    assert any("hits: the share of the denoiser's calls" in line for line in lines)
    assert trial.as_json()["hits"] == 0.65
    assert "hits" not in made_trial(0, 2.0, 0.01).as_json()


def test_a_cache_that_is_known_beforehand_shows_how_much_it_leaves_out() -> None:
    trial = made_trial(0, 2.0, 0.01, skipped={"blocks": 0.432, "guidance": 0.5})
    lines = lines_of(made_study([trial]))
    assert any(line.endswith("skips 43%") for line in map(str.rstrip, lines))
    assert any("that the schedule left out" in line for line in lines)
    assert trial.as_json()["skipped"] == {"blocks": 0.432, "guidance": 0.5}
    assert "skipped" not in made_trial(0, 2.0, 0.01).as_json()


def test_votes_are_told_of_the_points_that_have_some() -> None:
    study = made_study(RIVALS)
    assert "votes" not in "\n".join(lines_of(study))
    rates = {
        4: {"baseline": WinRate(6, 2, 2), f"{study.name}/2": WinRate(3, 0, 1)},
        2: {f"{study.name}/4": WinRate(1, 0, 3), "a-study/7": WinRate(0, 1, 0)},
    }
    study = study.model_copy(update={"votes": rates})
    assert votes_text(study, RIVALS[4]) == "votes 70% 40..89\nvotes 75% 30..95 against trial 2"
    assert votes_text(study, RIVALS[2]).endswith("\nvotes 50% 5..95 against a-study/7")
    lines = lines_of(study)
    text = " ".join(" ".join(lines).split())
    assert "votes 70% 40..89" in text
    assert "preferred its pictures to the baseline's, a tie as half" in text
    assert max(map(len, lines)) <= 80


def test_a_front_with_lossless_points_tells_both_speedups_and_warm_ups() -> None:
    lines = lines_of(made_study(RIVALS))
    [header] = [line for line in lines if line.rstrip().endswith("parameters")]
    assert header.split()[:3] == ["#", "speedup", "less"]
    [answer] = [line for line in lines if "6.40x" in line]
    assert "6.40x 6.35-6.45  2.00x" in answer
    text = " ".join(" ".join(lines).split())
    assert "fewer steps 4.00x similar 0.950 warm-up 42 s" in text
    assert "lossless similar 0.950 warm-up 120 s" in text
    assert text.count("fewer steps 4.00x") == 1, "of fewer steps themselves it says nothing"
    assert "times as fast as the best lossless point (trial 1, 3.20x)" in text
    assert max(map(len, lines)) <= 80


def test_the_second_speedup_stands_beside_the_figures_that_judge_a_point() -> None:
    trial = changed(RIVALS[4], confirmed=made_measurement(4.8, 0.01))
    lines = lines_of(made_study([RIVALS[1], trial]))
    assert any("4.80x 4.75-4.85  1.50x" in line for line in lines)


def test_points_that_lack_a_metric_with_a_budget_are_told_where_others_have_it() -> None:
    ssim = {"value": 0.9, "loss": 0.1, "loss_ci": [0.05, 0.15], "samples": 8}
    trials = [made_trial(0, 3.0, 0.01), made_trial(1, 2.0, 0.01, metrics={"ssim": ssim})]
    study = made_study(trials).under(Budgets(0.02, {"ssim": 0.2}))
    text = " ".join(" ".join(lines_of(study)).split())
    assert "SSIM loss 10.0% 5.0..15" in text
    assert "1 point with SSIM loss above 20%, or measured before the SSIM loss was" in text


def test_the_chance_to_be_inside_stands_beside_the_interval_of_the_loss() -> None:
    lines = lines_of(made_study([made_trial(0, 3.0, 0.018), made_trial(1, 2.0, 0.01)]))
    assert any("1.8% 0.8..2.8     71%  cache" in line for line in lines)
    assert any("1.0% 0.0..2.0     97%  cache" in line for line in lines), "rounded down"


def test_a_front_without_a_lossless_point_tells_of_none() -> None:
    lines = lines_of(made_study([made_trial(0, 2.0, 0.01)]))
    assert any(line.endswith("CLIP loss  inside  parameters") for line in map(str.rstrip, lines))
    assert not any("lossless" in line or "warm-up" in line for line in lines)


def test_poor_points_of_many_parameters_stay_on_their_lines() -> None:
    trial = made_trial(123, 2.34, 0.5, clip_loss_ci=[0.381, 0.612], disturbed=["outlier"])
    lines = lines_of(made_study([trial]))
    assert any("2.34x 2.29-2.39" in line and "* 50.0% 38..61" in line for line in lines)
    assert max(map(len, lines)) <= 80


@pytest.mark.parametrize(
    ("latency_s", "shown"), [(0.19, "0.190"), (0.2084, "0.208"), (3.0, "3.00"), (123.4, "123")]
)
def test_a_latency_has_three_digits(latency_s: float, shown: str) -> None:
    trial = made_trial(7, 2.0, 0.01, latency_s=latency_s)
    assert f" {shown} " in "\n".join(lines_of(made_study([trial])))


@pytest.mark.parametrize(("share", "waits"), [(0.4, True), (0.9, False), (None, False)])
def test_a_best_point_that_waits_for_its_host_is_told(share: float | None, waits: bool) -> None:
    slower = made_trial(0, 1.5, 0.01, gpu_bound=0.1)
    lossy = made_trial(2, 9.0, 0.9, gpu_bound=0.1)
    study = made_study([slower, made_trial(1, 2.0, 0.01, gpu_bound=share), lossy])
    assert bool(waiting_text(study)) is waits
    if waits:
        assert waiting_text(study).startswith("trial 1: the GPU waits for its host 60% of the time")


def test_nothing_waits_where_nothing_is_inside_the_loss_budget() -> None:
    assert waiting_text(made_study([made_trial(0, 2.0, 0.9, gpu_bound=0.1)])) == ""


def test_what_the_worst_prompts_lost_stands_below_the_parameters() -> None:
    known = made_trial(0, 1.5, 0.01, worst_losses=[0.31, 0.11])
    lines = lines_of(made_study([known]))
    assert any(line.endswith("worst 5% 21.0%") for line in map(str.rstrip, lines))
    assert any("worst 5%: the mean loss of the prompts that lost most" in line for line in lines)
    assert "worst" not in "\n".join(lines_of(made_study([made_trial(0, 1.5, 0.01)])))
