"""One study, as Python shows it."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from accelfront.api.arguments import checked
from accelfront.api.asking import Budget, asked_budgets
from accelfront.api.errors import AccelfrontError, told
from accelfront.api.trial import Trial, Trials, write_text
from storage.records.budgets import Budgets
from storage.records.judgement import sure_answer
from storage.records.requirement import Requirement, serves
from storage.records.study import Study as Record
from storage.records.trial import Trial as Measured
from studies.request import check_requirement

if TYPE_CHECKING:
    import plotly.graph_objects


class Study:
    """A study with its measured points, as it was when it was read.

    Attributes:
        name: Its name in the storage.
        ended: Why the search that returned it ended, such as `trials` (enough are measured) or
            `interrupt`; None if it was opened.
    """

    def __init__(self, record: Record, ended: str | None = None) -> None:
        """Show a study as it is stored."""
        self._record = record
        self.name = record.name
        self.ended = ended

    def __repr__(self) -> str:
        return f"<accelfront.Study {self.name}: {len(self._record.trials)} trials>"

    @property
    def trials(self) -> Trials:
        """All points that were measured in full, by number."""
        return self._shown(self._record.trials)

    @property
    def front(self) -> Trials:
        """The points that no other one matches or beats in speedup and loss, fastest first."""
        return self._shown(self._record.front)

    @property
    def answer(self) -> Trial | None:
        """The fastest point that is almost surely inside all budgets; None if there is none."""
        return self._one(self._record.answer)

    @property
    def bolder(self) -> Trial | None:
        """A faster point that is inside only by its means, a wager; None if there is none."""
        return self._one(self._record.conclusion.bolder)

    @property
    def budgets(self) -> dict[str, float]:
        """Its limits, by name."""
        return self._record.budgets.limits()

    @property
    def verdict(self) -> str:
        """The conclusion, in whole sentences."""
        return self._record.conclusion_in_words

    @property
    def doubt(self) -> str:
        """Why a small loss means little here; empty if there is no reason."""
        return self._record.doubt

    @property
    def failed(self) -> dict[str, str]:
        """Why points could not be measured, by point."""
        return {failure.point: failure.reason for failure in self._record.failed}

    @checked
    def under(self, budget: Mapping[str, Budget]) -> Study:
        """The same study judged by other budgets: its front, its answer and its verdict.

        Args:
            budget: The new limits, as in `search`; others stay the study's.

        Raises:
            AccelfrontError: If a budget is invalid.
        """
        with told():
            budgets = asked_budgets(budget).over(self._record.budgets)
        return Study(self._record.under(budgets), self.ended)

    @checked
    def best(
        self,
        speedup: float | None = None,
        latency_s: float | None = None,
        budget: Mapping[str, Budget] | None = None,
    ) -> Trial | None:
        """Find the fastest point that surely meets a wish, as `generate` does.

        Args:
            speedup: The least speedup, met by the low end of its interval.
            latency_s: The most seconds per picture, met by the high end, in batches of the study's
                size.
            budget: The limits, as in `search`; others stay the study's.

        Returns:
            None if there is none; without `speedup` and `latency_s` the answer.

        Raises:
            AccelfrontError: If a wish or a budget is invalid.
        """
        asked = Requirement(speedup, latency_s)
        with told():
            check_requirement(asked)
            budgets = asked_budgets(budget).over(self._record.budgets)
        serving = (trial for trial in self._record.trials if serves(trial, asked, budgets))
        return self._one(sure_answer(serving, budgets), budgets)

    def plot(self) -> plotly.graph_objects.Figure:
        """Draw speedup against CLIP loss, with intervals, as the report does.

        Raises:
            AccelfrontError: If no point is measured yet.
        """
        from accelfront.api.plotting import front_figure

        if not self._record.trials:
            raise AccelfrontError(f"no point of {self.name} is measured yet; search longer")
        return front_figure(self._record)

    @checked
    def script(
        self, path: str | Path, trial: Trial | None = None, model: str | Path | None = None
    ) -> Path:
        """Write a script that draws with a point and needs no accelfront, as `generate` does.

        Args:
            path: The file, which is replaced, or a folder.
            trial: The point; None means the answer.
            model: The folder or address to load from; None means where the study had its model.

        Returns:
            The file.

        Raises:
            AccelfrontError: If there is no answer, or no known place that holds the model.
        """
        from accelfront.api.scripting import script_of

        chosen = trial or self.answer
        if chosen is None:
            raise AccelfrontError(f"{self.name} has no answer; name a trial. {self.verdict}")
        named = {each.number: each for each in self._record.trials}
        study = chosen.point.provenance.study
        if study != self.name or chosen.number not in named:
            raise AccelfrontError(f"trial {chosen.number} of {study} is none of {self.name}")
        with told():
            name, text = script_of(
                self._record, named[chosen.number], None if model is None else str(model)
            )
        return write_text(text, Path(path) / name if Path(path).is_dir() else Path(path))

    def _one(self, measured: Measured | None, budgets: Budgets | None = None) -> Trial | None:
        return None if measured is None else Trial.of(self._record, measured, budgets)

    def _shown(self, measured: list[Measured]) -> Trials:
        return Trials(Trial.of(self._record, each) for each in measured)
