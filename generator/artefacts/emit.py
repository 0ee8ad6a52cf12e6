"""From tasks to artefacts: the outcome of each task, and why."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any, Literal, Protocol

from accel_space.errors import RefusedError
from generator.artefacts.artefact import ARTEFACTS, Kind
from generator.artefacts.source import model_note
from generator.bounds import Difficulty, is_searched, reach_text
from generator.choice import (
    Choice,
    Rules,
    Scope,
    by_trust,
    choose,
    is_within_bound,
    nearest,
    speed_asked,
    task_difficulty,
    why_unfit,
)
from generator.notes import inside_text, judgement_notes, latency_text
from generator.refusal import shortfall
from generator.tasks.task import Task
from generator.tasks.task_files import Unparsed
from objectives.settings.measured import settings_note
from storage.database.opening import Store
from storage.database.scripts import ScriptRecord, keep_script
from storage.records.conclusions.passed_over import passed_over
from storage.records.conclusions.words import unsure_in_words
from storage.records.record import rounded
from storage.records.study import Study

Status = Literal["emitted", "infeasible", "not-searched", "unparsed", "failed"]


@dataclass(frozen=True)
class TaskResult:
    """The outcome of a task.

    Attributes:
        task: The task as it was written.
        status: Its current status.
        reason: The reason; for an emitted artefact, notes on it.
        command: The command that would search for it; empty if none would.
        difficulty: How hard the wish is compared with the bound, if both are known.
        chosen: The trial of the script, or the nearest one.
        path: The file that was written.
    """

    task: str
    status: Status
    reason: str
    command: str = ""
    difficulty: Difficulty | None = None
    chosen: Choice | None = None
    path: Path | None = None

    def as_json(self) -> dict[str, Any]:
        """One entry of `generate --json`."""
        return {
            "task": self.task,
            "status": self.status,
            "reason": self.reason + (f"; to search it: {self.command}" if self.command else ""),
            "difficulty": self.difficulty,
            **(NONE_CHOSEN if self.chosen is None else _chosen_json(self.chosen)),
            "path": None if self.path is None else str(self.path),
        }


NONE_CHOSEN = dict.fromkeys(
    (
        "study", "trial", "model", "speedup", "clip_loss", "chance_inside", "latency_s",
        "batch_size", "judged_speedup", "judged_speedup_ci", "judged_latency_s",
        "judged_clip_loss", "judged_clip_loss_ci",
    )
)  # fmt: skip
"""The fields of a chosen trial in `generate --json`, for a task that has none."""


def _chosen_json(chosen: Choice) -> dict[str, Any]:
    study, trial = chosen.study, chosen.trial
    return {
        "study": study.name,
        "trial": trial.number,
        "model": study.protocol.model,
        "speedup": rounded(trial.judged_speedup),
        "clip_loss": rounded(trial.judged_clip_loss),
        "chance_inside": trial.chance_written(chosen.budgets),
        "latency_s": rounded(trial.judged.latency_s),
        "batch_size": study.protocol.batch_size,
        **trial.judged_json(),
        **study.rivals.as_json(trial),
    }


class Search(Protocol):
    """How a missing study is made."""

    def run(self, task: Task) -> Study:
        """Run a study of a task's combination until a point meets the task."""

    def command(self, task: Task) -> str:
        """The command that does the same; raises RefusedError if it would be refused."""

    def onward(self, study: Study, metrics: Iterable[str]) -> str:
        """The command that measures more of a study, and these metrics as well."""


