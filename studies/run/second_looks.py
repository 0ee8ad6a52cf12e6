"""Second looks at measured points: disturbed ones are timed again, the best ones confirmed.

Each is a trial that repeats a point: it has a claim and a heartbeat as every trial has, so workers
share them out and one that dies loses nothing, and it counts as no point.
"""

from __future__ import annotations

from contextlib import AbstractContextManager, suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING

import optuna
from optuna.exceptions import UpdateFinishedTrialError
from optuna.trial import TrialState

from objectives.measurement import Measurement
from storage.reading.studies import read_study
from storage.records.points import point_key
from storage.records.remeasurement import LOOK, Look
from storage.records.study import StudyRecord, TrialRecord
from storage.study_store import attributes as keys
from storage.study_store.attributes import FAULT
from storage.study_store.claims import claim, release
from storage.study_store.heartbeat import heartbeat
from storage.study_store.rounding import rounded
from studies.run.confirmation import to_confirm, unsure_best
from studies.run.disturbance import is_quieter, marked, to_time_again

if TYPE_CHECKING:
    from studies.run.bench import Bench
    from studies.run.ledger import Ledger


@dataclass(frozen=True)
class Due:
    """A second look to take.

    Attributes:
        look: Which one.
        first: The point.
        beyond: Whether it is the judged best, and none of those that were planned.
    """

    look: Look
    first: TrialRecord
    beyond: bool = False

    @property
    def key(self) -> str:
        """What is claimed, and what people are told."""
        return f"{self.look}: {point_key(self.first.params)}"

    def is_done(self, record: StudyRecord) -> bool:
        """Whether the study has it already."""
        [trial] = [each for each in record.trials if each.number == self.first.number]
        return trial.timed_again if self.look == "timed again" else trial.confirmed is not None


def due_looks(
    record: StudyRecord, met: TrialRecord | None, confirm: bool, beyond: bool = False
) -> list[Due]:
    """The second looks that a study still wants, in order.

    Args:
        record: The study.
        met: The point that meets a requirement; it alone is confirmed then.
        confirm: Whether there are prompts to confirm on.
        beyond: Whether the judged best is confirmed too where it is none of those planned.
    """
    looks = [Due("timed again", t) for t in to_time_again(record.trials, record.front)]
    if not confirm:
        return looks
    best = to_confirm(record.trials, record.budgets) if met is None else [met]
    looks += [Due("confirmed", trial) for trial in best if trial.confirmed is None]
    last = unsure_best(record.trials, record.budgets) if beyond and met is None else None
    if last is not None and last not in best:
        looks.append(Due("confirmed", last, beyond=True))
    return looks


def take_look(
    due: Due, bench: Bench, trials: list[TrialRecord], timeout_s: float | None
) -> Measurement:
    """Measure what a second look wants.

    Args:
        due: The look.
        bench: The search's, or to confirm that of the unseen prompts.
        trials: The study's points.
        timeout_s: As `Objective.measure` takes it.

    Returns:
        The confirmation; or of two timings the quieter one, with what disturbed it.
    """
    point, objective = due.first.params, bench.objective
    if due.look == "confirmed":
        return objective.measure(point, bench.baseline, timeout_s=timeout_s)
    others = [trial for trial in trials if trial.number != due.first.number]
    before = Measurement.model_validate(dict(due.first.measurement))
    again = objective.time_again(before, point, bench.baseline, timeout_s)
    before, again = marked(before, others), marked(again, others)
    # The seconds are those that this trial took, whichever timing is kept.
    kept = again if is_quieter(again, before) else before
    return kept.model_copy(update={"seconds": again.seconds})


class SecondLooks:
    """The second looks of one study as this process writes them."""

    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger

    def begin(self, due: Due) -> int | None:
        """Begin a trial for a second look.

        Returns:
            Its number in the database; None if another worker is at it, or was.
        """
        ledger, study = self._ledger, self._ledger.study
        first = ledger.retry(lambda: study.get_trials(deepcopy=False))[due.first.number]
        trial = optuna.trial.create_trial(
            state=TrialState.RUNNING,
            params=first.params,
            distributions=first.distributions,
            user_attrs={keys.POINT: due.first.params, keys.DUPLICATE_OF: first.number},
        )
        trial_id = ledger.retry(lambda: study._storage.create_new_trial(ledger.id, trial))
        number = self._number(trial_id)

        def take() -> bool:
            ledger.require_own_number(trial_id)
            ledger.heart.record_heartbeat(trial_id)
            taken = claim(ledger.store.engine, ledger.id, due.key, number)
            # Another worker may have taken it and have ended meanwhile.
            return taken and not due.is_done(read_study(study))

        if ledger.retry(take):
            return trial_id
        self._end(trial_id, TrialState.FAIL)
        return None

    def heartbeat(self, trial_id: int) -> AbstractContextManager[None]:
        """As `Ledger.heartbeat`."""
        return heartbeat(self._ledger.heart, trial_id)

    def keep(self, trial_id: int, due: Due, measurement: Measurement) -> None:
        """Store what was found, unless the worker was given up for dead meanwhile."""
        self._ledger.retry(self._ledger.require_study)
        content = {LOOK: due.look, **rounded(measurement.model_dump())}
        self._note(trial_id, keys.MEASUREMENT, content)
        self._end(trial_id, TrialState.PRUNED)

    def fail(self, trial_id: int, reason: str, own_fault: bool = False) -> None:
        """Note why there is nothing to store, and leave the look to another run.

        Args:
            trial_id: As `begin` returned it.
            reason: Why.
            own_fault: Whether it would fail again; it is left to nobody then.
        """
        self._note(trial_id, keys.REASON, reason)
        if own_fault:
            self._note(trial_id, FAULT, self._ledger.versions)
        self._end(trial_id, TrialState.FAIL, keeps_claim=own_fault)

    def _note(self, trial_id: int, name: str, value: object) -> None:
        storage = self._ledger.study._storage
        with suppress(UpdateFinishedTrialError):
            self._ledger.retry(lambda: storage.set_trial_user_attr(trial_id, name, value))

    def _end(self, trial_id: int, state: TrialState, keeps_claim: bool = False) -> None:
        """End the trial: without values, as it is no point of its own and samplers take none."""
        ledger = self._ledger
        with suppress(UpdateFinishedTrialError):
            ledger.retry(lambda: ledger.study._storage.set_trial_state_values(trial_id, state))
        if not keeps_claim:
            number = self._number(trial_id)
            ledger.retry(lambda: release(ledger.store.engine, ledger.id, number))

    def _number(self, trial_id: int) -> int:
        ledger = self._ledger
        number: int = ledger.retry(lambda: ledger.study._storage.get_trial(trial_id)).number
        return number
