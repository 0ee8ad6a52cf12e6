"""The studies that `accelfront generate --search-missing` runs."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

from accelfront.cli.options import named_storage

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from pathlib import Path

    from generator.choice import Scope
    from generator.tasks.task import Task
    from storage.database.opening import Store
    from storage.records.study import Study
    from studies.request import StudyRequest
    from studies.run.measuring import PipelineLoader


@dataclass
class StudySearch:
    """Runs the studies that tasks lack, as `accelfront study` does.

    Attributes:
        store: The database.
        scope: The devices and models whose measurements count.
        device: The value of --device.
        model: The value of --model.
        trials: The value of --trials: the most distinct points to measure.
        num_samples: The value of --num-samples.
        scorer: The value of --scorer.
        metrics: The value of --metrics.
        weights: The value of --weights.
        loss: The value of --loss.
    """

    store: Store
    scope: Scope
    device: str
    model: str | None
    trials: int
    num_samples: int | None
    scorer: str | None
    metrics: tuple[str, ...]
    weights: Mapping[str, Path]
    loss: str

    def run(self, task: Task) -> Study:
        """Run a study of a task's combination until a point meets the task.

        Raises:
            InputError: If this machine is not the one whose measurements count.
            KeyboardInterrupt: If a person interrupted it.
        """
        from accelfront.cli.process import prepare_process

        prepare_process()
        from accelfront.screen.view import StudyView
        from objectives.errors import InputError
        from studies.plan import make_plan
        from studies.run.runner import run_study

        plan = make_plan(self._request(task))
        here = plan.environment.device
        if not self.scope.device.fullmatch(here):
            raise InputError(
                f"--search-missing measures on {here} here, but --device asks for {self.device}; "
                "give --device auto, cpu or cuda:N"
            )
        with StudyView(plan.study_name) as view:
            outcome = run_study(plan, self.store, view, self._loader)
        if outcome.earlier:
            print(outcome.earlier, file=sys.stderr)
        if outcome.reason == "interrupt":
            raise KeyboardInterrupt
        return outcome.study

    def command(self, task: Task) -> str:
        """The command that runs the same study.

        Raises:
            RefusedError: If the methods cannot work in this combination, or on the device.
        """
        from objectives.timing.device import is_cpu_meant
        from studies.commands import study_command
        from studies.likely import check_likely

        request = self._request(task)
        check_likely(request, is_cpu_meant(self.device))
        return study_command(request, named_storage(self.store.name))

    def onward(self, study: Study, metrics: Iterable[str]) -> str:
        """The command that measures more of a study, with these further metrics."""
        from studies.commands import onward_command

        return onward_command(study, named_storage(self.store.name), metrics)

    @cached_property
    def _loader(self) -> PipelineLoader:
        """A loader that the searches share, so that tasks of one pipeline load it once."""
        from studies.run.measuring import PipelineLoader

        return PipelineLoader()

    def _request(self, task: Task) -> StudyRequest:
        from generator.choice import speed_asked
        from studies.request import StudyRequest

        limits = dict(task.limits)
        loss_budget = limits.pop(self.loss, None)
        is_here = self.device.partition(":")[0] in ("cpu", "cuda")
        return StudyRequest(
            pipeline=task.pipeline,
            scheduler=task.scheduler,
            steps=task.steps,
            methods=task.methods,
            trials=self.trials,
            num_samples=self.num_samples,
            # A task's seconds per image are those of a picture drawn alone.
            batch_size=None if task.latency_s is None else 1,
            model=self.model,
            scorer=self.scorer,
            metrics=self.metrics,
            weights=self.weights,
            generation=task.settings,
            device=self.device if is_here else "auto",
            requirement=speed_asked(task),
            loss=self.loss,
            loss_budget=loss_budget,
            conditions=limits,
            budget_use="run",
        )
