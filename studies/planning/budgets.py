"""The initial budgets of a study."""

from __future__ import annotations

from objectives.errors import InputError
from storage.records.budgets import Budgets
from studies.budgets import default_budget
from studies.request import StudyRequest


def first_budgets(request: StudyRequest) -> Budgets:
    """Return the budgets of a new study if none are requested.

    Raises:
        InputError: If the study's loss has no default budget.
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
