"""What a study concludes, and the one wording that every face shows.

It leads with the answer, which is almost surely inside all budgets. A point that is faster by its
means is a wager, and is shown with its chance to lose. If no point is inside, the one that loses
least shows how far away the budget is.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from storage.records.budgets import Budgets
from storage.records.conclusions.passed_over import passed_over
from storage.records.conclusions.words import (
    figures,
    loss_share,
    loss_title,
    risk_in_words,
    sentence,
    share_text,
    unsure_in_words,
)
from storage.records.judgement import bolder_point, judged_bound, least_lossy, sure_answer
from storage.records.requirement import NOTHING_ASKED
from storage.records.trial import Trial


@dataclass(frozen=True)
class Conclusion:
    """What is known about a study's points so far.

    Attributes:
        budgets: What is allowed.
        answer: The fastest point that is almost surely inside them; None if there is none.
        bolder: The fastest point inside by its means, if the answer is slower or missing.
        bound: The fastest point inside by its means, whether or not it beats the plain pipeline.
        least_lossy: The point of least loss, if no point is inside by its means.
        passed_over: Why another point that looked faster is not the answer, in words.
    """

    budgets: Budgets
    answer: Trial | None
    bolder: Trial | None
    bound: Trial | None
    least_lossy: Trial | None
    passed_over: str = ""

    @classmethod
    def of(cls, trials: Sequence[Trial], budgets: Budgets) -> Conclusion:
        """Conclude from points."""
        answer, bolder = sure_answer(trials, budgets), bolder_point(trials, budgets)
        bound = judged_bound(trials, budgets)
        nearest = least_lossy(trials, budgets) if bound is None else None
        passed = ""
        if answer is not None:
            # If the bolder point is faster than it as well, it needs no words.
            named = (bolder or answer).judged_speedup
            others = [trial for trial in trials if trial.speedup > named and trial is not bolder]
            passed = passed_over(others, answer, budgets, NOTHING_ASKED)
        return cls(budgets, answer, bolder, bound, nearest, passed)

    @property
    def best(self) -> Trial | None:
        """The answer, or without one the bolder point."""
        return self.answer or self.bolder

    @property
    def answer_in_words(self) -> str:
        """The point to use, or why there is none; a sentence without its full stop."""
        inside = self.budgets.in_words()
        if self.answer is not None:
            where = "not confirmed" if self.answer.confirmed is None else "confirmed"
            words = (
                f"Use {figures(self.answer)}, {where} on unseen prompts; it is inside {inside} "
                f"with a chance of {self._chance(self.answer)}"
            )
            unsure = unsure_in_words(self.answer)
            return f"{words}, but {unsure}" if unsure else words
        if self.bolder is None:
            return f"Nothing to use: {self._why_nothing}"
        return (
            f"No point that is faster than the pipeline alone is sure to be inside {inside}; a "
            "study with a greater --num-samples tells more"
        )

    @property
    def bolder_in_words(self) -> str:
        """The gain and risk of the bolder point, without a full stop; empty if there is none."""
        if self.bolder is None:
            return ""
        gives = f"trial {self.bolder.number} gives {self.bolder.judged_speedup:.2f}x"
        return f"{gives} if you accept {risk_in_words(self.bolder, self.budgets)}"

    def in_words(self, beside: str = "") -> str:
        """The whole conclusion, in sentences.

        Args:
            beside: How the answer compares with its rivals, if that is known.
        """
        told = self.answer_in_words, beside, self.bolder_in_words, self.passed_over
        return " ".join(sentence(each) for each in told if each)

    @property
    def briefly(self) -> str:
        """The conclusion in a few words, for a line of progress."""
        words = "no answer yet"
        if self.answer is not None:
            words = (
                f"answer {self.answer.judged_speedup:.2f}x, {self._loss} "
                f"{loss_share(self.answer.judged_loss)} (trial {self.answer.number}), "
                f"{self._chance(self.answer)} sure"
            )
        elif self.bolder is None:
            words = self._why_nothing
        return "; ".join(filter(None, [words, self.bolder_in_words]))

    @property
    def _loss(self) -> str:
        return loss_title(self.budgets.loss)

    def _chance(self, trial: Trial) -> str:
        return share_text(trial.chance_inside(self.budgets))

    @property
    def _why_nothing(self) -> str:
        """Why there is neither an answer nor a bolder point."""
        trial, inside = self.least_lossy, self.budgets.in_words()
        if self.bound is not None:
            return (
                f"no point inside {inside} is faster than the pipeline alone; the fastest has "
                f"{self.bound.judged_speedup:.2f}x (trial {self.bound.number})"
            )
        if trial is None:
            return "no point is measured yet"
        words = (
            f"no point is inside {inside} yet; the least {self._loss} is "
            f"{loss_share(trial.judged_loss)}, "
            f"at {trial.judged_speedup:.2f}x (trial {trial.number})"
        )
        lack = self.budgets.why_not(trial.judged)
        return f"{words}, but {lack}" if lack else words
