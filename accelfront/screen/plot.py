"""Text plots: the points of a study, and the answers of many studies.

They are as wide as the terminal (80 columns in a pipe), need no colours, and use ASCII if the
output takes nothing else.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import groupby

from rich.console import Console, ConsoleOptions, RenderResult
from rich.text import Text

from accelfront.screen.counting import counted
from accelfront.screen.tables import combination_text
from storage.records.budgets import title
from storage.records.study import Study
from storage.records.trial import Trial

FRONT, ANSWER, ABOVE, DOMINATED, PLAIN, BUDGET = "●◆▲·+┄"
LEFT, RIGHT, CUT_LEFT, CUT_RIGHT, LINE, ONE = "├┤<>─│"
ASCII = str.maketrans("●◆▲·┄├┤─│└┬┼…", "o#^.-[]-|++|~")

ROWS, WIDEST, NARROWEST = 12, 100, 20


@dataclass(frozen=True)
class Plot:
    """Something that a console draws at its full width.

    Attributes:
        draw: The lines of the plot for a number of columns; only its last one may be wider.
    """

    draw: Callable[[int], list[str]]

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        """Draw within the available width."""
        for line in self.draw(min(options.max_width, WIDEST)):
            text = Text(line.rstrip())
            text.highlight_regex(f"[{BUDGET}{DOMINATED}]+", "dim")
            text.highlight_regex(rf"[{FRONT}{ANSWER}{ABOVE}]\d*", "bold")
            if options.ascii_only:
                text.plain = text.plain.translate(ASCII)
            yield text


@dataclass(frozen=True)
class Axis:
    """Values on a row of cells, the first one at `low` and the last one at `high`."""

    low: float
    high: float
    cells: int

    def cell(self, value: float) -> int:
        """The cell of a value; one beyond an end gets the cell at that end."""
        share = (value - self.low) / (self.high - self.low)
        return round(min(max(share, 0.0), 1.0) * (self.cells - 1))

    def ticks(self, most: int) -> dict[int, float]:
        """Round values by their cells, 1, 2 or 5 of a power of ten apart."""
        least = (self.high - self.low) / most
        power = 10.0 ** math.floor(math.log10(least))
        step = next(power * each for each in (1, 2, 5, 10) if power * each >= least)
        counts = range(math.ceil(self.low / step), math.floor(self.high / step) + 1)
        return {self.cell(count * step): count * step for count in counts}


def front_plot(study: Study) -> Plot:
    """The points of a study: speedup to the right, the loss upwards, its budget as a line.

    Args:
        study: A study; without points nothing is drawn.
    """
    return Plot(partial(_front_lines, study))


def answers_plot(studies: Sequence[Study]) -> Plot:
    """A line per study: its answer and the answer's interval, on one axis of speedups."""
    return Plot(partial(_answers_lines, studies))


def _front_lines(study: Study, width: int) -> list[str]:
    if not study.trials:
        return []
    front = study.listed
    losses = _loss_axis(study)
    ticks = {row: f"{loss:.3g}%" for row, loss in losses.ticks(most=6).items()}
    margin = max(map(len, ticks.values())) + 1
    # At the right, room for the number of the fastest point.
    room = max((len(str(trial.number)) for trial in front), default=0)
    speedups = [1.0, *(trial.judged_speedup for trial in study.trials)]
    speeds = _speed_axis(speedups, width - margin - 2 - room)
    rows = _scattered(study, front, speeds, losses)
    return [
        "",
        f" {title(study.loss)}",
        *(
            f"{ticks.get(row, ''):>{margin}} {'┼' if row in ticks else '│'}{''.join(rows[row])}"
            for row in reversed(range(ROWS))
        ),
        *(" " * (margin + 1) + line for line in _ruler(speeds)),
        "",
        *_legend(study, front, losses.high),
    ]


def _loss_axis(study: Study) -> Axis:
    """Losses in %; the budget stays in the lower part, where people make their choice."""
    losses = [trial.judged_loss for trial in study.trials]
    low = min(*losses, study.loss_budget, 0.0)
    span = max(study.loss_budget - low, 0.01)
    high = min(max(*losses, low + 1.5 * span), low + 4 * span)
    return Axis(100 * low, 100 * high, ROWS)


def _speed_axis(speedups: Iterable[float], cells: int) -> Axis:
    low, *_, high = sorted(speedups)
    # Points that are all but equal should not look far apart.
    return Axis(low, max(high, low + 0.1), max(cells, NARROWEST))


