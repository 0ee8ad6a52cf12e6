"""The database: opening it, waiting for it, and our tables beside Optuna's."""
