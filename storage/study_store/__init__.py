"""The study store: all that is written to Optuna, and every private name of Optuna."""
