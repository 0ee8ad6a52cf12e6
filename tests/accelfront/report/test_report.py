"""`accelfront report`: what it works out, and what its page says; how it looks is tested beside."""

from __future__ import annotations

import base64
import re
import shlex
from dataclasses import replace
from html import unescape
from io import BytesIO
from pathlib import Path

import optuna
import pytest
from PIL import Image

from accelfront.report import page as page_module
from accelfront.report.charts import comparison_chart, hypervolume_chart
from accelfront.report.commands import Commands
from accelfront.report.comparing import compare
from accelfront.report.data import report_study, study_titles
from accelfront.report.fitting import LEAST_BYTES, fit_pictures
from accelfront.report.page import render_page
from accelfront.report.pictures import front_pictures
from generator.choice import by_trust, choose
from generator.tasks.task import read_task
from storage.database.opening import open_store
from storage.records.study import StudyRecord, TrialRecord
from storage.study_store.artifacts import artifact_folder, keep_picture
from tests.command_line import modules_after, run
from tests.made_reports import keep, made_study, made_trial

# Trial 1 is dominated; trial 3 is over the budget.
TRIALS = [
    made_trial(0, 1.2, 0.0),
    made_trial(1, 1.1, 0.01),
    made_trial(2, 1.5, 0.01, baseline_s=1.1),
    made_trial(3, 2.0, 0.05, baseline_s=0.9),
]


def without_library(page: str) -> str:
    """The page but for plotly.js."""
    return re.sub(r'<script type="application/gzip".*?</script>', "", page, flags=re.DOTALL)


def picture_of(side: int) -> bytes:
    """A grid that hardly packs, as WebP."""
    file = BytesIO()
    noise = Image.effect_noise((2 * side, side), 100).convert("RGB")
    noise.save(file, "WEBP", quality=85)
    return file.getvalue()


def chosen(command: str, studies: list[StudyRecord]) -> TrialRecord | None:
    """What `generate` takes for a command of a study of the only device."""
    words = shlex.split(command)
    task = read_task(words[2])
    policy = words[words.index("--policy") + 1] if "--policy" in words else "fastest"
    choice = choose(by_trust(studies), task, policy)  # type: ignore[arg-type]
    return choice.trial if choice else None


def test_every_front_point_has_a_command_that_gets_it() -> None:
    study = made_study(TRIALS)
    front = report_study(study, Commands([study])).front
    assert [point.trial.number for point in front] == [3, 2, 0]
    for point in front:
        assert point.command is not None
        assert chosen(point.command, [study]) is point.trial


def test_a_point_that_a_faster_one_hides_is_got_by_another_policy() -> None:
    # Trial 1 is faster, and keeps the loss that trial 0 can promise, as its interval is narrow.
    hidden = made_trial(0, 1.5, 0.01, clip_loss_ci=[0.0, 0.03])
    study = made_study([hidden, made_trial(1, 2.0, 0.02, clip_loss_ci=[0.015, 0.025])])
    command = Commands([study]).of(study, hidden)
    assert command is not None
    assert "--policy" in command
    assert chosen(command, [study]) is hidden


def test_the_command_of_a_confirmed_point_asks_for_what_unseen_prompts_gave() -> None:
    again = made_trial(0, 1.6, 0.004).measurement
    lucky = replace(made_trial(2, 2.0, 0.005), confirmed=again)
    steady = replace(made_trial(3, 1.9, 0.006), confirmed=made_trial(3, 1.9, 0.006).measurement)
    study = made_study([lucky, steady])
    command = Commands([study]).of(study, lucky)
    assert command is not None and "1.55x" in command, "what it is sure to give, and no more"
    assert chosen(command, [study]) == lucky
    command = Commands([study]).of(study, steady)
    assert command is not None and "at least 1.84" in command
    assert chosen(command, [study]) == steady


