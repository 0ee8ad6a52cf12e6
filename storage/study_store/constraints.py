"""Budgets as Optuna knows them: one constraint a budget, kept when it is not above 0."""

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
    """A study whose trials have the constraints that its budgets mean today.

    What was told of a trial is of the budgets of its time, and Optuna changes no finished trial.
    Its samplers need the constraints of all trials to be of the same budgets; GPSampler fails else.
    """

    def __init__(self, study: optuna.Study, budgets: Budgets) -> None:
        """Show a study as it is under budgets.

        Args:
            study: The study; nothing is changed in it.
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
        """All that samplers read goes through here."""
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
            # What others told Optuna has the two values alone.
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
