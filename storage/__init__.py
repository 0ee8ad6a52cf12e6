"""The database: opening it, our tables next to Optuna's, and reading both back.

Knows SQLAlchemy and Optuna; knows no torch.
"""