@pytest.mark.parametrize("speedup", [0.73, 1.02])
def test_what_is_not_sure_to_be_faster_has_no_command(speedup: float) -> None:
    slow = made_trial(0, speedup, -0.01)
    study = made_study([slow, made_trial(1, 1.5, 0.0)])
    assert Commands([study]).of(study, slow) is None
    page = unescape(without_library(render_page([study], {})))
    assert "not sure to be faster than the pipeline alone" in page


def test_a_study_of_a_pipeline_that_is_unknown_here_has_a_page_and_no_commands() -> None:
    study = made_study(TRIALS)
    gone = replace(study, combination=study.combination.model_copy(update={"pipeline": "gone"}))
    page = unescape(without_library(render_page([gone], {})))
    assert "no task gets this point" in page and "accelfront generate" not in page


def test_a_point_that_a_study_of_more_prompts_hides_has_no_command() -> None:
    trusted = made_study([made_trial(0, 3.0, -0.05)], digest="ffffffff", num_samples=64)
    study = made_study(TRIALS)
    assert {point.command for point in report_study(study, Commands([trusted, study])).front} == {
        None
    }


def test_a_command_names_device_and_storage_as_a_shell_takes_them() -> None:
    study = made_study(TRIALS, device="AMD EPYC (2 threads)")
    command = Commands([study], "sqlite:///my studies.db").of(study, TRIALS[0])
    assert command is not None
    words = shlex.split(command)
    assert words[words.index("--device") + 1] == "AMD EPYC (2 threads)"
    assert words[words.index("--storage") + 1] == "sqlite:///my studies.db"


def test_the_hypervolume_follows_the_trials() -> None:
    study = made_study(TRIALS)
    # Trial 1 adds nothing, trial 2 adds beside trial 0, trial 3 is over the budget.
    assert report_study(study, Commands([study])).hypervolumes == pytest.approx(
        [0.2 * 0.02, 0.2 * 0.02, 0.2 * 0.02 + 0.3 * 0.01, 0.2 * 0.02 + 0.3 * 0.01]
    )


def test_the_search_is_weighed_against_the_grid() -> None:
    study = made_study(TRIALS)
    cost = report_study(study, Commands([study])).cost
    assert cost is not None
    assert (cost.spent, cost.distinct, cost.grid) == (40.0, 500.0, 1000.0)


def test_second_looks_are_part_of_what_the_search_cost() -> None:
    first = made_trial(0, 1.2, 0.0)
    again = replace(
        made_trial(0, 1.3, 0.0, seconds={"generate": 3.0}),
        timed_again=True,
        first_timing=first.measurement,
        confirmed=made_trial(0, 1.2, 0.0, seconds={"generate": 20.0}).measurement,
    )
    study = made_study([again, *TRIALS[1:]])
    cost = report_study(study, Commands([study])).cost
    assert cost is not None
    assert (cost.searched, cost.again, cost.spent) == (40.0, 23.0, 63.0)
    assert (cost.distinct, cost.grid) == (500.0, 1000.0), "at what a point of the search cost"
    page = " ".join(unescape(without_library(render_page([study], {}))).split())
    assert "The search took 63 s for 4 points, 23 s of it for measuring some of them again." in page


def test_the_quality_of_measurement_is_told() -> None:
    study = made_study([*TRIALS, made_trial(4, 1.0, 0.0, device_shared=True)])
    quality = report_study(study, Commands([study])).quality
    assert quality is not None
    assert quality.drift == pytest.approx((-0.1, 0.1))
    assert quality.noise == pytest.approx(0.02 / 2**0.5)
    assert quality.interval == pytest.approx(0.1 / 1.2)
    assert quality.disturbed == 1


