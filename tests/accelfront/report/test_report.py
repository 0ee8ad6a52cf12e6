"""`accelfront report`: what it works out, and what its page says; how it looks is tested beside."""

from __future__ import annotations

import re
from html import unescape
from pathlib import Path

from accelfront.report.data import study_titles
from accelfront.report.page import render_page
from storage.database.opening import open_store
from storage.records.conclusions.win_rate import WinRate
from tests.accelfront.report.pages import TRIALS, readable
from tests.command_line import modules_after, run
from tests.made_records import changed, made_measurement, made_point
from tests.made_reports import RIVALS, keep, made_study, made_trial


def table_of(page: str) -> str:
    """The table of the front."""
    return page[page.index('class="front"') : page.index("Search</h")]


def test_what_was_measured_again_stands_beside_what_the_search_saw() -> None:
    again = made_measurement(1.87, 0.05, speedup_ci=[1.8, 1.9], clip_loss_ci=[0, 0.1])
    trial = changed(made_trial(0, 2.0, 0.01, disturbed=["outlier"]), confirmed=again)
    study = made_study([trial])
    page = unescape(readable(render_page([study], {})))
    table = re.sub("<[^>]+>", "", table_of(page))
    table = " ".join(table.split())
    assert "2.00x 1.95 to 2.05 disturbed again 1.87x 1.80 to 1.90" in table
    assert "1.0% 0.0 to 2.0 again 5.0% 0.0 to 10.0 over the budget" in table
    assert "1 of 1 trials, for example by another process" in page
    assert "is inside the loss budget of 2% yet; the least loss is 3.0%, at 1.87x" in page
    assert "Trial 0 comes nearest:" in page
    kept = changed(trial, confirmed=changed(again, clip_loss=0.006, clip_loss_ci=(0, 0.015)))
    page = unescape(readable(render_page([made_study([kept])], {})))
    found = "Use trial 0: 1.87x (1.80 to 1.90) at a loss of 0.8% ("
    assert found in page, "as bounds and generate judge it"
    assert "comes nearest" not in page


def test_the_front_is_told_beside_the_best_lossless_point() -> None:
    page = unescape(readable(render_page([made_study(RIVALS)], {})))
    table = re.sub("<[^>]+>", "", table_of(page))
    assert "4 6.40x 6.35 to 6.45 2.00x 0.156" in " ".join(table.split())
    assert "fewer steps 4.00x" in table and "(trial 1, 3.20x)" in table
    text = " ".join(re.sub("<[^>]+>", " ", page).split())
    assert "chance of 98%. It is 2.00 times as fast as the best lossless point (3.20x, tri" in text
    assert "Warm-up 4.25 s to 2.01 min a trial" in text
    page = unescape(readable(render_page([made_study(RIVALS), made_study([])], {})))
    overview = page[page.index('class="overview"') : page.index('class="front"')]
    assert '<td role="cell" data-label="vs lossless">2.00x</td>' in overview
    page = unescape(readable(render_page([made_study(TRIALS)], {})))
    assert "lossless" not in page and "Warm-up" not in page


def test_votes_are_told_of_the_points_that_have_some() -> None:
    study = made_study(TRIALS)
    assert "preferred the point's pictures" not in readable(render_page([study], {}))
    liked = study.model_copy(update={"votes": {2: {"baseline": WinRate(6, 2, 2)}}})
    page = unescape(readable(render_page([liked], {})))
    assert "votes 70% 40..89" in table_of(page) and "preferred the point's pictures" in page


def test_fewer_steps_are_explained_where_they_are_told() -> None:
    told, known = RIVALS[4], RIVALS[3]
    for trials, is_told in (([*RIVALS[:3], told], True), ([*RIVALS[:2], known, told], False)):
        page = readable(render_page([made_study(trials)], {}))
        assert ("Fewer steps: their speedup" in page) is is_told


def test_what_to_doubt_is_told() -> None:
    assert "What to doubt" not in render_page([made_study(TRIALS)], {})
    poor = made_study(
        [made_trial(0, 1.5, 0.0, baseline_clip_score=0.6)], scheduler="UniPC", digest="ffffffff"
    )
    odd = changed(poor, doubt="the scorer knows none of it", foreign_trials=2)
    page = unescape(readable(render_page([made_study(TRIALS), odd], {})))
    assert "UniPC 20 without acceleration scores 25.0% less than DDIM 20" in page
    assert "<li>Tiny-shapes UniPC 20: the scorer knows none of it.</li>" in page
    assert '<p class="doubt">The scorer knows none of it.</p>' in page
    assert (
        '<p class="doubt">Accelfront did not measure 2 trials; they count for nothing.</p>' in page
    )


def test_no_two_sections_have_one_heading() -> None:
    studies = [
        made_study(TRIALS, methods, digest=digest, seed=seed)
        for seed, digest in enumerate(("0a1b2c3d", "ffffffff"))
        for methods in (("deepcache",), ("tgate",))
    ]
    page = readable(render_page(studies, {}))
    headings = re.findall("<h2[^>]*>(.*?)</h2>", page)
    assert len(headings) == len(set(headings)) == 4 + 2 + 1
    assert "All studies of tiny-shapes, protocol 2 of 2" in headings
    assert study_titles(studies)[studies[2].name].endswith("(ffffffff)")
    assert study_titles(studies[:1]) == {studies[0].name: "tiny-shapes, DDIM, 20 steps, deepcache"}


def test_a_study_without_points_is_told_of_in_words() -> None:
    page = readable(render_page([made_study([])], {}))
    assert "No point is measured in full yet" in page
    assert 'class="explorer"' not in page


def test_the_table_says_what_the_chart_says() -> None:
    page = readable(render_page([made_study(TRIALS)], {}))
    table = table_of(page)
    for said in (
        "2.00x",
        "1.95 to 2.05",
        "5.0%",
        "4.0 to 6.0",
        "over the budget",
        "cache_interval=5",
    ):
        assert said in table
    assert "accelfront generate" in unescape(table)
    assert "cache_interval=3" not in table  # Dominated.


def test_what_a_database_holds_is_text_and_never_code() -> None:
    attack = "</script><script>alert(1)</script>"
    study = made_study(
        [made_point(0, {attack: 1}, 1.2, 0.0)],
        methods=(attack,),
        scheduler=attack,
        device=attack,
        scorer=attack,
    )
    page = readable(render_page([study], {}, storage=attack))
    assert "<script>alert" not in page
    assert "&lt;script&gt;alert" in page


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