def _scattered(study: Study, front: Sequence[Trial], speeds: Axis, losses: Axis) -> list[list[str]]:
    """The rows of the plot, the lowest one first; the front covers everything else."""
    budget_row = losses.cell(100 * study.loss_budget)

    def place(trial: Trial) -> tuple[int, int]:
        row = losses.cell(100 * trial.judged_loss)
        # Only points over the budget are above its line, however near.
        inside = trial.judged_loss <= study.loss_budget
        row = min(row, budget_row) if inside else max(row, budget_row + 1)
        return row, speeds.cell(trial.judged_speedup)

    def is_above(trial: Trial) -> bool:
        return 100 * trial.judged_loss > losses.high

    rows = [[" "] * speeds.cells for _ in range(ROWS)]
    rows[budget_row] = [BUDGET] * speeds.cells
    rows[losses.cell(0.0)][speeds.cell(1.0)] = PLAIN
    for trial in study.trials:
        row, column = place(trial)
        if not is_above(trial):
            rows[row][column] = DOMINATED
    for trial in front:
        row, column = place(trial)
        rows[row][column] = ABOVE if is_above(trial) else FRONT
    if (answer := study.answer) is not None:
        row, column = place(answer)
        rows[row][column] = ANSWER
    # If marks share a cell, the number is that of the visible mark.
    numbered = {place(trial): trial.number for trial in (*front, *([answer] if answer else []))}
    for (row, column), of_mark in numbered.items():
        number = str(of_mark)
        end = column + 1 + len(number)
        # A number hides no mark and touches no other number.
        if set(rows[row][column + 1 : end + 1]) <= {" ", BUDGET}:
            rows[row][column + 1 : end] = number
    return rows


def _legend(study: Study, front: Sequence[Trial], highest: float) -> list[str]:
    on_front = {trial.number for trial in front}
    above = {trial.number for trial in study.trials if 100 * trial.judged_loss > highest}
    hidden = len(above - on_front)
    answer = study.answer
    marks = {
        f"{FRONT} front": any(answer is None or trial.number != answer.number for trial in front),
        f"{ANSWER} answer": answer is not None,
        f"{ABOVE} front, further up": bool(above & on_front),
        f"{DOMINATED} {'dominated or left out' if study.ruled_out else 'dominated'}": len(
            study.trials
        )
        > len(front) + hidden,
        f"{PLAIN} unaccelerated": True,
        f"{BUDGET} budget {study.budgets.loss_in_words}": True,
    }
    lines = ["   ".join(mark for mark, is_drawn in marks.items() if is_drawn)]
    if hidden:
        is_or_are = "is" if hidden == 1 else "are"
        lines.append(f"{counted(hidden, 'dominated point')} {is_or_are} further up")
    return lines


def _ruler(speeds: Axis) -> list[str]:
    """The line of an axis of speedups, and its labels below."""
    line, labels, title = [LINE] * speeds.cells, "", "  speedup"
    for cell, value in speeds.ticks(most=speeds.cells // 10).items():
        line[cell] = "┬"
        label = f"{value:.3g}x"
        if cell + len(label) + len(title) <= speeds.cells:
            labels = f"{labels:<{cell}}{label}"
    return [f"└{''.join(line)}", f" {labels:<{speeds.cells - len(title)}}{title}"]


def _answers_lines(studies: Sequence[Study], width: int) -> list[str]:
    answers = [study.answer for study in studies]
    speedups = [answer.judged_speedup for answer in answers if answer is not None]
    if not speedups:
        return []
    names = _names(studies)
    name_width = min(max(map(len, names)), width // 2)
    # A little wider than the answers, so that a cut interval is seen to continue.
    ends = [1.0, 0.95 * min(speedups), 1.05 * max(speedups)]
    speeds = _speed_axis(ends, width - name_width - len(" │ 12.34x"))
    lines = []
    for pipeline, group in groupby(
        zip(names, studies, strict=True), key=lambda pair: pair[1].combination.pipeline
    ):
        lines += ["", f"{pipeline}: answers and their intervals"]
        lines += [
            f"{name[:name_width]:<{name_width}} │{_strip(study.answer, speeds)}"
            for name, study in group
        ]
        lines += [" " * (name_width + 1) + line for line in _ruler(speeds)]
    return lines


def _names(studies: Sequence[Study]) -> list[str]:
    """Short names that distinguish the studies of a pipeline."""
    combinations = [tuple(combination_text(study)) for study in studies]
    return [
        " ".join(each[1:])
        # Studies of one combination: the digest distinguishes protocols and devices.
        + (f" {study.short_name}" if study.label or combinations.count(each) > 1 else "")
        for study, each in zip(studies, combinations, strict=True)
    ]


def _strip(answer: Trial | None, speeds: Axis) -> str:
    """The answer within its interval, and its figure."""
    if answer is None:
        return " no answer"
    cells = [" "] * speeds.cells
    cells[speeds.cell(1.0)] = ONE
    low, high = answer.judged.speedup_ci
    first, last = speeds.cell(low), speeds.cell(high)
    cells[first : last + 1] = LINE * (last - first + 1)
    cells[first] = CUT_LEFT if low < speeds.low else LEFT
    cells[last] = CUT_RIGHT if high > speeds.high else RIGHT
    cells[speeds.cell(answer.judged_speedup)] = FRONT
    return f"{''.join(cells)} {answer.judged_speedup:.2f}x"