def test_what_was_measured_again_stands_beside_what_the_search_saw() -> None:
    again = {
        **{"speedup": 1.87, "speedup_ci": [1.8, 1.9], "clip_loss": 0.03, "clip_loss_ci": [0, 0.1]},
        "seconds": {"generate": 6.0},
    }
    trial = replace(made_trial(0, 2.0, 0.01, disturbed=["outlier"]), confirmed=again)
    study = made_study([trial])
    page = unescape(without_library(render_page([study], {})))
    table = re.sub("<[^>]+>", "", page[page.index('class="front"') : page.index("<h3>Search")])
    assert "2.00x, disturbed 1.95 to 2.05 again 1.87x 1.80 to 1.90" in table
    assert "1.0% 0.0 to 2.0 again 3.0%, over the budget 0.0 to 10.0" in table
    assert "1 of 1 trials, such as by another process" in page
    assert "None is inside, so there is no bound." in page
    kept = replace(trial, confirmed=again | {"clip_loss": 0.015})
    page = unescape(without_library(render_page([made_study([kept])], {})))
    found = re.search(r"The bound is 1.87x at a loss of 1.5%, by trial 0, on prompts that", page)
    assert found, "as bounds and generate judge it"


def test_fewer_steps_are_points_of_their_own_and_can_be_unbeaten() -> None:
    at_20 = made_study([made_trial(0, 1.5, 0.05, baseline_s=1.0)])
    at_10 = made_study(
        [made_trial(0, 1.1, 0.2, baseline_s=0.5, baseline_clip_score=0.79)], steps=10
    )
    [comparison] = compare([at_20, at_10])
    plain = [option for option in comparison.options if not option.methods]
    assert [(each.steps, each.latency_s, each.clip_score) for each in plain] == [
        (10, 0.5, 0.79),
        (20, 1.0, 0.8),
    ]
    # Of trial 0 at 20 steps, 10 steps without acceleration are quicker and better.
    assert [(each.steps, each.methods) for each in comparison.best] == [
        (10, "deepcache"),
        (10, ""),
        (20, ""),
    ]


@pytest.mark.parametrize("other", [{"device": "another CPU"}, {"num_samples": 64}])
def test_what_was_measured_otherwise_is_not_compared(other: dict[str, object]) -> None:
    studies = [made_study(TRIALS), made_study(TRIALS, digest="ffffffff", **other)]  # type: ignore[arg-type]
    assert [len(comparison.options) for comparison in compare(studies)] == [4, 4]


def test_seconds_of_different_hours_are_put_beside_one_baseline() -> None:
    quiet = made_study([made_trial(0, 2.0, 0.01, baseline_s=1.0)])
    busy = made_study([made_trial(0, 1.6, 0.0, baseline_s=3.0)], methods=["tgate"])
    [comparison] = compare([quiet, busy])
    assert comparison.drift == pytest.approx(2.0)
    seconds = {option.methods: option.latency_s for option in comparison.options}
    assert seconds == {"": 2.0, "deepcache": 1.0, "tgate": 1.25}
    page = " ".join(unescape(without_library(render_page([quiet, busy], {}))).split())
    assert "its seconds differed by 200% at most" in page
    assert compare([quiet])[0].drift is None


def test_what_to_doubt_is_told() -> None:
    assert "What to doubt" not in render_page([made_study(TRIALS)], {})
    poor = made_study(
        [made_trial(0, 1.5, 0.0, baseline_clip_score=0.6)], scheduler="UniPC", digest="ffffffff"
    )
    odd = replace(poor, doubt="the scorer knows none of it", foreign_trials=2)
    page = unescape(without_library(render_page([made_study(TRIALS), odd], {})))
    assert "UniPC 20 without acceleration scores 25.0% less than DDIM 20" in page
    assert "<li>Tiny-shapes UniPC 20: the scorer knows none of it.</li>" in page
    assert "<p>The scorer knows none of it.</p>" in page
    assert (
        "<p>2 trials were not measured by accelfront; what they say counts for nothing.</p>" in page
    )


def test_no_two_sections_have_one_heading() -> None:
    studies = [made_study(TRIALS), made_study(TRIALS, digest="ffffffff", seed=1)]
    page = without_library(render_page(studies, {}))
    headings = re.findall("<h2[^>]*>(.*?)</h2>", page)
    assert len(headings) == len(set(headings)) == 6
    assert "All studies of tiny-shapes, protocol 2 of 2" in headings
    assert study_titles(studies)[studies[1].name].endswith("(ffffffff)")
    assert study_titles(studies[:1]) == {studies[0].name: "tiny-shapes, DDIM, 20 steps, deepcache"}


