"""Why a faster point is not the one to use."""

from __future__ import annotations

from collections.abc import Iterable

from storage.records.budgets import Budgets
from storage.records.conclusions.words import loss_share, risk_in_words
from storage.records.judgement import SURE
from storage.records.requirement import Requirement, serves
from storage.records.trial import Trial


def passed_over(
    trials: Iterable[Trial], chosen: Trial, budgets: Budgets, asked: Requirement
) -> str:
    """Why a faster point was not chosen, without a full stop; empty if there is none.

    A point counts as faster if the search or its judgement says so, and if it was inside the loss
    budget by its mean there. The fastest of them is named. A faster point that serves as well was
    left by a policy, which people know about.

    Args:
        trials: The points that there are.
        chosen: The one that was chosen.
        budgets: The budgets that the chosen point meets.
        asked: The requirement for which it was chosen.
    """
    least = chosen.judged_speedup
    faster = [
        (speedup, loss, trial)
        for trial in trials
        if trial.number != chosen.number
        for speedup, loss in _looks(trial)
        if speedup > least and loss <= budgets.most_loss
        if trial.judged_speedup <= least or not serves(trial, asked, budgets)
    ]
    if not faster:
        return ""
    speedup, loss, trial = max(faster, key=lambda each: each[0])
    return (
        f"trial {trial.number} looked faster, {speedup:.2f}x at a loss of {loss_share(loss)}, and "
        f"was passed over: {_lack(trial, asked, budgets)}"
    )


def _looks(trial: Trial) -> set[tuple[float, float]]:
    """Speedup and loss in the search and as judged."""
    return {(trial.speedup, trial.loss), (trial.judged_speedup, trial.judged_loss)}


def _lack(trial: Trial, asked: Requirement, budgets: Budgets) -> str:
    """Why a point was not chosen; for one that serves, how little of its speedup is certain."""
    judged, where = trial.judged, "" if trial.confirmed is None else "on unseen prompts "
    slowest, latency = judged.speedup_ci[0], judged.latency_ci_s
    if not budgets.allow(judged):
        return budgets.why_not(judged)
    if trial.judged_loss > budgets.most_loss:
        return f"by both measurements it loses {loss_share(trial.judged_loss)}"
    if trial.chance_inside(budgets) < SURE:
        return f"there is {risk_in_words(trial, budgets)}"
    if asked.speedup is not None and slowest < asked.speedup:
        return f"{where}it may be only {slowest:.2f}x, and {asked.speedup:.2f}x is asked for"
    if asked.latency_s is not None and latency is None:
        return f"{where}only one pair was timed, so its seconds have no interval"
    if asked.latency_s is not None and latency is not None and latency[1] > asked.latency_s:
        return f"{where}a picture may take {latency[1]:.3g} s"
    return f"{where}it is {trial.judged_speedup:.2f}x"
