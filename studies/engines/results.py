"""What an engine reports: the status of each worker while it runs, and the result of each study."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal

from storage.records.study import Study
from studies.run.progress import Progress

State = Literal["done", "failed", "interrupted", "others"]


@dataclass(frozen=True)
class StudyResult:
    """How one study of a sweep ended.

    Attributes:
        label: The study without its digest.
        state: `done` if it has measured enough points; `others` if other workers measure the rest.
        reason: Why it is not done; for a finished study, a note or empty.
        study: The study as it is stored; None if it never began.
        measured: How many points this run measured.
    """

    label: str
    state: State
    reason: str
    study: Study | None
    measured: int

    def as_json(self) -> dict[str, Any]:
        """Return the entry of `sweep --json`."""
        study = {} if self.study is None else self.study.as_json()
        return {
            "combination": self.label,
            "state": self.state,
            "reason": self.reason or None,
            "measured": self.measured,
            **study,
        }


@dataclass(frozen=True)
class WorkerStatus:
    """What one worker does now.

    Attributes:
        worker: The worker's number, from 1; 0 is the command itself.
        place: The worker's host and GPU; empty for the command itself.
        title: The study that the worker runs, or else its current activity.
        progress: The progress of that study; None before its first report and between studies.
    """

    worker: int
    place: str
    title: str
    progress: Progress | None


Watch = Callable[[WorkerStatus], None]
