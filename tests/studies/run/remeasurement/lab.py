"""A lab that makes measurements up, for tests of what is measured again."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import optuna

from accel_space.method import Params
from benchmarks.storage.stub_loader import made_up
from objectives.measurement import Baseline
from storage.database.opening import Store
from storage.reading.studies import read_studies
from storage.records.measurement import Measurement
from storage.records.study import Study
from studies.plan import Plan
from studies.run.measuring import Instrument, PipelineLoader

LOSS_ON_UNSEEN = 1e-4
"""How lucky the search was, if nothing else is said: too little for a best point to fall."""


@dataclass
class Lab(PipelineLoader):
    """Makes measurements up, and counts them.

    Attributes:
        disturbed: By place of the trial, what its measurement says of being disturbed.
        loss_on_unseen: How much more a point loses on unseen prompts.
        still: Whether a point that is timed again is disturbed again.
        act: What happens before anything is measured, told what it is.
        counts: How often each was done.
    """

    disturbed: dict[int, list[str]] = field(default_factory=dict)
    loss_on_unseen: float = LOSS_ON_UNSEEN
    still: bool = False
    act: Callable[[str], None] = lambda what: None
    counts: dict[str, int] = field(default_factory=dict)

    def load(self, plan: Plan, store: Store, tell: Callable[[str], None]) -> Instrument:
        """See `PipelineLoader.load`."""
        objective: Any = _Objective(self, on_unseen=plan.first > 0)
        return Instrument(objective, Baseline([0.3], np.ones((1, 1), np.float32)))

    def forget(self) -> None:
        """See `PipelineLoader.forget`."""

    def count(self, what: str) -> int:
        self.act(what)
        self.counts[what] = self.counts.get(what, 0) + 1
        return self.counts[what] - 1


@dataclass
class _Objective:
    lab: Lab
    on_unseen: bool

    def prove(self, baseline: Baseline) -> None:
        """Nothing is ever wrong."""

    def measure(self, point: Params, *ignored: Any, **more: Any) -> Measurement:
        made = made_up(point)
        if not self.on_unseen:
            return made.model_copy(
                update={"disturbed": tuple(self.lab.disturbed.get(self.lab.count("searched"), ()))}
            )
        self.lab.count("confirmed")
        shift = self.lab.loss_on_unseen
        low, high = made.clip_loss_ci
        return made.model_copy(
            update={
                "clip_loss": made.clip_loss + shift,
                "clip_loss_ci": (low + shift, high + shift),
            }
        )

    def time_again(self, before: Measurement, point: Params, *ignored: Any) -> Measurement:
        self.lab.count("timed again")
        return before.model_copy(
            update={
                "speedup": 1.5,
                "speedup_ci": (1.49, 1.51),
                "disturbed": ("busy",) if self.lab.still else (),
            }
        )


def read(store: Store) -> Study:
    """As another process reads it."""
    [record] = read_studies(store)
    return record


def load(store: Store) -> optuna.Study:
    [name] = optuna.get_all_study_names(store.optuna)
    return optuna.load_study(study_name=name, storage=store.optuna)


def refuse_to_confirm(what: str) -> None:
    if what == "confirmed":
        raise OSError("not now")
