"""The database: opening it, waiting for it, and our tables next to Optuna's."""
