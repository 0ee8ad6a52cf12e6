"""The benches of one run: loaded when there is a point to measure, proven after a failed trial."""

from __future__ import annotations

from collections.abc import Callable
from functools import cached_property

from storage.database.opening import Store
from storage.database.retry import DatabaseRetry
from storage.reading.studies import has_study
from studies.errors import StudyFailedError
from studies.plan import Plan
from studies.run.bench import Bench, Workbench


def open_before_study(
    plan: Plan, store: Store, workbench: Workbench, tell: Callable[[str], None]
) -> Bench | None:
    """Open the bench of a study that is not there yet: what cannot be loaded must leave none.

    Args:
        plan: What is to be measured.
        store: Where the study is to be kept.
        workbench: What is loaded already.
        tell: Told in words what takes time.

    Returns:
        None if the study is there; it may have nothing left to measure.
    """
    retry = DatabaseRetry(tell)
    if retry(lambda: has_study(store, plan.study_name)):
        return None
    return retry(lambda: workbench.open(plan, store, tell))


class Benches:
    """The search's bench, and the one that confirms on prompts which the search does not see.

    Attributes:
        doubtful: Set after a failed trial, which may have left the pipe in pieces; to be put right
            with `restore` before the next one.
        notes: What a person should know of what was loaded, a line each.
    """

    def __init__(
        self,
        plan: Plan,
        confirmation: Plan | None,
        store: Store,
        workbench: Workbench,
        retry: DatabaseRetry,
        tell: Callable[[str], None],
        opened: Bench | None = None,
    ) -> None:
        """Load nothing yet.

        Args:
            plan: What is to be measured.
            confirmation: The same on unseen prompts; None if there are none.
            store: Where baselines are kept.
            workbench: What is loaded already, and what keeps it for the next study.
            retry: Waits for the database.
            tell: Told in words what takes time.
            opened: The search's bench, where it is loaded already.
        """
        self._opened = opened
        self._plan = plan
        self._confirmation = confirmation
        self._store = store
        self._workbench = workbench
        self._retry = retry
        self._tell = tell
        self.doubtful = False
        self.notes = () if opened is None else opened.notes

    @cached_property
    def search(self) -> Bench:
        """What measures the points of the search."""
        return self._opened or self._open(self._plan)

    @cached_property
    def confirming(self) -> Bench:
        """What confirms; only where there is a plan for it."""
        assert self._confirmation is not None  # Else nothing is due to be confirmed.
        return self._open(self._confirmation)

    def restore(self) -> str:
        """Prove that a failed trial left the pipe as it was, else load it anew.

        Returns:
            What was done about it, in words; empty if the pipe is sound.

        Raises:
            StudyFailedError: If the pipe loaded anew does not make the baseline's pictures either.
        """
        self.doubtful = False
        self._tell("checking the pipe after the failure")
        try:
            self._prove()
            return ""
        except Exception as error:
            # Broken in any way it is of no use.
            fault = type(error).__name__
        self._opened = None
        for bench in ("search", "confirming"):
            self.__dict__.pop(bench, None)
        self._workbench.forget()
        try:
            self._prove()
        except Exception as error:
            reason = str(error).partition("\n")[0]
            raise StudyFailedError(
                "after a failed trial the unaccelerated pipeline, loaded anew, makes no right "
                f"pictures: {reason}; what was measured is kept, and the same command goes on"
            ) from error
        return f"the pipe is loaded anew ({fault})"

    def leave(self) -> None:
        """End the run; the workbench may go on to another study, but not with a doubtful pipe."""
        if self.doubtful:
            self._workbench.forget()

    def _open(self, plan: Plan) -> Bench:
        bench = self._retry(lambda: self._workbench.open(plan, self._store, self._tell))
        self.notes = bench.notes
        return bench

    def _prove(self) -> None:
        self.search.objective.prove(self.search.baseline)