@dataclass(frozen=True)
class Emitter:
    """Emits artefacts for tasks, one after the other, from one storage into one folder.

    Attributes:
        store: Records what is written.
        studies: Its studies, by name; new ones from searches are added.
        scope: Which of them may serve.
        rules: How to choose.
        search: How to search, or which command to suggest for it.
        put: Writes a text to a file, all of it or nothing.
        out: The folder to write into.
        kind: The kind of file to write.
        model: The folder or address that it loads by default; None means the study's.
        search_missing: Whether to search if no point serves.
    """

    store: Store
    studies: dict[str, Study]
    scope: Scope
    rules: Rules
    search: Search
    put: Callable[[str, Path], None]
    out: Path
    kind: Kind = "script"
    model: str | None = None
    search_missing: bool = False

    def emit(self, task: Task | Unparsed) -> TaskResult:
        """Emit the artefact of a task, or say why not; only an interruption stops later tasks."""
        if isinstance(task, Unparsed):
            return TaskResult(task.text, "unparsed", task.reason)
        try:
            return self._emit(task)
        except RefusedError as error:
            return TaskResult(task.text, "infeasible", str(error))
        except (ValueError, RuntimeError, OSError) as error:
            # Our errors, and those of torch and the Hub if a study or a file cannot be made.
            return TaskResult(task.text, "failed", " ".join(str(error).split()))

    def _emit(self, task: Task) -> TaskResult:
        usable, unusable = self._studies_of(task)
        choice = choose(usable, task, self.rules.policy)
        is_open = is_within_bound(usable, task) or not any(map(is_searched, usable))
        if choice is None and self.search_missing and is_open:
            study = self.search.run(task)
            self.studies[study.name] = study
            usable, unusable = self._studies_of(task)
            choice = choose(usable, task, self.rules.policy)
        if choice is not None:
            return self._write(task, choice, usable)
        if not usable:
            return self._unsearched(task, unusable)
        near = nearest(usable, task)
        within_bound = is_within_bound(usable, task)
        reason = shortfall(task, near, within_bound)
        if not any(map(is_searched, usable)):
            return TaskResult(
                task.text,
                "not-searched",
                f"not reached yet, {reach_text(near.study)}: {reason}",
                self.search.onward(near.study, near.unmeasured_metrics),
                chosen=near,
            )
        if within_bound and not self.search_missing:
            reason += "; --search-missing measures more points"
        return TaskResult(
            task.text,
            "infeasible",
            reason,
            difficulty=task_difficulty(near.study, task, self.rules),
            chosen=near,
        )

    def _unsearched(self, task: Task, unusable: Sequence[str]) -> TaskResult:
        """Say which command would search for a task, or why none would here."""
        reasons = list(unusable) or ["no study has measured this combination"]
        try:
            return TaskResult(
                task.text, "not-searched", "; ".join(reasons), self.search.command(task)
            )
        except RefusedError as refusal:
            # A combination that cannot work here may have been measured elsewhere.
            status: Status = "not-searched" if unusable else "infeasible"
            return TaskResult(task.text, status, "; ".join([*unusable, str(refusal)]))

    def _studies_of(self, task: Task) -> tuple[list[Study], list[str]]:
        """The studies that may serve a task, the most trusted first, and why the others may not."""
        measured = [
            study
            for study in self.studies.values()
            if study.combination == task.combination and study.trials
        ]
        reasons = {study.name: why_unfit(study, task, self.scope) for study in measured}
        usable = [study for study in measured if reasons[study.name] is None]
        return by_trust(usable), list(dict.fromkeys(filter(None, reasons.values())))

    def _write(self, task: Task, choice: Choice, usable: Sequence[Study]) -> TaskResult:
        study, trial = choice.study, choice.trial
        artefact = ARTEFACTS[self.kind]
        text = artefact.render(choice, self.model, task.settings.lora_paths)
        path = self.out / artefact.name(study, trial)
        self.put(text, path)
        # After the file, so that no record names a script that does not exist.
        keep_script(
            self.store.engine,
            ScriptRecord(
                task=task.text,
                study=study.name,
                trial=trial.number,
                sha256=sha256(text.encode()).hexdigest(),
                path=str(path.resolve()),
            ),
        )
        passed = passed_over(study.trials, trial, choice.budgets, speed_asked(task))
        latency = latency_text(choice, artefact.draws)
        told = [inside_text(choice), unsure_in_words(trial), latency, passed]
        notes = [
            *task.notes,
            *filter(None, [model_note(study), settings_note(study), study.doubt]),
            *judgement_notes(trial),
            *filter(None, told),
        ]
        if len(usable) > 1:
            notes.append(
                f"the study of {study.protocol.num_samples} prompts on {study.device} was "
                f"taken, of {len(usable)} studies of this combination"
            )
        return TaskResult(
            task.text,
            "emitted",
            "; ".join(notes),
            difficulty=task_difficulty(study, task, self.rules),
            chosen=choice,
            path=path,
        )
