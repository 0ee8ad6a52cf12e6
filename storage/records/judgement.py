"""The one order in which measured points are compared and chosen for people.

The best of many points was also lucky. So the points that compete to be the answer are confirmed on
prompts that did not choose them, and are judged by the prompts of both measurements. A point's
interval tells the chance that it is truly inside all budgets; an answer needs a great one.
`benchmarks/search/answers/` shows how often answers are wrong, by this rule and by others.

A stack that compiles or captures is fast without leaving anything out, so the speedup of its points
over the baseline says little about the gain of their lossy methods. `Rivals` tells that.

A search itself uses its own figures (`Study.searched_front`), as those use the same prompts for
all its points.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

from storage.records.budgets import Budgets
from storage.records.front import best_inside, pareto_front
from storage.records.trial import Trial

SURE = 0.95
"""An answer is inside all budgets with at least this chance."""

LEAST_SPEEDUP = 1.0
"""The speedup of the plain pipeline: an answer must be faster."""


class Judged(NamedTuple):
    """A point with the figures that it is judged by, as fronts and bounds compare it."""

    speedup: float
    loss: float
    trial: Trial


class Rivals(NamedTuple):
    """What a study's points have to beat: what it reached without a cache.

    Attributes:
        lossless: The fastest lossless point; None if none is known, and then there are no rivals.
        fewer_steps: The points that only leave out steps.
    """

    lossless: Trial | None
    fewer_steps: list[Trial]

    @classmethod
    def among(cls, trials: Sequence[Trial], budgets: Budgets) -> Rivals:
        """Find them; points that break a condition do not count."""
        allowed = [trial for trial in trials if budgets.allow(trial.judged)]
        lossless = [trial for trial in allowed if trial.is_lossless]
        fewer = [trial for trial in allowed if trial.leaves_out_steps_alone]
        if not lossless:
            return cls(None, [])
        best = lossless[0]
        for trial in lossless[1:]:
            if times_as_fast(trial, best) > 1:
                best = trial
        return cls(best, fewer)

    def lossless_speedup(self, trial: Trial) -> float | None:
        """How many times as fast as the best lossless point it is; None if there is none."""
        return None if self.lossless is None else times_as_fast(trial, self.lossless)

    def fewer_steps_speedup(self, trial: Trial) -> float | None:
        """The speedup that fewer steps reach at no greater loss than the point's; None if unknown.

        It is relative to the point's own baseline. Each point has its own, and some wait longer for
        their host than others: the greater speedup may be the slower point.
        """
        inside = (each for each in self.fewer_steps if each.judged_loss <= trial.judged_loss)
        times = max((times_as_fast(each, trial) for each in inside), default=None)
        return None if times is None else times * trial.judged_speedup

    def as_json(self, trial: Trial) -> dict[str, Any]:
        """What is known of both, and the work that a point leaves out, as fields of the point."""
        if self.lossless is None:
            return {}
        lossy = trial.measurement.lossy_methods
        figures = {
            "lossy_methods": None if lossy is None else list(lossy),
            "lossless_speedup": self.lossless_speedup(trial),
            "fewer_steps_speedup": self.fewer_steps_speedup(trial),
        }
        return {name: figure for name, figure in figures.items() if figure is not None}

    def in_words(self, trial: Trial) -> str:
        """What is known of both, a clause for each; empty if nothing is."""
        best, times = self.lossless, self.lossless_speedup(trial)
        if best is None:
            return ""
        clauses = [
            "it is the best lossless point"
            if best.number == trial.number
            else f"it is {times:.2f} times as fast as the best lossless point "
            f"({best.judged_speedup:.2f}x, trial {best.number})"
        ]
        fewer = self.fewer_steps_speedup(trial)
        if fewer is not None and not trial.leaves_out_steps_alone:
            clauses.append(
                f"fewer steps, with nothing else left out, give {fewer:.2f}x at no greater loss"
            )
        return "; ".join(clauses)


def times_as_fast(trial: Trial, other: Trial) -> float:
    """How many times as fast as another point of its study a point is.

    A baseline that waits for its host is as slow as that host happens to be, which distorts the
    speedups. If neither point waits for the host, their latencies alone compare better.
    """
    one, two = trial.judged, other.judged
    if one.gpu_bound == two.gpu_bound == 1:
        return two.latency_s / one.latency_s
    return trial.judged_speedup / other.judged_speedup


def judged_front(trials: Iterable[Trial], budgets: Budgets) -> list[Trial]:
    """The points that no other one matches or beats in both objectives, fastest first.

    Points that break a condition do not count.
    """
    return [each.trial for each in pareto_front(_judged(trials, budgets))]


def judged_bound(trials: Iterable[Trial], budgets: Budgets) -> Trial | None:
    """The fastest point inside all budgets by its means, or None if there is none."""
    best = best_inside(_judged(trials, budgets), budgets.most_loss)
    return None if best is None else best.trial


def may_be_used(trial: Trial, budgets: Budgets) -> bool:
    """Whether a point may be recommended, by any face.

    It must be sure that it is inside all budgets. It need only be faster than the plain pipeline by
    its mean: on a busy machine no speedup is sure, and the user is told so.
    """
    return trial.judged_speedup > LEAST_SPEEDUP and trial.chance_inside(budgets) >= SURE


def sure_answer(trials: Iterable[Trial], budgets: Budgets) -> Trial | None:
    """The fastest point that may be used; None if there is none."""
    usable = (trial for trial in trials if may_be_used(trial, budgets))
    return max(usable, key=lambda each: (each.judged_speedup, -each.judged_loss), default=None)


def bolder_point(trials: Sequence[Trial], budgets: Budgets) -> Trial | None:
    """The fastest point inside all budgets by its means, where the answer is a slower one.

    It is a wager, to be shown only with its chance. None if the answer is as fast, or if no point
    that is faster than the plain pipeline is inside by its means.
    """
    best, answer = judged_bound(trials, budgets), sure_answer(trials, budgets)
    beaten = LEAST_SPEEDUP if answer is None else answer.judged_speedup
    return None if best is None or best.judged_speedup <= beaten else best


def least_lossy(trials: Sequence[Trial], budgets: Budgets) -> Trial | None:
    """The point of least loss, among those that meet all conditions if there are any."""
    allowed = [trial for trial in trials if budgets.allow(trial.judged)]
    return min(allowed or trials, key=lambda trial: trial.judged_loss, default=None)


def surest(trials: Iterable[Trial], budgets: Budgets) -> Trial | None:
    """The point that serves the greatest wish for speed, of those that may be used, if any."""
    usable = (trial for trial in trials if may_be_used(trial, budgets))
    return max(usable, key=lambda trial: trial.judged.speedup_ci[0], default=None)


def _judged(trials: Iterable[Trial], budgets: Budgets) -> list[Judged]:
    return [
        Judged(trial.judged_speedup, trial.judged_loss, trial)
        for trial in trials
        if budgets.allow(trial.judged)
    ]
