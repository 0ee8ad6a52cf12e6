"""What is kept on an Optuna study and on its trials, by the names of their user attributes."""

from __future__ import annotations

# Of a study.
IDENTITY = "identity"
"""Tells a study from one of the same name, or number, that was deleted."""
COMBINATION = "combination"
SCHEDULER_SETTINGS = "scheduler_settings"
SCHEDULER_OPTIONS = "scheduler_options"
"""The settings that a person chose; not there on a study for which nobody did."""
PROTOCOL = "protocol"
ENVIRONMENT = "environment"
SPACE = "space"
LOSS_BUDGET = "loss_budget"
BUDGETS = "budgets"
"""All budgets but that of the loss; not there on a study that has none."""
DOUBT = "doubt"
ORIGIN = "model_origin"
FILES = "files"
"""Where the prompts and the scorer that a person gave lay at last; no part of the identity."""
BASELINES = "baselines"
"""Keys of the baselines that it measures against; not there in studies of earlier releases."""
LABEL = "label"
"""What a person calls it; not there, or empty, where nobody gave it a name."""
LEARNED = "learned"
"""By method what it learned of the plain pipe; not there where none learns, and in studies of
earlier releases."""
STUDY_KEYS = (
    COMBINATION,
    SCHEDULER_SETTINGS,
    SCHEDULER_OPTIONS,
    PROTOCOL,
    ENVIRONMENT,
    SPACE,
    LOSS_BUDGET,
    BUDGETS,
    DOUBT,
    ORIGIN,
    FILES,
    LABEL,
    LEARNED,
)

# Of a trial.
POINT = "point"
MEASUREMENT = "measurement"
FEASIBLE = "feasible"
REASON = "reason"
DUPLICATE_OF = "duplicate_of"
FAULT = "fault"
"""On a trial that failed for a reason of its own: the versions of the libraries that it met."""
