"""Budgets as Python gives them: `{"clip_loss": 0.02, "ssim": "10%", "memory": "20GiB"}`."""

from __future__ import annotations

from collections.abc import Mapping

from studies.budgets import NONE, AskedBudgets, read_budgets

Budget = float | str | None
"""A share, or what `--budget` takes; None removes one of the study's."""


def asked_budgets(given: Mapping[str, Budget] | None) -> AskedBudgets:
    """Read budgets.

    Raises:
        InputError: If one is none.
    """
    return read_budgets(
        f"{name}={NONE if value is None else value}" for name, value in (given or {}).items()
    )
