"""`accelfront compare` on the command line, and what its page says."""

from __future__ import annotations

import json
import re
from html import unescape
from pathlib import Path

import pytest

from accelfront.eyes.figures import figure_rows, parameter_rows, setting_rows, verdict
from accelfront.eyes.sides import Couple, find_couple
from storage.database.opening import Store
from storage.reading.studies import read_studies
from storage.study_store.artifacts import FOLDER_VARIABLE, artifact_folder
from tests.accelfront.eyes.made import NAME, PAIRS, a_study, keep_with_pictures
from tests.command_line import Answer, modules_after, run
from tests.made_reports import keep, made_study, made_trial


def compare(url: str, *arguments: str) -> Answer:
    path = Path(url.removeprefix("sqlite:///")).parent
    return run("compare", *arguments, "--storage", url, cwd=path)


def couple_of(store: Store, *trials: str) -> Couple:
    first, second = (*trials, None)[:2]
    assert first is not None
    return find_couple(lambda study: read_studies(store, study), first, second)


def words_of(page: str) -> str:
    return " ".join(re.sub(r"<(style|script).*?</\1>|<[^>]*>", " ", page, flags=re.DOTALL).split())


def test_two_trials_are_on_one_page_with_their_figures(url: str, tmp_path: Path) -> None:
    answer = compare(url, "0", "1")
    assert (answer.returncode, answer.stdout) == (0, "")
    assert answer.stderr.startswith(f"trial 1 beside trial 0 of {NAME}: compare.html, 0.")
    page = (tmp_path / "compare.html").read_text()
    words = words_of(page)
    assert answer.stderr.endswith("and its CLIP loss is 2 points greater.\n")
    # By hand: 1.9 / 1.2, and the loss of both measurements, 2%, less 0.
    assert (
        "Trial 1 is 1.58 times as fast as trial 0, and its CLIP loss is 2 points greater." in words
    )
    assert "1.20x (1.15 to 1.25)" in words and "1.90x (1.85 to 1.95)" in words
    assert "disturbed by - busy" in words and "confirmed on unseen prompts" in words
    assert page.count("data:image/webp") == 3 and "Nobody has voted yet." in words
    # The worst of both comes after what both show, and of one alone before it.
    headings = re.findall(r"<h2[^>]*>(.*?)</h2>", page)
    assert headings[:2] == ["Pictures of the same prompts", "What trial 1 lost most on"]
    assert f"accelfront compare {NAME}/0 {NAME}/1 --blind --storage {url}" in words
    assert "http" not in page.replace("http://www.w3.org", "")


def test_a_trial_alone_is_seen_beside_its_baseline(url: str, tmp_path: Path) -> None:
    answer = compare(url, "0a1b2c3d/1", "--out", "one.html")
    assert answer.stderr.startswith(f"trial 1 beside the baseline of {NAME}: one.html")
    page = (tmp_path / "one.html").read_text()
    headings = re.findall(r"<h2[^>]*>(.*?)</h2>", page)
    assert headings[:2] == ["What trial 1 lost most on", "The same prompts of every trial"]
    notes = [json.loads(unescape(each)) for each in re.findall(r'data-notes="(.*?)"', page)]
    assert notes[0] == [
        ["prompt 7", "loss 30.0%"],
        ["prompt 3", "loss 10.0%"],
        ["prompt 1", "loss 0.0%"],
    ]
    assert notes[1] == [[f"prompt {n + 1}", f"loss {10 * n}.0%"] for n in range(PAIRS)]
    words = words_of(page)
    assert "Trial 1 is 1.90 times as fast as the baseline" in words
    assert "1.00 0.526" in words, "seconds of the baseline are those beside the point"


def test_what_differs_is_marked(store: Store) -> None:
    both = couple_of(store, "0", "1")
    rows = {row.label: row for row in figure_rows(both)}
    assert rows["speedup"].change.startswith("1.58 times (1.5") and rows["speedup"].differs
    assert rows["SSIM loss"].values == ("not measured", "20% (12.9% to 27.1%)")
    assert rows["SSIM loss"].change == "" and "peak memory" not in rows
    assert [(row.label, row.values, row.differs) for row in parameter_rows(both)] == [
        ("cache_interval", ("2", "3"), True), ("cache_branch_id", ("0", "0"), False),
    ]  # fmt: skip
    assert setting_rows(both) == []
    alone = couple_of(store, "1")
    [ssim] = [row for row in figure_rows(alone) if row.label == "SSIM loss"]
    assert ssim.values[0] == "0%" and ssim.change == "+20 points (+12.9 to +27.1)" and ssim.differs


