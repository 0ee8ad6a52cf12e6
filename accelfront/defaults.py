"""The defaults of all faces."""

DEFAULT_STORAGE = "sqlite:///accelfront.db"

DEFAULT_TRIALS = 8
"""Distinct points that a study should measure."""

STORAGE_VARIABLE = "ACCELFRONT_STORAGE"
"""The variable of the environment that names another storage."""
