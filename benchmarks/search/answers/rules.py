"""The compared rules for choosing an answer from a search, and what each looks at again."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from benchmarks.search.replay import PROMPTS, Replay
from storage.records.budgets import Budgets
from storage.records.judgement import judged_bound, sure_answer
from storage.records.measurement import Remeasured
from storage.records.trial import Trial
from studies.run.remeasurement.confirmation import to_confirm

Rule = Callable[[Sequence[Trial], "Looks"], Trial | None]
"""Chooses an answer of a search, and may look at points again for it."""

QUARTER = 4
"""One point in so many was confirmed, decided or not, before looks went to the undecided ones."""

MOST_BEYOND = 4
"""At most so many more, until the best by its mean was a confirmed one."""


class Looks:
    """Second looks at the points of one truth, all on the same unseen prompts.

    Attributes:
        budgets: What is allowed.
        taken: How many points it looked at.
    """

    def __init__(self, replay: Replay) -> None:
        """Draw the prompts, and look at nothing yet."""
        self.budgets: Budgets = replay.budgets
        self.taken = 0
        self._replay = replay
        self._prompts = replay.fresh(PROMPTS)

    @property
    def pictures(self) -> int:
        """How many pictures the looks took, with those of the plain pipeline."""
        return PROMPTS * (self.taken + (self.taken > 0))

    def confirmed(self, trial: Trial) -> Trial:
        """Look at a point."""
        self.taken += 1
        replay = self._replay
        measured = replay.measurement(replay.row(trial.params), self._prompts)
        again = Remeasured(**dict(measured), look="confirmed")
        return trial.model_copy(update={"confirmed": again})


def by_mean(trials: Sequence[Trial], looks: Looks) -> Trial | None:
    """The fastest inside by its mean."""
    return judged_bound(trials, looks.budgets)


def by_confirmed_mean(trials: Sequence[Trial], looks: Looks) -> Trial | None:
    """The same among the confirmed points of a fixed share, judged only by confirmations."""
    return judged_bound(map(_by_confirmation_alone, _confirmed_share(trials, looks)), looks.budgets)


def by_confirmed_interval(trials: Sequence[Trial], looks: Looks) -> Trial | None:
    """The fastest whose whole interval is inside, judged only by confirmations."""
    budgets = looks.budgets
    judged = map(_by_confirmation_alone, _confirmed_share(trials, looks))
    sure = [trial for trial in judged if trial.measurement.clip_loss_ci[1] <= budgets.most_loss]
    return max(sure, key=lambda trial: trial.speedup, default=None)


def pooled(trials: Sequence[Trial], looks: Looks) -> Trial | None:
    """The fastest that is surely inside by both measurements of a fixed share."""
    return sure_answer(_confirmed_share(trials, looks), looks.budgets)


def without_looks(trials: Sequence[Trial], looks: Looks) -> Trial | None:
    """The answer of a study that looks at no point again."""
    return sure_answer(trials, looks.budgets)


def of_the_study(trials: Sequence[Trial], looks: Looks) -> Trial | None:
    """The answer of a study that confirms points that may become a faster answer, as studies do."""
    known = list(trials)
    while due := to_confirm(known, looks.budgets):
        known[known.index(due[0])] = looks.confirmed(due[0])
    return sure_answer(known, looks.budgets)


RULES: dict[str, Rule] = {
    "fastest by mean": by_mean,
    "confirmed mean": by_confirmed_mean,
    "whole interval, confirmed": by_confirmed_interval,
    "pooled, a fixed share": pooled,
    "`accelfront study --no-confirm`": without_looks,
    "`accelfront study`": of_the_study,
}


def _confirmed_share(trials: Sequence[Trial], looks: Looks) -> list[Trial]:
    """A quarter of the points confirmed, the fastest first that are inside by their means.

    Then the best by its mean until it is a confirmed one, at most `MOST_BEYOND` times.
    """
    known = list(trials)
    for number in range(max(1, len(known) // QUARTER) + MOST_BEYOND):
        judged = list(map(_by_confirmation_alone, known))
        if number < len(known) // QUARTER:
            judged = [
                each for each, trial in zip(judged, known, strict=True) if not trial.confirmed
            ]
        best = judged_bound(judged, looks.budgets)
        if best is None:
            break
        [place] = [place for place, trial in enumerate(known) if trial.number == best.number]
        if known[place].confirmed is not None:
            break
        known[place] = looks.confirmed(known[place])
    return known


def _by_confirmation_alone(trial: Trial) -> Trial:
    """A point as if nothing but its confirmation were known."""
    again = trial.confirmed
    if again is None:
        return trial
    update = {"measurement": again, "confirmed": None, "speedup": again.speedup}
    return trial.model_copy(update={**update, "loss": again.clip_loss})
