"""The budgets that a study begins with."""

from __future__ import annotations

from objectives.errors import InputError
from storage.records.budgets import Budgets
from studies.budgets import default_budget
from studies.request import StudyRequest


def first_budgets(request: StudyRequest) -> Budgets:
    """The budgets that a study begins with where nothing else is asked for.

    Raises:
        InputError: If nobody says how much of its loss may go.
    """
    most = default_budget(request.loss)
    if most is None:
        most = request.loss_budget
    if most is None:
        raise InputError(
            f"--loss {request.loss} has no usual budget; say how much may go, such as --budget "
            f"{request.loss}=10%"
        )
    return Budgets(most, loss=request.loss)
