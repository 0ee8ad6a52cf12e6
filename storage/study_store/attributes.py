"""What is kept on an Optuna study and on its trials, by the names of their user attributes."""

from __future__ import annotations

# Attributes of a study.
IDENTITY = "identity"
"""Distinguishes a study from a deleted one with the same name or number."""
COMBINATION = "combination"
SCHEDULER_SETTINGS = "scheduler_settings"
SCHEDULER_OPTIONS = "scheduler_options"
"""The settings that a person chose; missing if nobody chose any."""
PROTOCOL = "protocol"
ENVIRONMENT = "environment"
SPACE = "space"
LOSS_BUDGET = "loss_budget"
BUDGETS = "budgets"
"""All budgets except that of the loss; missing if there are none."""
DOUBT = "doubt"
ORIGIN = "model_origin"
FILES = "files"
"""Last known places of the prompts and the scorer that a person gave; not in the identity."""
BASELINES = "baselines"
"""Keys of the baselines that it measures against; missing in studies of earlier releases."""
LABEL = "label"
"""A person's name for it; missing or empty if there is none."""
LEARNED = "learned"
"""What each method learned from the plain pipe; missing if none learns, and in studies of
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

# Attributes of a trial.
POINT = "point"
MEASUREMENT = "measurement"
FEASIBLE = "feasible"
REASON = "reason"
DUPLICATE_OF = "duplicate_of"
FAULT = "fault"
"""On a trial that failed for a reason of its own: the versions of the libraries at the time."""
