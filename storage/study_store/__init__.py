"""The study store: everything that is written to Optuna, and every private name of Optuna."""
