"""The note of a study in optuna-dashboard: its state, and the command that resumes it."""

from __future__ import annotations

from dataclasses import replace

from objectives.model_files.fingerprint import is_loaded
from objectives.settings.measured import option_words, settings_of
from storage.records.conclusions.using import python_lines
from storage.records.requirement import Requirement
from storage.records.study import Study
from studies.commands import ONWARD_IN_PYTHON, study_words
from studies.files import with_whole_paths
from studies.plan import Plan


def study_note(plan: Plan, record: Study, storage: str) -> str:
    """Describe a study, its progress and the command that resumes it, in about 1 kB of Markdown.

    Args:
        plan: The plan of the study.
        record: The study as it is stored now.
        storage: The name of the database, without a password.
    """
    protocol, combination = plan.protocol, plan.combination
    done, distinct = len(record.trials), record.space.distinct
    rows = {
        "combination": f"{combination.pipeline}, {combination.scheduler}, "
        f"{combination.steps} steps, {' + '.join(combination.methods)}",
        "measured": f"{done} of {distinct} points",
        "protocol": f"{protocol.num_samples} prompts of {protocol.prompts}, in batches of "
        f"{protocol.batch_size}, {protocol.width}x{protocol.height}, guidance "
        f"{protocol.guidance_scale:g}, {protocol.dtype}, seed {protocol.seed}",
        **({"drawn with": f"`{drawn}`"} if (drawn := option_words(settings_of(record))) else {}),
        "scored by": protocol.scorer,
        "device": record.device,
    }
    wanted = plan.request.trials
    # Once all these points are measured, a command with the same number would do nothing.
    trials = wanted if done < wanted else min(2 * wanted, distinct)
    onward = "All points are measured." if done == distinct else "Go on with:"
    command = _command(plan, trials, storage)
    return (
        f"**{record.conclusion_in_words}**\n\n"
        + ("" if record.answer is None else _use(record, storage))
        + "| | |\n|---|---|\n"
        + "".join(f"| {name} | {_cell(value)} |\n" for name, value in rows.items())
        + "\nA trial's picture shows the baseline above and the accelerated pipeline below, from "
        "the same prompts and seeds. A trial is `feasible` inside the loss budget. Speedup and "
        "loss are the figures that judge a point: of one that was confirmed on unseen prompts, the "
        "loss of both measurements and the speedup of the second. A pruned trial was given up "
        "early, or is a remeasurement and names its point.\n\n"
        + f"{onward}\n"
        + ("" if done == distinct else f"```\n{command}\n```\n")
    )


def _use(record: Study, storage: str) -> str:
    loaded = is_loaded(record.protocol.model)
    lines = python_lines(record.name, storage, loaded)
    does = "accelerates the pipe by it" if loaded else "writes its script"
    return f"This {does}:\n```python\n{lines}\n```\n\n"


def _cell(text: str) -> str:
    return text.replace("|", "\\|")


def _command(plan: Plan, trials: int, storage: str) -> str:
    """Return the command that resumes exactly this study, or else the Python call."""
    if plan.model.pipe is not None:
        return ONWARD_IN_PYTHON
    request = replace(
        with_whole_paths(plan.request),
        pipeline=plan.combination.pipeline,
        scheduler=plan.combination.scheduler,
        methods=plan.combination.methods,
        trials=trials,
        # The next run needs no time limit and no requirement, and the study keeps its budgets.
        timeout_s=None,
        requirement=Requirement(),
        loss_budget=None,
    )
    # One option a line, because the page grows as wide as its longest line.
    return " \\\n  ".join(["accelfront study", *study_words(request, storage)])