@pytest.mark.parametrize(("points", "step"), [(2, 1), (8, 1), (13, None)])
def test_few_points_have_a_tick_each(points: int, step: int | None) -> None:
    study = made_study([made_trial(number, 1.1 + number / 10, 0.0) for number in range(points)])
    figure = hypervolume_chart(report_study(study, Commands([study])))
    assert figure["layout"]["xaxis"].get("dtick") == step


def test_no_two_traces_are_told_apart_by_colour_alone() -> None:
    studies = [
        made_study(TRIALS, methods, scheduler)
        for methods in (("deepcache",), ("tgate",), ("tome",), ("deepcache", "tgate"))
        for scheduler in ("DDIM", "UniPC", "DPM-Solver++")
    ]
    [comparison] = compare(studies)
    symbols = [trace["marker"]["symbol"] for trace in comparison_chart(comparison)["data"]]
    assert len(symbols) == len(set(symbols)) == 15


def test_a_study_without_points_is_told_of_in_words() -> None:
    page = without_library(render_page([made_study([])], {}))
    assert "No point of this study is measured in full yet, of 50." in page
    assert 'class="chart"' not in page


def test_the_table_says_what_the_chart_says() -> None:
    page = without_library(render_page([made_study(TRIALS)], {}))
    table = page[page.index('class="front"') : page.index("<h3>Search")]
    for said in (
        "2.00x",
        "1.95 to 2.05",
        "5.0%, over the budget",
        "4.0 to 6.0",
        "cache_interval=5",
    ):
        assert said in table
    assert "accelfront generate" in unescape(table)
    assert "cache_interval=3" not in table  # Dominated.


def test_what_a_database_holds_is_text_and_never_code() -> None:
    attack = "</script><script>alert(1)</script>"
    trial = made_trial(0, 1.2, 0.0)
    study = made_study(
        [TrialRecord(0, {attack: 1}, 1.2, 0.0, trial.measurement)],
        methods=(attack,),
        scheduler=attack,
        device=attack,
        scorer=attack,
    )
    page = without_library(render_page([study], {}, storage=attack))
    assert "<script>alert" not in page
    assert "&lt;script&gt;alert" in page


def test_pictures_are_on_the_page_as_they_were_kept_if_there_is_room() -> None:
    study, picture = made_study(TRIALS), picture_of(64)
    page = render_page([study], {(study.name, 3): picture, (study.name, 0): picture})
    assert page.count(base64.b64encode(picture).decode()) == 2
    assert "The picture grids of all front points that have one are on this page." in page
    assert without_library(page).count("none kept") == 1  # Of trial 2.


def test_many_pictures_are_shrunk_and_the_bound_comes_first() -> None:
    study, large = made_study(TRIALS), picture_of(300)
    pictures = {(study.name, number): large for number in (0, 2, 3)}
    reports = [report_study(study, Commands([study]))]
    room = 4 * LEAST_BYTES
    fitted = fit_pictures(pictures, reports, room)
    # Trial 2 is the bound, trial 3 over the budget.
    assert fitted.keys() == {(study.name, 0), (study.name, 2)}
    assert sum(len(base64.b64encode(each)) for each in fitted.values()) < room
    for each in fitted.values():
        with Image.open(BytesIO(each)) as shown:
            assert 100 < shown.width < 600


def test_small_pictures_leave_their_room_to_large_ones() -> None:
    study, small, large = made_study(TRIALS), picture_of(16), picture_of(150)
    pictures = {(study.name, 0): small, (study.name, 2): large, (study.name, 3): small}
    room = 2 * len(large)
    assert fit_pictures(pictures, [report_study(study, Commands([study]))], room) == pictures


@pytest.mark.parametrize("room", [-1, 0, 300])
def test_without_room_there_are_no_pictures(room: int) -> None:
    study = made_study(TRIALS)
    pictures = {(study.name, 0): picture_of(64)}
    assert fit_pictures(pictures, [report_study(study, Commands([study]))], room) == {}


