"""Tables for people."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from rich import box
from rich.table import Table

from accelfront.screen.budgeted import budgeted_text, loss_text
from accelfront.screen.counting import counted
from accelfront.screen.rivals import (
    FEWER_STEPS,
    VS_LOSSLESS,
    WARM_UP,
    best_lossless_text,
    fewer_steps_text,
    vs_lossless_text,
    warmup_text,
)
from accelfront.screen.terminal import json_text
from accelfront.screen.votes import VOTES, votes_text
from storage.records.budgets import Figure, figure, title
from storage.records.conclusions.words import loss_share, share_text
from storage.records.measurement import Measurement
from storage.records.points import by_short_names

if TYPE_CHECKING:
    from generator.bounds import WeakBaseline
    from storage.records.judgement import Rivals
    from storage.records.trial import Failure
from storage.records.study import OFF_FRONT, Study
from storage.records.trial import Trial

DISTURBED = "!"

HOST_BOUND = 0.5
"""A GPU that waits for its host for a greater share of the time than this is held up by it."""

INSIDE = "inside: the chance that the point is truly inside all budgets"

BEATEN = f"{OFF_FRONT}: others beat it as measured, but are less surely inside"

WORST = "worst 5%: the mean loss of the prompts that lost most"

HITS = "hits: the share of the denoiser's calls in which the cache reused blocks"

SKIPS = "skips: the share of all calls' blocks that the schedule left out"

AGAIN = "second line: measured again on unseen prompts, and judged by both"


def print_json(content: Any) -> None:
    """Print JSON on stdout."""
    print(json_text(content))


def plain_table(*columns: str, title: str | None = None) -> Table:
    """A table that also reads well without colours and in a file."""
    table = Table(
        title=title,
        title_justify="left",
        title_style="bold",
        box=box.SIMPLE_HEAD,
        padding=(0, 1, 0, 0),
    )
    for column in columns:
        table.add_column(column, justify="right", overflow="fold")
    return table


def front_table(study: Study, heading: str | None = None) -> Table:
    """The front of a study, fastest first; points outside the loss budget are dim and marked.

    Args:
        study: The study.
        heading: The table's heading; None uses the study's title.
    """
    front, rivals, roles = study.listed, study.rivals, study.roles
    beside = [] if rivals.lossless is None else ["vs\nloss-\nless"]
    # Headers of two lines, and similarity below the parameters, so that all fits in 80 columns.
    table = plain_table(
        "#",
        "speedup",
        *beside,
        "s/pic-\nture",
        title(study.loss),
        "inside",
        title=heading or study.title,
    )
    table.add_column("parameters", justify="left", overflow="fold")
    for trial in front:
        measured = trial.measurements
        table.add_row(
            "\n".join(
                f"{'' if again else trial.number}{DISTURBED if each.disturbances else ''}"
                for again, each in enumerate(measured)
            ),
            "\n".join(map(speedup_text, measured)),
            # On the line of the speedup from which it is computed.
            *("\n" * (len(measured) - 1) + vs_lossless_text(rivals, trial) for _ in beside),
            f"{trial.measurement.latency_s:#.3g}".rstrip("."),
            "\n".join(_loss(trial.lost(each), study.loss_budget) for each in measured),
            share_text(trial.chance_inside(study.budgets)),
            "\n".join(filter(None, _details(study, trial, rivals, roles))),
            style=None if trial.judged_loss <= study.loss_budget else "dim",
        )
    table.caption = _notes(study)
    table.caption_justify = "left"
    return table


def _notes(study: Study) -> str:
    """The meaning of the columns and marks that a front has."""
    front, rivals, roles = study.listed, study.rivals, study.roles
    notes = {
        "#: the trial; intervals at 95%; similar: CLIP cosine to the baseline": True,
        INSIDE: True,
        BEATEN: any(OFF_FRONT in role for role in roles.values()),
        f"{VS_LOSSLESS} ({best_lossless_text(rivals)})": rivals.lossless is not None,
        FEWER_STEPS: any(fewer_steps_text(rivals, trial) for trial in front),
        WARM_UP: any(trial.warmup_s is not None for trial in front),
        WORST: any(worst_text(trial) for trial in front),
        HITS: any(trial.measurement.hits is not None for trial in front),
        SKIPS: any(skips_text(trial) for trial in front),
        AGAIN: any(trial.confirmed is not None for trial in front),
        VOTES: any(votes_text(study, trial) for trial in front),
        f"* over the loss budget of {study.budgets.loss_in_words}": any(
            trial.lost(each).value > study.loss_budget
            for trial in front
            for each in trial.measurements
        ),
        ruled_out_text(study): bool(study.ruled_out),
        f"{DISTURBED} something disturbed this measurement: doubt its latency": any(
            each.disturbances for trial in front for each in trial.measurements
        ),
    }
    return "\n".join(note for note, is_due in notes.items() if is_due)


def loss_column(studies: Iterable[Study]) -> str:
    """The header of losses if all are of one metric; otherwise the budgets name the metrics."""
    named = {title(study.loss) for study in studies}
    return named.pop() if len(named) == 1 else "loss"


def ruled_out_text(study: Study) -> str:
    """How many points are on no front, and which budgets they break."""
    unknown = [
        title(name)
        for name in study.budgets.conditions
        if any(figure(trial.judged, name) is None for trial in study.ruled_out)
    ]
    points = counted(len(study.ruled_out), "point")
    words = f"left out: {points} with {study.budgets.breaches_in_words}"
    if not unknown:
        return words
    return f"{words}, or measured before the {' and the '.join(unknown)} was"


def _loss(loss: Figure, budget: float) -> str:
    return f"{'* ' if loss.value > budget else ''}{loss_text(loss)}"


def _details(study: Study, trial: Trial, rivals: Rivals, roles: Mapping[int, str]) -> list[str]:
    """A point's parameters and the text below them, a line each; some may be empty."""
    measured = trial.measurement
    return [
        searched_params(study, trial),
        roles.get(trial.number, ""),
        "lossless" if trial.is_lossless else "",
        fewer_steps_text(rivals, trial),
        budgeted_text(study, trial),
        f"worst 5% {worst}" if (worst := worst_text(trial)) else "",
        f"similar {measured.image_similarity:.3f}",
        "" if measured.hits is None else f"hits {measured.hits:.0%}",
        skips_text(trial),
        warmup_text(trial),
        votes_text(study, trial),
    ]


