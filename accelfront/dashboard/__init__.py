"""optuna-dashboard, guarded, with its trials in words."""
