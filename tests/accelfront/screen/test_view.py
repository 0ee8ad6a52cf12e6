from __future__ import annotations

from dataclasses import replace

import pytest

from accelfront.screen.view import StudyView, SweepView
from storage.records.budgets import Budgets
from storage.records.conclusions.conclusion import Conclusion
from studies.engines.results import WorkerStatus
from studies.run.progress import Progress
from tests.made_records import made_point

ANSWER = made_point(3, {"cache_interval": 3, "cache_branch_id": 0}, 2.2, 0.01)

BOLDER = made_point(4, {"cache_interval": 4, "cache_branch_id": 0}, 2.5, 0.018)

BUDGETS = Budgets(0.02)

MEASURING = Progress(
    stage="measuring cache_interval=5",
    done=7,
    wanted=10,
    found=Conclusion.of([ANSWER], BUDGETS),
    last="1.50x, loss 3.0%",
    left_s=60.0,
)


def shown(capsys: pytest.CaptureFixture[str], *changes: Progress) -> str:
    with StudyView("tiny-shapes--DDIM--20--deepcache--0123abcd") as view:
        for progress in changes:
            view(progress)
    captured = capsys.readouterr()
    assert captured.out == ""  # Data goes to stdout, and this is none.
    return captured.err


def test_a_pipe_gets_a_line_for_each_result_and_no_more(
    capsys: pytest.CaptureFixture[str],
) -> None:
    lines = shown(capsys, MEASURING, replace(MEASURING, stage="choosing a point")).splitlines()
    assert lines == [
        "tiny-shapes--DDIM--20--deepcache--0123abcd",
        "7/10  1.50x, loss 3.0%; answer 2.20x, loss 1.0% (trial 3), 97% sure; 60 s left",
    ]


def test_a_line_tells_the_best_beside_the_best_lossless_point(
    capsys: pytest.CaptureFixture[str],
) -> None:
    told = shown(capsys, replace(MEASURING, vs_lossless=1.5))
    assert "; trial 3 is 1.50 times as fast as the best lossless point; 60 s left" in told


def test_before_the_first_result_the_stage_is_told(capsys: pytest.CaptureFixture[str]) -> None:
    loading = replace(MEASURING, stage="loading tiny-shapes", last="", left_s=None)
    assert shown(capsys, loading).splitlines()[-1] == "loading tiny-shapes"


def test_without_a_point_inside_the_budget_that_is_told(
    capsys: pytest.CaptureFixture[str],
) -> None:
    none = Conclusion.of([made_point(1, {}, 1.9, 0.05), made_point(2, {}, 1.2, 0.031)], BUDGETS)
    assert (
        "inside the loss budget of 2% yet; the least loss is 3.1%, at 1.20x (trial 2); 60 s"
        in shown(capsys, replace(MEASURING, found=none))
    )


def test_a_bolder_point_is_told_with_what_it_risks(capsys: pytest.CaptureFixture[str]) -> None:
    found = Conclusion.of([ANSWER, BOLDER], BUDGETS)
    assert (
        "97% sure; trial 4 gives 2.50x if you accept a 29% chance that it loses more than 2%; 60 s"
        in shown(capsys, replace(MEASURING, found=found))
    )


def test_a_terminal_gets_all_a_person_wants_to_know(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FORCE_COLOR", "1")
    monkeypatch.setenv("COLUMNS", "80")
    text = shown(capsys, replace(MEASURING, left_s=360.0))
    parts = ("7/10 points", "6 min left", "2.20x, loss 1.0%", "cache_branch_id=0", "1.50x")
    for part in parts:
        assert part in text


def sweep_shown(capsys: pytest.CaptureFixture[str], *statuses: WorkerStatus) -> list[str]:
    with SweepView() as view:
        for status in statuses:
            view(status)
    captured = capsys.readouterr()
    assert captured.out == ""
    return captured.err.splitlines()


AT_WORK = WorkerStatus(1, "host GPU 0", "[1/2] a--DDIM--20--tgate--0123abcd", MEASURING)


def test_each_line_of_a_sweep_tells_whose_it_is_and_comes_once(
    capsys: pytest.CaptureFixture[str],
) -> None:
    other = replace(AT_WORK, worker=2, place="host GPU 1", progress=None)
    lines = sweep_shown(capsys, AT_WORK, other, AT_WORK, other)
    assert lines == [
        "worker 1 (host GPU 0): [1/2] a--DDIM--20--tgate--0123abcd",
        "worker 1 (host GPU 0): [1/2] a--DDIM--20--tgate--0123abcd: "
        "7/10  1.50x, loss 3.0%; answer 2.20x, loss 1.0% (trial 3), 97% sure; 60 s left",
        "worker 2 (host GPU 1): [1/2] a--DDIM--20--tgate--0123abcd",
    ]


def test_a_terminal_shows_all_workers_at_once(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FORCE_COLOR", "1")
    monkeypatch.setenv("COLUMNS", "100")
    other = replace(AT_WORK, worker=2, progress=replace(MEASURING, done=3, stage="loading SDXL"))
    text = "\n".join(sweep_shown(capsys, AT_WORK, other))
    last = text[text.rindex("worker 1") :]
    for part in ("7/10 points", "measuring cache_interval=5", "worker 2", "3/10", "loading SDXL"):
        assert part in last
