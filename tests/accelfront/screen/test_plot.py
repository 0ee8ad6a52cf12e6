"""The plots of text, as a console of some width draws them."""

from __future__ import annotations

import io

import pytest
from rich.console import Console

from accelfront.screen.plot import Plot, answers_plot, front_plot
from storage.records.budgets import Budgets
from storage.records.study import Study
from storage.records.trial import Trial
from tests.made_reports import made_study, made_trial


def lines_of(plot: Plot, width: int = 80, encoding: str = "utf-8") -> list[str]:
    """What a pipe of this width gets."""
    file = io.TextIOWrapper(io.BytesIO(), encoding=encoding)
    Console(file=file, width=width).print(plot)
    file.seek(0)
    return file.read().splitlines()


def rows_of(study: Study) -> list[str]:
    """The rows of the plot itself, from the top."""
    return [line for line in lines_of(front_plot(study)) if "│" in line or "┼" in line]


def row_with(mark: str, rows: list[str]) -> int:
    [row] = [number for number, row in enumerate(rows) if mark in row]
    return row


def answers_of(*studies: Study, width: int = 80) -> list[str]:
    return lines_of(answers_plot(studies), width)


def test_front_points_bear_their_trials_and_dominated_ones_do_not() -> None:
    points = [
        made_trial(0, 1.2, 0.0),
        made_trial(1, 1.1, 0.01),
        made_trial(7, 1.5, 0.01),
        made_trial(12, 2.0, 0.03),
    ]
    rows = rows_of(made_study(points))
    places = [(row_with(mark, rows), rows[row_with(mark, rows)].index(mark)) for mark in
              ("●0", "◆7", "●12")]  # fmt: skip
    # Faster is further right, and costs more, which is further up.
    assert places == sorted(places, key=lambda place: (-place[0], place[1]))
    assert sum(row.count("·") for row in rows) == 1
    assert sum(row.count("●") for row in rows) == 2
    assert sum(row.count("◆") for row in rows) == 1, "the answer"


def test_an_answer_that_others_beat_by_their_means_is_drawn_with_its_number() -> None:
    unsure = made_trial(0, 2.0, 0.005, clip_loss_ci=[-0.1, 0.1])
    study = made_study([unsure, made_trial(1, 1.5, 0.006)])
    assert study.answer not in study.front
    rows = rows_of(study)
    assert rows[row_with("◆1", rows)].index("◆") < rows[row_with("●0", rows)].index("●")


def test_an_answer_in_one_cell_with_another_point_keeps_its_own_number() -> None:
    unsure = made_trial(3, 1.5, 0.0101, clip_loss_ci=[-0.1, 0.1])
    study = made_study([made_trial(0, 2.0, 0.04), unsure, made_trial(7, 1.499, 0.0100)])
    assert [trial.number for trial in study.listed if trial.judged_loss < 0.02] == [3, 7]
    rows = rows_of(study)
    assert row_with("◆7", rows) and not any("◆3" in row or "●3" in row for row in rows)


@pytest.mark.parametrize(
    ("clip_loss", "is_over"), [(0.0199, False), (0.02, False), (0.0201, True), (0.021, True)]
)
def test_only_what_is_over_the_budget_is_above_its_line(clip_loss: float, is_over: bool) -> None:
    rows = rows_of(made_study([made_trial(0, 1.2, clip_loss), made_trial(1, 1.1, -0.05)]))
    assert row_with("◆1", rows) == len(rows) - 1
    assert (row_with("●0", rows) < row_with("┄┄", rows)) == is_over


def test_what_loses_far_more_is_marked_on_the_edge_and_squeezes_nothing() -> None:
    far = [made_trial(2, 3.0, 0.9), made_trial(3, 2.5, 0.95)]
    near = [made_trial(0, 1.2, 0.0), made_trial(1, 1.5, 0.015)]
    rows, lines = rows_of(made_study(near + far)), lines_of(front_plot(made_study(near + far)))
    assert "▲2" in rows[0] and "▲" not in "".join(rows[1:])
    assert row_with("◆0", rows) - row_with("●1", rows) >= 2
    assert lines[-1] == "1 dominated point is further up"


def test_no_number_hides_a_point() -> None:
    crowd = [made_trial(100 + n, 1.5 + n / 1000, n / 100_000) for n in range(30)]
    rows = rows_of(made_study([*crowd, made_trial(0, 3.0, 0.02)]))
    assert rows[row_with("◆", rows)].rstrip().endswith("●◆129")


@pytest.mark.parametrize(
    "points",
    [
        [],
        [made_trial(0, 1.0, 0.0)],
        [made_trial(n, 1.5, 0.01) for n in range(3)],
        [made_trial(0, 0.4, 0.9)],
        [made_trial(0, 40.0, -0.5), made_trial(1, 0.1, -0.9)],
        [made_trial(n, 1 + n / 400, (n * 37 % 100) / 1000) for n in range(1000)],
    ],
    ids=["none", "one, as the baseline", "equal", "one, bad", "far apart", "a thousand"],
)
@pytest.mark.parametrize("budget", [-0.5, 0.0, 0.02, 0.9])
@pytest.mark.parametrize("width", [40, 80, 200])
def test_any_points_fit_the_width(points: list[Trial], budget: float, width: int) -> None:
    study = made_study(points).under(Budgets(budget))
    lines = lines_of(front_plot(study), width)
    assert max(map(len, lines), default=0) <= width
    assert any(mark in line for line in lines for mark in "●◆▲") == bool(points)


def test_an_output_of_ascii_gets_ascii() -> None:
    study = made_study([made_trial(0, 1.2, 0.0), made_trial(1, 1.1, 0.01)])
    assert any("#0" in line for line in lines_of(front_plot(study), encoding="ascii"))
    plot = answers_plot([study])
    assert any("o" in line and "1.20x" in line for line in lines_of(plot, encoding="ascii"))


def test_an_answer_lies_in_its_interval_and_a_study_without_one_says_so() -> None:
    sure = made_study([made_trial(0, 1.5, 0.01, speedup_ci=[1.2, 1.6])], ("deepcache",))
    fast = made_study([made_trial(0, 2.0, 0.01, speedup_ci=[1.0, 9.0])], ("tgate",))
    without = made_study([made_trial(0, 2.0, 0.5)], ("tome",))
    lines = {line.partition("│")[0].strip(): line for line in answers_of(sure, fast, without)}
    inside = lines["DDIM 20 deepcache"]
    assert inside.index("├") < inside.index("●") < inside.index("┤")
    assert inside.endswith(" 1.50x")
    # Intervals that go on beyond the axis.
    assert lines["DDIM 20 tgate"].index("├") == inside.index("│") + 1
    assert ">" in lines["DDIM 20 tgate"]
    assert "no answer" in lines["DDIM 20 tome"]


def test_studies_of_one_combination_are_told_apart() -> None:
    points = [made_trial(0, 1.5, 0.01)]
    lines = answers_of(made_study(points), made_study(points, digest="ffffffff"))
    assert any("0a1b2c3d" in line for line in lines)
    assert any("ffffffff" in line for line in lines)


def test_many_studies_take_a_line_each_and_fit_80_columns() -> None:
    studies = [
        made_study([made_trial(0, 1.1 + n / 90, 0)], ("deepcache", "tgate", "tome"), "UniPC", n)
        for n in range(1, 163)
    ]
    lines = answers_of(*studies)
    assert sum("●" in line for line in lines) == 162
    assert max(map(len, lines)) <= 80


def test_without_any_answer_there_is_no_plot() -> None:
    assert [line for line in answers_of(made_study([made_trial(0, 2.0, 0.5)])) if line] == []
