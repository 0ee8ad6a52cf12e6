"""Why no point serves a task, in words."""

from __future__ import annotations

from generator.bounds import is_searched, reach_text
from generator.choice import Choice
from generator.notes import batches_text, inside_text, judgement_notes, unmeasured_text
from generator.tasks.task import Task
from storage.records.budgets import CLIP_LOSS, amount, title
from storage.records.conclusions.words import loss_words, speedup_words
from storage.records.judgement import LEAST_SPEEDUP


def shortfall(task: Task, near: Choice, within_bound: bool) -> str:
    """Say why no point serves a task, and which one comes nearest."""
    study, trial = near.study, near.trial
    if unmeasured := near.unmeasured:
        why = f"but {unmeasured_text(study, unmeasured)}; the one of least loss is"
    elif not near.budgets.allow(trial.judged):
        why = f"but every point has {near.budgets.breaches_in_words}; the one of least loss is"
    elif trial.judged_loss > near.budgets.most_loss:
        why = "but no point is inside the loss budget; the nearest is"
    elif trial.judged_speedup <= LEAST_SPEEDUP:
        why = "but no point inside the budget is faster than the pipeline alone; the fastest is"
    elif within_bound:
        why = "but no point is sure to meet that; the nearest is"
    else:
        why = "which is beyond the bound," if is_searched(study) else "but the fastest so far is"
    judged = trial.judged
    sentence = (
        f"the task asks for {_wish(task)}, {why} trial {trial.number} with "
        f"{speedup_words(judged)}, {judged.latency_s:.3g} s per image {batches_text(study)} and "
        f"loss {loss_words(trial.lost(judged))}, {inside_text(near)}"
    )
    # For a study that has hardly begun, the reason starts with this.
    reach = [reach_text(study)] if is_searched(study) else []
    return "; ".join([sentence, *reach, *judgement_notes(trial)])


def _wish(task: Task) -> str:
    parts = [
        *([f"{task.speedup:g}x"] if task.speedup is not None else []),
        *([f"{task.latency_s:g} s per image"] if task.latency_s is not None else []),
    ]
    limits = [
        f"{'loss' if name == CLIP_LOSS else title(name)} at most {amount(name, most)}"
        for name, most in task.limits.items()
    ]
    return " with ".join([", ".join(parts) or "more than 1x", " and ".join(limits)])
