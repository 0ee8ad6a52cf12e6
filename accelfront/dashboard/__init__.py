"""optuna-dashboard, guarded, with its trials described in words."""
