"""What all faces take where nothing is said."""

DEFAULT_STORAGE = "sqlite:///accelfront.db"

DEFAULT_TRIALS = 8
"""Distinct points that a study is to have measured."""

STORAGE_VARIABLE = "ACCELFRONT_STORAGE"
"""The variable of the environment that names another storage."""