def test_a_page_without_room_for_any_picture_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    study = made_study(TRIALS)
    monkeypatch.setattr(page_module, "MOST_BYTES", 1_000_000)
    page = render_page([study], {(study.name, 0): picture_of(50)})
    assert "None of the 1 picture grids is on this page, as they would take it beyond" in page
    assert "data:image/webp" not in page and "comes first" not in page


def test_a_page_of_301_studies_of_100_points_has_room_for_pictures() -> None:
    front = [made_trial(n, 1 + n / 8, n / 200) for n in range(5)]
    dominated = [made_trial(n, 1 - n / 300, 0.03 + n / 1500) for n in range(5, 100)]
    studies = [made_study([*front, *dominated], steps=steps) for steps in range(1, 302)]
    assert len(render_page(studies, {}).encode()) < 6_500_000


def test_what_cannot_be_shrunk_is_left_out() -> None:
    study = made_study(TRIALS)
    pictures = {(study.name, 0): b"RIFF....WEBP" + bytes(90_000)}
    assert fit_pictures(pictures, [report_study(study, Commands([study]))], 60_000) == {}


@pytest.mark.timeout(300)
def test_a_page_of_162_studies_with_pictures_stays_below_8_mb() -> None:
    studies = [
        made_study(
            [made_trial(n, 1 + n / 4, n / 150) for n in range(8)],
            ("deepcache", "tgate", "tome"),
            steps=steps,
            device="NVIDIA H100 80GB HBM3",
        )
        for steps in range(1, 163)
    ]
    picture = picture_of(100)
    pictures = {(study.name, trial.number): picture for study in studies for trial in study.front}
    page = render_page(studies, pictures)
    assert len(page.encode()) < 8_000_000
    shown = page.count("data:image/webp")
    assert 162 <= shown < len(pictures) == 162 * 8
    assert f"{shown} of {len(pictures)} picture grids are on this page" in page
    assert page.count(">left out<") == len(pictures) - shown


def test_only_pictures_of_the_front_are_read_and_nothing_else_is_taken_for_one(
    tmp_path: Path,
) -> None:
    store = open_store(f"sqlite:///{tmp_path}/a.db", create=True)
    study = made_study([])
    keep(store, study)
    stored = optuna.load_study(study_name=study.name, storage=store.optuna)
    file = BytesIO()
    Image.new("RGB", (8, 8)).save(file, "WEBP")
    for content in (file.getvalue(), file.getvalue(), b"something secret"):
        keep_picture(artifact_folder(store), stored.ask(), "grid.webp", content)
    # 0 is on the front, 1 is dominated, and what 2 has is no picture.
    points = [made_trial(0, 1.2, 0.0), made_trial(1, 1.1, 0.0), made_trial(2, 1.5, 0.01)]
    assert front_pictures(store, [made_study(points)]) == {(study.name, 0): file.getvalue()}
    for path in artifact_folder(store).iterdir():
        path.unlink()
    assert front_pictures(store, [made_study(points)]) == {}


def test_the_command_writes_the_page_and_tells_of_it(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/a.db"
    store = open_store(url, create=True)
    keep(store, made_study(TRIALS))
    store.engine.dispose()
    answer = run("report", "--storage", url, "--out", "a.html", cwd=tmp_path)
    assert answer.returncode == 0, answer.stderr
    assert answer.stdout == ""
    assert re.fullmatch(r"1 study in a\.html, \d\.\d MB\n", answer.stderr)
    page = (tmp_path / "a.html").read_text(encoding="utf-8")
    assert f"--storage {url}" in unescape(re.sub("</?span>", "", page))
    assert "torch" not in modules_after("report", "--storage", url, cwd=tmp_path)


def test_without_a_database_there_is_one_line_and_no_page(tmp_path: Path) -> None:
    answer = run("report", "--storage", "sqlite:///none.db", cwd=tmp_path)
    assert answer.returncode == 2
    assert answer.stderr.count("\n") == 1
    assert "there is no database" in answer.stderr
    assert not (tmp_path / "report.html").exists()
