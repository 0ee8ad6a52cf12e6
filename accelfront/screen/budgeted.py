"""The figures that have budgets in addition to a study's loss."""

from __future__ import annotations

from math import isfinite

from generator.notes import unmeasured_text
from storage.records.budgets import MEMORY, Figure, amount, figure, title
from storage.records.conclusions.words import loss_share
from storage.records.study import Study
from storage.records.trial import Trial


def budgeted_text(study: Study, trial: Trial) -> str:
    """The other figures that a point is judged by, a line for each budget; or empty."""
    known = {name: figure(trial.judged, name) for name in sorted(study.budgets.conditions)}
    return "\n".join(
        f"{title(name)} {amount(name, each.value) if name == MEMORY else loss_text(each)}"
        for name, each in known.items()
        if each is not None
    )


def loss_text(loss: Figure) -> str:
    """A loss and its interval, if one is kept."""
    if not isfinite(loss.low):
        return loss_share(loss.value)
    # A tenth of a percent is only worth its columns near the budget.
    low, high = (
        f"{100 * end:z.1f}" if abs(end) < 0.0995 else f"{100 * end:.0f}"
        for end in (loss.low, loss.high)
    )
    return f"{loss_share(loss.value)} {low}..{high}"


def unmeasured(study: Study) -> list[str]:
    """The budgets for which no point has a figure, by name; none if there are no points."""
    return [
        name
        for name in sorted(study.budgets.conditions)
        if study.trials and all(figure(each.judged, name) is None for each in study.trials)
    ]


def unmeasured_words(study: Study) -> str:
    """The same in words; empty if there are none."""
    lacking = unmeasured(study)
    return unmeasured_text(study, lacking) if lacking else ""


def unmeasured_metrics(study: Study) -> list[str]:
    """Those of them that a study can gain; memory is no metric."""
    return [name for name in unmeasured(study) if name != MEMORY]
