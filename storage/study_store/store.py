"""The study store: one study in the database, and everything that is written to it."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress

from optuna.trial import TrialState

from storage.database.faults import DATABASE_ERRORS
from storage.database.opening import Store
from storage.database.retry import DatabaseRetry
from storage.reading.studies import read_study
from storage.reading.trials import given_up
from storage.records.budgets import Budgets
from storage.records.environment import version_drift
from storage.records.measurement import Measurement
from storage.records.study import Study
from storage.study_store import attributes as keys
from storage.study_store.claims import list_claims
from storage.study_store.handle import StudyHandle
from storage.study_store.note import write_note
from storage.study_store.opening import StudyDefinition, WantedBudgets, open_study
from storage.study_store.points import PointTrials
from storage.study_store.recovery import recover
from storage.study_store.remeasurements import RemeasurementTrials
from storage.study_store.rows import read_failures
from storage.study_store.upkeep.workers import enter, leave


class StudyStore:
    """One study as this process reads and writes it.

    Every method waits for a database that is away, and may be repeated.

    Attributes:
        retry: The waiting.
        study: The study, for samplers.
        points: The trials that measure points.
        remeasurements: The trials that measure known points again.
    """

    def __init__(
        self,
        database: Store,
        definition: StudyDefinition,
        budgets: WantedBudgets,
        *,
        allow_drift: bool = False,
        tell: Callable[[str], None] = lambda words: None,
    ) -> None:
        """Create the study, or open it to resume it.

        Args:
            database: The database that keeps it.
            definition: What it is.
            budgets: Its new budgets.
            allow_drift: Proceed although libraries have changed since the study began.
            tell: Called with a message when it waits for the database.

        Raises:
            StorageError: If the study is not stored as accelfront stores it.
            StudyRefusedError: If it was begun with other library versions or another space.
        """
        self.retry = DatabaseRetry(tell)
        self.study = self.retry(lambda: open_study(database, definition, budgets, allow_drift))
        self._database = database
        versions = definition.environment.versions
        self._handle = StudyHandle(database, self.study, self.retry, versions)
        self.points = PointTrials(self._handle)
        self.remeasurements = RemeasurementTrials(self._handle)
        self.retry(lambda: recover(self.study, database, begun=False))
        self.retry(lambda: enter(self.study))

    def leave(self) -> None:
        """Note that this process has left the study; a process that ends has left it too."""
        with suppress(*DATABASE_ERRORS):
            leave(self._database, self.study)

    @property
    def budgets(self) -> Budgets:
        """The study's budgets now; another command may change them."""
        return self._handle.budgets

    def read(self) -> Study:
        """Read the study as it is stored now, after repairs of what dead workers left.

        Raises:
            StudyDeletedError: If the study was deleted meanwhile.
        """

        def read() -> Study:
            self._handle.require()
            recover(self.study, self._database)
            failed = read_failures(self._database.engine, [self._handle.id])[self._handle.id]
            return read_study(self.study).model_copy(update={"failed": failed})

        return self.retry(read)

    def count_trials(self) -> int:
        """How many trials the study has, in any state."""
        return len(self.retry(self._handle.trials))

    def taken(self) -> dict[str, int]:
        """Trial number by key, for the points that are measured or under way."""
        held = self.retry(lambda: list_claims(self._database.engine, self._handle.id))
        return {each.point: each.trial_number for each in held}

    def under_way(self) -> int:
        """How many points workers measure now; a trial without a point does not count."""
        return self._claimed(TrialState.RUNNING)

    def given_up(self) -> int:
        """How many points were given up early."""
        return self._claimed(TrialState.PRUNED)

    def free_given_up(self, stays: Callable[[Measurement], bool]) -> None:
        """Free the points given up early that are no longer hopeless, to measure them in full.

        Args:
            stays: Whether a point stays given up, from what was measured of it.
        """

        def free() -> None:
            for trial in self._handle.trials(TrialState.PRUNED):
                known = given_up(trial)
                if known is not None and not stays(known):
                    self._handle.release(trial.number)

        self.retry(free)

    def free_failed(self, all_of_them: bool) -> None:
        """Free points that failed for reasons of their own with other versions, or all of them."""
        versions = self._handle.versions

        def free() -> None:
            for trial in self._handle.trials(TrialState.FAIL):
                met = trial.user_attrs.get(keys.FAULT, versions)
                if all_of_them or version_drift(met, versions):
                    self._handle.release(trial.number)

        self.retry(free)

    def note_doubt(self, doubt: str) -> None:
        """Keep why a small loss means little in this study; empty if there is no reason."""
        self.retry(lambda: self.study.set_user_attr(keys.DOUBT, doubt))

    def write_note(self, text: str) -> None:
        """Put a Markdown text into the study's note, as `note.write_note` does."""
        self.retry(lambda: write_note(self.study, text))

    def _claimed(self, state: TrialState) -> int:
        """How many trials of a state hold a claim, without remeasurements."""
        # In this order, as a claim is never younger than its trial.
        trials = self.retry(lambda: self._handle.trials(state))
        claimed = set(self.taken().values())
        own = [trial for trial in trials if keys.DUPLICATE_OF not in trial.user_attrs]
        return sum(trial.number in claimed for trial in own)
