"""What emitters are made of: studies, tasks, and a search that measures nothing."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from accel_space.errors import RefusedError
from generator.artefacts.emit import Emitter
from generator.tasks.task import Task
from storage.records.environment import Environment
from storage.records.study import Study
from tests.generator.made_trials import made_study
from tests.made_records import changed, made_point

POINT = {"deepcache.cache_interval": 3, "deepcache.cache_branch_id": 0}


def make_study(
    *points: tuple[float, float], device: str = "a CPU", digest: str = "0a1b2c3d", **protocol: Any
) -> Study:
    """A study of DeepCache; each point is a speedup and a loss, of narrow intervals."""
    study, trial = made_study("tiny-shapes", ["deepcache"], POINT, **protocol)
    trials = [
        made_point(
            number,
            trial.params,
            speedup,
            loss,
            speedup_ci=[speedup - 0.1, speedup + 0.1],
            latency_ci_s=[1 / (speedup + 0.1), 1 / (speedup - 0.1)],
        )
        for number, (speedup, loss) in enumerate(points)
    ]
    name = study.name.replace("0a1b2c3d", digest)
    # All there is to measure.
    space = study.space.model_copy(update={"distinct": len(points)})
    environment = Environment(device=device, versions={})
    return changed(study, name=name, environment=environment, trials=trials, space=space)


def make_task(speedup: float | None, loss_budget: float = 0.1, **changes: Any) -> Task:
    given = {"pipeline": "tiny-shapes", "methods": ("deepcache",), "text": f"{speedup}x"} | changes
    return Task(speedup=speedup, loss_budget=loss_budget, **given)


@dataclass
class FoundAt:
    """A search that finds what it is told to, or fails with it, and counts its tasks."""

    found: Study | Exception | type[BaseException]
    tasks: list[Task] = field(default_factory=list)
    refusal: RefusedError | None = None

    def run(self, task: Task) -> Study:
        self.tasks.append(task)
        if isinstance(self.found, Study):
            return self.found
        raise self.found

    def command(self, task: Task) -> str:
        if self.refusal is not None:
            raise self.refusal
        return f"accelfront study --req-speedup {task.speedup}"

    def onward(self, study: Study, metrics: Iterable[str]) -> str:
        gained = "".join(f" --metrics {name}" for name in metrics)
        return f"accelfront study --trials 16{gained} # {study.name}"


NOT_ASKED = FoundAt(AssertionError("nothing was to be searched"))


MakeEmitter = Callable[..., Emitter]


def put(text: str, path: Path) -> None:
    path.write_text(text, encoding="utf-8")
