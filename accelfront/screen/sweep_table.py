"""The table of a sweep: the result of each of its studies."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from rich.table import Table

from accelfront.screen.rivals import rival_lines
from accelfront.screen.tables import INSIDE, plain_table
from storage.records.conclusions.words import loss_share, share_text

if TYPE_CHECKING:
    from studies.engines.results import StudyResult


def sweep_table(results: Iterable[StudyResult]) -> Table:
    """A row per study: its answer, with its rivals and a bolder point if they are known."""
    table = plain_table("points", "answer", "loss", "inside")
    table.add_column("study", justify="left")
    for result in results:
        study = result.study
        answer = None if study is None else study.answer
        words = [result.label, *([f"{result.state}: {result.reason}"] if result.reason else [])]
        cells = ["-", "-", "-"]
        if study is not None and answer is not None:
            chance = share_text(answer.chance_inside(study.budgets))
            cells = [f"{answer.judged_speedup:.2f}x", loss_share(answer.judged_loss), chance]
            words += rival_lines(study.rivals, answer)
        if study is not None and (bolder := study.conclusion.bolder_in_words):
            words.append(bolder)
        points = "-" if study is None else f"{len(study.trials)}/{study.space.distinct}"
        table.add_row(points, *cells, "\n".join(words))
    table.caption = (
        f"answer: the greatest speedup that is almost surely inside all budgets\n{INSIDE}"
    )
    table.caption_justify = "left"
    return table
