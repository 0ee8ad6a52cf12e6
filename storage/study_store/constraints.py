"""Budgets as Optuna knows them: one constraint per budget, met when it is at most 0."""

from __future__ import annotations

from collections.abc import Container, Mapping
from copy import copy

import optuna
from optuna.trial import FrozenTrial, TrialState

from storage.reading.trials import measurements
from storage.records.budgets import UNKNOWN, Budgets
from storage.records.measurement import Measurement
from storage.study_store.attributes import DUPLICATE_OF


class BudgetedStudy(optuna.Study):
    """A study whose trials have the constraints of its present budgets.

    A trial was stored with the constraints of its time, and Optuna changes no finished trial.
    Samplers need all trials' constraints to be of the same budgets; otherwise GPSampler fails.
    """

    def __init__(self, study: optuna.Study, budgets: Budgets) -> None:
        """Show a study under budgets.

        Args:
            study: The study; it is not changed.
            budgets: What is allowed.
        """
        super().__init__(study.study_name, study._storage)
        self._budgets = budgets

    def _get_trials(
        self,
        deepcopy: bool = True,
        states: Container[TrialState] | None = None,
        use_cache: bool = False,
    ) -> list[FrozenTrial]:
        """Read trials; everything that samplers read goes through here."""
        trials = super()._get_trials(deepcopy, states, use_cache)
        known = measurements(trials)
        return [self._judged(trial, known) for trial in trials]

    def _judged(self, trial: FrozenTrial, known: Mapping[int, Measurement]) -> FrozenTrial:
        if trial.state not in (TrialState.COMPLETE, TrialState.PRUNED):
            return trial
        found = known.get(trial.user_attrs.get(DUPLICATE_OF, trial.number))
        if found is not None:
            excess = self._budgets.excess(found)
        else:
            # Trials that others added to Optuna only have the two values.
            excess = dict.fromkeys(self._budgets.limits(), UNKNOWN)
            if trial.values:
                excess[self._budgets.loss] = trial.values[1] - self._budgets.most_loss
        judged = copy(trial)
        judged.system_attrs = {
            key: value
            for key, value in trial.system_attrs.items()
            if not key.startswith("constraints")
        }
        for name, beyond in excess.items():
            judged.set_constraint(name, beyond)
        return judged