def worst_text(trial: Trial) -> str:
    """The mean loss of the prompts that lost most; empty if unknown."""
    worst = trial.judged.worst_loss
    return "" if worst is None else loss_share(worst)


def skips_text(trial: Trial) -> str:
    """How much of a transformer's blocks is left out; empty if that is decided at run time."""
    share = trial.measurement.skipped.get("blocks")
    return "" if share is None else f"skips {share:.0%}"


def speedup_text(measured: Measurement) -> str:
    """A speedup and its interval."""
    low, high = measured.speedup_ci
    return f"{measured.speedup:.2f}x {low:.2f}-{high:.2f}"


def searched_params(study: Study, trial: Trial) -> str:
    """A point's parameters, without those that have only one choice."""
    choices = study.space.choices
    short = by_short_names({name: name for name in trial.params})
    return "\n".join(
        f"{shown}={trial.params[name]:g}"
        for shown, name in short.items()
        if len(choices.get(name, ())) != 1
    )


def combination_text(study: Study) -> Sequence[str]:
    """The cells of a study's combination: pipeline, scheduler, steps, methods."""
    combination = study.combination
    return (
        combination.pipeline,
        combination.scheduler,
        str(combination.steps),
        combination.method_names,
    )


def foreign_text(study: Study) -> str:
    """A note on a study's complete trials that are not ours."""
    count = study.foreign_trials
    they_count = "it counts" if count == 1 else "they count"
    return f"accelfront did not measure {counted(count, 'trial')}; {they_count} for nothing"


def weakness_text(weak: WeakBaseline) -> str:
    """A warning about losses against a baseline that is poor itself."""
    scheduler, steps = weak.better
    return (
        f"{weak.pipeline} {weak.scheduler} {weak.steps} without acceleration scores "
        f"{weak.shortfall:.1%} less than {scheduler} {steps}: a small loss "
        "against this baseline means little"
    )


def doubts(studies: Iterable[Study]) -> list[str]:
    """Doubts about the losses of studies, each once; mostly none."""
    told: dict[str, None] = {}
    for study in studies:
        if study.doubt:
            pipeline, scheduler, steps, _ = combination_text(study)
            told[f"{pipeline} {scheduler} {steps}: {study.doubt}"] = None
    return list(told)


def waiting_text(study: Study) -> str:
    """A warning if the GPU waits for its host at the best point; otherwise empty."""
    best = study.conclusion.best
    share = None if best is None else best.judged.gpu_bound
    if best is None or share is None or 1 - share <= HOST_BOUND:
        return ""
    return (
        f"trial {best.number}: the GPU waits for its host {1 - share:.0%} of the time, so another "
        "host gives another speedup; a greater --batch-size gives the GPU more to do"
    )


def failures_text(failures: Sequence[Failure], words: str) -> list[str]:
    """A line for each reason why points failed, and one on how to retry them.

    Args:
        failures: The failures of the points' own making.
        words: How each line begins.
    """
    reasons: dict[str, list[str]] = {}
    for failure in failures:
        reasons.setdefault(failure.reason, []).append(failure.point)
    lines = [
        f"{words}: {points[0]}{f' and {len(points) - 1} more' if points[1:] else ''}: {reason}"
        for reason, points in reasons.items()
    ]
    return [*lines, "`accelfront study` with --retry-failed tries them again"] if lines else []
