"""The database: opening it, our tables beside Optuna's, and what is read back from both.

Knows SQLAlchemy and Optuna; knows no torch.
"""