def test_trials_of_two_studies_have_letters_and_what_was_done_otherwise(store: Store) -> None:
    other = made_study([made_trial(0, 1.21, 0.0)], scheduler="UniPC", device="another CPU")
    keep(store, other)
    both = couple_of(store, f"{NAME}/0", f"{other.name}/0")
    assert both.labels == ("A (trial 0)", "B (trial 0)")
    assert verdict(both) == (
        "B (trial 0) is about as fast as A (trial 0) (1.01 times), and its CLIP loss is about the "
        "same (+0 points)."
    )
    rows = {row.label: row.values for row in setting_rows(both)}
    assert rows["scheduler"] == ("DDIM", "UniPC") and rows["device"] == ("a CPU", "another CPU")


def test_what_wide_intervals_leave_open_is_not_called_about_the_same(store: Store) -> None:
    unsure = made_trial(0, 0.6, 0.3, speedup_ci=(0.1, 3.6), clip_loss_ci=(-0.1, 0.7))
    other = made_study([unsure], scheduler="UniPC")
    keep(store, other)
    both = couple_of(store, f"{NAME}/0", f"{other.name}/0")
    # By hand: 0.6 / 1.2, and a loss of 30%, less 0.
    assert verdict(both).startswith(
        "B (trial 0) may be as fast as A (trial 0) (0.50 times, 0.08 to"
    )
    assert "and its CLIP loss is perhaps the same (+30 points, -10" in verdict(both)


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["x"], "'x' names no trial; write STUDY/NUMBER, such as 0a1b2c3d/7"),
        (["/1"], "'/1' names no trial; write STUDY/NUMBER"),
        (["0a1b2c3d/-1"], "names no trial"),
        (["0a1b2c3d/" + "9" * 5_000], "names no trial"),
        (["7"], f"trial 7 of {NAME} is no point that was measured in full; `accelfront front 0a1b"),
        (["2"], "trial 2 of"),
        (["nobody/1"], "has no study 'nobody'"),
        (["0", "0a1b2c3d/0"], "give two trials, or one to see it by its baseline"),
        (["0", "--port", "8080"], "--port is for --blind without --out"),
    ],
)
def test_misuse_is_told_in_one_line(url: str, arguments: list[str], told: str) -> None:
    answer = compare(url, *arguments)
    assert (answer.returncode, answer.stdout) == (2, "")
    assert told in answer.stderr and answer.stderr.count("\n") == 1


def test_a_number_alone_is_refused_where_it_may_be_of_several_studies(
    url: str, store: Store
) -> None:
    keep(store, made_study([made_trial(0, 1.5, 0.0)], scheduler="UniPC"))
    answer = compare(url, "0")
    assert answer.returncode == 2
    assert "0 may be a trial of any of 2 studies; write STUDY/0, such as " in answer.stderr


def test_without_pictures_the_page_has_the_figures_and_nobody_can_vote(
    url: str, store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(FOLDER_VARIABLE, str(tmp_path / "elsewhere"))
    answer = compare(url, "0", "1")
    told = f"no pictures of trial 0 and trial 1 are in {tmp_path}/elsewhere: name the folder of the"
    assert answer.returncode == 0 and answer.stderr.startswith(told)
    page = (tmp_path / "compare.html").read_text()
    assert told in page and "data:image" not in page and "--blind" not in page
    blind = compare(url, "0", "--blind")
    assert blind.returncode == 2 and "no pictures of trial 0 are in" in blind.stderr
    monkeypatch.delenv(FOLDER_VARIABLE)
    for path in artifact_folder(store).iterdir():
        path.write_bytes(b"RIFF....WEBPno picture")
    assert "no pictures of" in compare(url, "0", "1").stderr


def test_pictures_of_other_prompts_are_not_put_side_by_side(
    url: str, store: Store, tmp_path: Path
) -> None:
    other = a_study(seed=7, num_samples=16)
    keep_with_pictures(store, other.model_copy(update={"name": NAME.replace("0a1b", "ffff")}))
    answer = compare(url, "0a1b2c3d/0", "ffff2c3d/0")
    assert answer.returncode == 0 and answer.stderr.count("\n") == 3
    assert "kept pictures of other prompts (num_samples, seed differ): measure" in answer.stderr
    assert "data:image" not in (tmp_path / "compare.html").read_text()


def test_it_needs_no_torch(url: str, tmp_path: Path) -> None:
    assert modules_after("compare", "0", "1", "--storage", url, cwd=tmp_path) == set()
    blind = ("compare", "0", "--blind", "--out", "blind.html", "--storage", url)
    assert modules_after(*blind, cwd=tmp_path) == set()
